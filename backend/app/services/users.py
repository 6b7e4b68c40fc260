"""People: the first admin's one-time code, accounts, and who may see which instrument.

Passwords arrive here hashed (auth does that); this room stores and audits.
"""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import ApiToken, Grant, Instrument, Setting, User
from app.services import audit
from app.services.conditions import has_part
from app.services.edits import changes, find, old_and_new, translated, user_actor
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_SETUP_CODE = "setup_code"
_ORDER = Keyset((User.id,))
# By the table: fastapi-users types its columns as plain values.
_IS_ADMIN = User.__table__.c.is_superuser.is_(True)
_IS_ACTIVE = User.__table__.c.is_active.is_(True)
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that looks like something else


async def _has_admin(session: AsyncSession) -> bool:
    query = select(User.id).where(_IS_ADMIN).limit(1)
    return (await session.scalar(query)) is not None


async def setup_needed(database: Database) -> bool:
    """Return whether nobody is admin yet."""
    async with database.read() as session:
        return not await _has_admin(session)


async def ensure_setup_code(database: Database) -> str | None:
    """Return a fresh one-time code for the first admin, replacing an unused one.

    Returns None when there is an admin. Only the code's SHA-256 is stored.
    """
    groups = ["".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)]
    code = "-".join(groups)
    value = {"sha256": hashlib.sha256(code.encode()).hexdigest(), "used": False}

    async def work(session: AsyncSession) -> str | None:
        if await _has_admin(session):
            return None
        row = await session.get(Setting, _SETUP_CODE)
        if row is None:
            session.add(Setting(key=_SETUP_CODE, value=value))
        else:
            row.value = value
        return code

    return await database.run(work)


async def create_first_admin(
    database: Database, code: str, email: str, hashed_password: str
) -> User:
    """Make the first admin, once, for who knows the one-time code.

    Raises:
        StreamWeaveError: `setup_code_invalid` for a wrong or used code.
    """
    digest = hashlib.sha256(code.strip().upper().encode()).hexdigest()

    async def work(session: AsyncSession) -> User:
        row = await session.get(Setting, _SETUP_CODE, with_for_update=True)
        stored = str(row.value.get("sha256", "")) if row is not None else ""
        fits = hmac.compare_digest(stored, digest)
        if row is None or not fits or row.value.get("used") or await _has_admin(session):
            raise StreamWeaveError("setup_code_invalid")
        row.value = {"sha256": stored, "used": True}
        user = _new_user({"email": email, "is_superuser": True}, hashed_password)
        async with translated(session, "name_taken"):
            session.add(user)
        await audit.record(
            session, actor=user_actor(user.id), action="user.first_admin", subject=f"user:{user.id}"
        )
        return user

    return await database.run(work)


def _new_user(values: Mapping[str, Any], hashed_password: str) -> User:
    return User(
        **{"display_name": "", "is_superuser": False, **values},
        hashed_password=hashed_password,
        is_active=True,
        is_verified=True,
        created_at=utcnow(),
    )


async def _refuse_taken_email(session: AsyncSession, email: str) -> None:
    # The unique index is case-sensitive; people are not.
    if await session.scalar(select(User.id).where(func.lower(User.email) == email.lower())):
        raise StreamWeaveError("name_taken", "This e-mail address is used already.")


async def list_users(
    database: Database, request: PageRequest, search: str | None = None
) -> Page[User]:
    """Return a page of people, oldest account first; with a part of their name or address."""
    query = select(User)
    if search:
        query = query.where(has_part(search, User.display_name, User.email))
    async with database.read() as session:
        return await fetch_page(session, query, request, _ORDER)


async def get_user(database: Database, user_id: uuid.UUID) -> User:
    """Return one person."""
    async with database.read() as session:
        return await find(session, User, user_id)


async def create_user(
    database: Database, actor: str, values: Mapping[str, Any], hashed_password: str
) -> User:
    """Store an account. The audit trail names it by id only."""

    async def work(session: AsyncSession) -> User:
        await _refuse_taken_email(session, values["email"])
        user = _new_user(values, hashed_password)
        async with translated(session, "name_taken"):
            session.add(user)
        await audit.record(
            session,
            actor=actor,
            action="user.created",
            subject=f"user:{user.id}",
            details={"new": {"is_superuser": user.is_superuser}},
        )
        return user

    return await database.run(work)


def user_tag(user: User) -> int:
    """Return the edit mark of an account: it has no revision, so its content stands for one."""
    parts = (user.email, user.display_name, user.is_active, user.is_superuser, user.hashed_password)
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big")


