"""The bridge between fastapi-users and our tables: lookup, password rule, password hash."""

import uuid
from typing import Any

from fastapi_users import UUIDIDMixin
from fastapi_users.db import BaseUserDatabase
from fastapi_users.manager import BaseUserManager
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.database import Database
from app.models import User

_SHORTEST_EMBEDDED = 8
_SHORTEST = 12


class UserStore(BaseUserDatabase[User, uuid.UUID]):
    """Users by short transactions of their own; accounts are made by services, with audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, id: uuid.UUID) -> User | None:
        """Return the user of an id."""
        async with self._database.read() as session:
            return await session.get(User, id)

    async def get_by_email(self, email: str) -> User | None:
        """Return the user of an e-mail address, without regard to case."""
        query = select(User).where(func.lower(User.email) == email.lower())
        async with self._database.read() as session:
            return (await session.scalars(query)).first()

    async def update(self, user: User, update_dict: dict[str, Any]) -> User:
        """Store a stronger hash of the same password (called at sign-in only)."""

        async def work(session: AsyncSession) -> None:
            await session.execute(update(User).where(User.id == user.id).values(**update_dict))

        await self._database.run(work)
        return user


class Accounts(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """fastapi-users' manager: authentication with equal time for known and unknown addresses."""

    def __init__(self, store: UserStore, settings: Settings) -> None:
        super().__init__(store)
        self._settings = settings

    def password_problem(self, password: str, email: str) -> str | None:
        """Return why a password is too weak, or None."""
        shortest = _SHORTEST_EMBEDDED if self._settings.mode == "embedded" else _SHORTEST
        if len(password) < shortest:
            return f"The password needs at least {shortest} characters."
        if password.casefold() in (email.casefold(), email.partition("@")[0].casefold()):
            return "The password must differ from the e-mail address."
        if len(set(password)) < 4:
            return "The password needs at least four different characters."
        return None
