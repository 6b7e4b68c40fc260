"""Tokens of a person's programs: made once, shown once, revocable."""

import uuid
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import ApiToken
from app.services import audit
from app.services.edits import user_actor
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_ORDER = Keyset((ApiToken.id,), descending=True)


async def list_tokens(
    database: Database, user_id: uuid.UUID, request: PageRequest
) -> Page[ApiToken]:
    """Return a page of a person's sessions and tokens, newest first."""
    query = select(ApiToken).where(ApiToken.user_id == user_id)
    async with database.read() as session:
        return await fetch_page(session, query, request, _ORDER)


async def create_token(
    database: Database,
    user_id: uuid.UUID,
    name: str,
    token_hash: bytes,
    expires_at: datetime | None,
) -> ApiToken:
    """Store the hash of a new token."""

    async def work(session: AsyncSession) -> ApiToken:
        token = ApiToken(
            user_id=user_id,
            token_hash=token_hash,
            kind="token",
            name=name,
            created_at=utcnow(),
            expires_at=expires_at,
        )
        session.add(token)
        await session.flush()
        await audit.record(
            session,
            actor=user_actor(user_id),
            action="token.created",
            subject=f"token:{token.id}",
        )
        return token

    return await database.run(work)


async def delete_token(database: Database, user_id: uuid.UUID, token_id: uuid.UUID) -> None:
    """Revoke one of a person's own tokens."""

    async def work(session: AsyncSession) -> None:
        gone = await session.execute(
            delete(ApiToken)
            .where(ApiToken.id == token_id, ApiToken.user_id == user_id)
            .returning(ApiToken.id)
        )
        if gone.first() is None:
            raise StreamWeaveError("not_found")
        await audit.record(
            session,
            actor=user_actor(user_id),
            action="token.deleted",
            subject=f"token:{token_id}",
        )

    await database.run(work)