async def change_user(
    database: Database,
    actor: str,
    user_id: uuid.UUID,
    tag: int,
    values: Mapping[str, Any],
    hashed_password: str | None = None,
) -> User:
    """Change an account; a new password or its deactivation revokes all its tokens.

    Raises:
        StreamWeaveError: `in_use` when it is the last active admin.
    """

    async def work(session: AsyncSession) -> User:
        user = await session.get(User, user_id, with_for_update=True)
        if user is None:
            raise StreamWeaveError("not_found")
        if user_tag(user) != tag:
            raise StreamWeaveError("edit_conflict")
        changed = changes(user, values)
        if "email" in changed and changed["email"].lower() != user.email.lower():
            await _refuse_taken_email(session, changed["email"])
        await _keep_one_admin(session, user, changed)
        audited = {key: value for key, value in changed.items() if key.startswith("is_")}
        details = old_and_new(user, audited)
        details["fields"] = sorted([*changed, *(["password"] if hashed_password else [])])
        stored = {**changed, **({"hashed_password": hashed_password} if hashed_password else {})}
        if stored:
            async with translated(session, "name_taken"):
                await session.execute(update(User).where(User.id == user_id).values(**stored))
        if hashed_password or changed.get("is_active") is False:
            await session.execute(delete(ApiToken).where(ApiToken.user_id == user_id))
        await audit.record(
            session, actor=actor, action="user.changed", subject=f"user:{user_id}", details=details
        )
        await session.refresh(user)
        return user

    return await database.run(work)


@dataclass(frozen=True)
class OwnChange:
    """What somebody changes about themselves; the session that asks goes on."""

    tag: int
    values: Mapping[str, Any]
    hashed_password: str | None
    token_hash: bytes


async def change_me(database: Database, user_id: uuid.UUID, change: OwnChange) -> User:
    """Change one's own account; a new password revokes all other sessions and tokens.

    What the page remembers of a person is no fact for the audit trail.
    """

    async def work(session: AsyncSession) -> User:
        user = await session.get(User, user_id, with_for_update=True)
        if user is None:
            raise StreamWeaveError("not_found")
        if user_tag(user) != change.tag:
            raise StreamWeaveError("edit_conflict")
        stored = changes(user, change.values)
        audited = sorted(set(stored) - {"preferences"})
        if change.hashed_password:
            stored["hashed_password"] = change.hashed_password
            audited.append("password")
            others = ApiToken.token_hash != change.token_hash
            await session.execute(delete(ApiToken).where(ApiToken.user_id == user_id, others))
        if stored:
            await session.execute(update(User).where(User.id == user_id).values(**stored))
        if audited:
            await audit.record(
                session,
                actor=user_actor(user_id),
                action="user.changed",
                subject=f"user:{user_id}",
                details={"fields": audited},
            )
        await session.refresh(user)
        return user

    return await database.run(work)


async def _keep_one_admin(session: AsyncSession, user: User, changed: Mapping[str, Any]) -> None:
    loses = changed.get("is_active") is False or changed.get("is_superuser") is False
    if not (loses and user.is_superuser and user.is_active):
        return
    admins = await session.scalars(
        select(User.id).where(_IS_ADMIN, _IS_ACTIVE).order_by(User.id).with_for_update()
    )
    if len(admins.all()) < 2:
        raise StreamWeaveError("in_use", "This is the last admin.")


async def list_grants(database: Database, instrument_id: uuid.UUID) -> list[tuple[Grant, User]]:
    """Return who may see an instrument."""
    async with database.read() as session:
        await find(session, Instrument, instrument_id)
        rows = await session.execute(
            select(Grant, User)
            .join(User, User.id == Grant.user_id)
            .where(Grant.instrument_id == instrument_id)
            .order_by(User.email)
        )
        return [(grant, user) for grant, user in rows.all()]


async def get_grant(database: Database, instrument_id: uuid.UUID, user_id: uuid.UUID) -> Grant:
    """Return one right."""
    query = select(Grant).where(Grant.instrument_id == instrument_id, Grant.user_id == user_id)
    async with database.read() as session:
        grant = await session.scalar(query)
    if grant is None:
        raise StreamWeaveError("not_found")
    return grant


async def grant_instrument(
    database: Database, granted_by: uuid.UUID, instrument_id: uuid.UUID, user_id: uuid.UUID
) -> Grant:
    """Let a person see an instrument; granting twice changes nothing."""

    async def work(session: AsyncSession) -> Grant:
        await find(session, Instrument, instrument_id)
        await find(session, User, user_id)
        query = select(Grant).where(Grant.instrument_id == instrument_id, Grant.user_id == user_id)
        if (known := await session.scalar(query)) is not None:
            return known
        grant = Grant(
            user_id=user_id,
            instrument_id=instrument_id,
            granted_by=granted_by,
            created_at=utcnow(),
        )
        async with translated(session, "name_taken"):
            session.add(grant)
        await audit.record(
            session,
            actor=user_actor(granted_by),
            action="grant.created",
            subject=f"instrument:{instrument_id}",
            details={"user": str(user_id)},
            instrument_id=instrument_id,
        )
        return grant

    return await database.run(work)


async def revoke_grant(
    database: Database, actor: str, instrument_id: uuid.UUID, user_id: uuid.UUID
) -> None:
    """Take the right away."""

    async def work(session: AsyncSession) -> None:
        gone = await session.execute(
            delete(Grant)
            .where(Grant.instrument_id == instrument_id, Grant.user_id == user_id)
            .returning(Grant.id)
        )
        if gone.first() is None:
            raise StreamWeaveError("not_found")
        await audit.record(
            session,
            actor=actor,
            action="grant.deleted",
            subject=f"instrument:{instrument_id}",
            details={"user": str(user_id)},
            instrument_id=instrument_id,
        )

    await database.run(work)
