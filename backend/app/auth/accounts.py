"""The bridge between fastapi-users and our tables: lookup, password rule, password hash.

Hashing takes 50 ms of a processor and 64 MiB on purpose: it runs in a few threads of its own, so
that the event loop goes on and many attempts at once do not fill the memory.
"""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
_HASHING = ThreadPoolExecutor(4, thread_name_prefix="password")
# Of no password: what an unknown address is compared with, at the cost of a known one.
DECOY = f"$argon2id$v=19$m=65536,t=3,p=4${'A' * 22}${'A' * 43}"


@dataclass(frozen=True)
class SignIn:
    """An attempt to sign in: whose address was given, and whether they may come in."""

    user: User | None
    accepted: bool


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
    """fastapi-users' manager, with sign-in off the event loop and in equal time for everybody."""

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

    async def sign_in(self, email: str, password: str) -> SignIn:
        """Compare a password; unknown and inactive people take the same steps as all others."""
        user = await self.user_db.get_by_email(email)
        stored = user.hashed_password if user is not None else DECOY
        loop = asyncio.get_running_loop()
        fits, stronger = await loop.run_in_executor(
            _HASHING, self.password_helper.verify_and_update, password, stored
        )
        if user is None or not fits or not user.is_active:
            return SignIn(user, accepted=False)
        if stronger is not None:
            await self.user_db.update(user, {"hashed_password": stronger})
        return SignIn(user, accepted=True)

    async def hash_password(self, password: str) -> str:
        """Return what is stored of a password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_HASHING, self.password_helper.hash, password)
