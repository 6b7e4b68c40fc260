"""Sessions and tokens: random values of which only the SHA-256 is stored.

One table serves both: `session` rows belong to the page's cookie, `token` rows to programs. A value
is shown once; deleting its row revokes it at once.
"""

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import Literal

from fastapi_users.authentication import Strategy
from fastapi_users.manager import BaseUserManager
from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.models import ApiToken, User

Kind = Literal["session", "token"]
SESSION_LIFETIME = timedelta(days=14)
TOKEN_LIFETIME = timedelta(days=365)
_PREFIX = "sw_"


def new_token() -> str:
    """Return a fresh token value with 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_token(value: str) -> bytes:
    """Return what is stored of a token; its entropy needs no slow hash."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()


class TokenStrategy(Strategy[User, uuid.UUID]):
    """Reads, writes and destroys the tokens of one kind in `api_tokens`."""

    def __init__(self, database: Database, kind: Kind) -> None:
        self._database = database
        self._kind = kind

    async def read_token(
        self, token: str | None, user_manager: BaseUserManager[User, uuid.UUID]
    ) -> User | None:
        """Return the active user of a token that has not expired, or None."""
        if not token:
            return None
        query = (
            select(User)
            .join(ApiToken, ApiToken.user_id == User.id)
            .where(
                ApiToken.token_hash == hash_token(token),
                ApiToken.kind == self._kind,
                or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > utcnow()),
                User.__table__.c.is_active.is_(True),
            )
        )
        async with self._database.read() as session:
            return (await session.scalars(query)).one_or_none()

    async def write_token(self, user: User) -> str:
        """Store a new token of the user and return its value."""
        value, now = new_token(), utcnow()
        lifetime = SESSION_LIFETIME if self._kind == "session" else TOKEN_LIFETIME

        async def work(session: AsyncSession) -> None:
            await session.execute(
                delete(ApiToken).where(ApiToken.user_id == user.id, ApiToken.expires_at <= now)
            )
            session.add(
                ApiToken(
                    user_id=user.id,
                    token_hash=hash_token(value),
                    kind=self._kind,
                    name="signed in" if self._kind == "token" else "",
                    created_at=now,
                    expires_at=now + lifetime,
                )
            )

        await self._database.run(work)
        return value

    async def destroy_token(self, token: str, user: User) -> None:
        """Revoke a token."""

        async def work(session: AsyncSession) -> None:
            await session.execute(
                delete(ApiToken).where(
                    ApiToken.token_hash == hash_token(token), ApiToken.user_id == user.id
                )
            )

        await self._database.run(work)
