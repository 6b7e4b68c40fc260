"""Service accounts: credentials whose secret goes in and never comes out."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.harvest.store.instruments import let_account_go
from app.models import ServiceAccount
from app.services import audit
from app.services.credentials import Vault
from app.services.edits import changes, find, guarded_update, old_and_new, plain, translated
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_ORDER = Keyset((ServiceAccount.name, ServiceAccount.id))


async def list_accounts(database: Database, request: PageRequest) -> Page[ServiceAccount]:
    """Return a page of the service accounts by name."""
    async with database.read() as session:
        return await fetch_page(session, select(ServiceAccount), request, _ORDER)


async def get_account(database: Database, account_id: uuid.UUID) -> ServiceAccount:
    """Return one service account."""
    async with database.read() as session:
        return await find(session, ServiceAccount, account_id)


async def create_account(
    database: Database, vault: Vault, actor: str, values: Mapping[str, Any], secret: str
) -> ServiceAccount:
    """Store a service account with its encrypted secret."""
    now = utcnow()

    async def work(session: AsyncSession) -> ServiceAccount:
        account = ServiceAccount(
            **values,
            secret_encrypted=vault.encrypt(secret),
            revision=1,
            created_at=now,
            updated_at=now,
        )
        async with translated(session, "name_taken"):
            session.add(account)
        await audit.record(
            session,
            actor=actor,
            action="service_account.created",
            subject=f"service_account:{account.id}",
            details={"new": plain(values)},
        )
        return account

    return await database.run(work)


@dataclass(frozen=True)
class AccountChange:
    """What changes about which revision of a service account."""

    account_id: uuid.UUID
    revision: int
    values: Mapping[str, Any]
    secret: str | None = field(default=None, repr=False)


async def change_account(
    database: Database, vault: Vault, actor: str, change: AccountChange
) -> ServiceAccount:
    """Change a service account; a new secret may log on again."""
    account_id, secret = change.account_id, change.secret

    async def work(session: AsyncSession) -> ServiceAccount:
        account = await find(session, ServiceAccount, account_id)
        changed = changes(account, change.values)
        details = old_and_new(account, changed)
        stored: dict[str, Any] = dict(changed)
        # A changed user name is a new log-on as well: what was refused was the pair.
        if secret is not None or "username" in changed or "secret_kind" in changed:
            stored |= {
                "secret_version": account.secret_version + 1,
                "refused_version": 0,
                "refused_at": None,
            }
        if secret is not None:
            stored["secret_encrypted"] = vault.encrypt(secret)
            details["secret_changed"] = True
        await guarded_update(session, account, change.revision, stored)
        if "secret_version" in stored:
            await let_account_go(session, account_id)
        await audit.record(
            session,
            actor=actor,
            action="service_account.changed",
            subject=f"service_account:{account_id}",
            details=details,
        )
        return account

    return await database.run(work)


async def delete_account(
    database: Database, actor: str, account_id: uuid.UUID, revision: int
) -> None:
    """Delete a service account that no instrument uses."""

    async def work(session: AsyncSession) -> None:
        account = await find(session, ServiceAccount, account_id)
        await guarded_update(session, account, revision, {})
        async with translated(session, "in_use"):
            await session.execute(delete(ServiceAccount).where(ServiceAccount.id == account_id))
        await audit.record(
            session,
            actor=actor,
            action="service_account.deleted",
            subject=f"service_account:{account_id}",
            details={"old": {"name": account.name, "username": account.username}},
        )

    await database.run(work)
