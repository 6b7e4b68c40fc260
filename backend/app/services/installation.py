"""The installation's own identity: part of every temporary name and of the journal's folder."""

import secrets

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import Setting

_KEY = "installation"


async def installation_id(database: Database) -> str:
    """Return the installation's id (16 hex digits), made at the first start."""
    async with database.read() as session:
        row = await session.get(Setting, _KEY)
    if row is not None:
        return str(row.value["id"])

    async def make(session: AsyncSession) -> None:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        await session.execute(
            dialect.insert(Setting)
            .values(key=_KEY, value={"id": secrets.token_hex(8)})
            .on_conflict_do_nothing()
        )

    await database.run(make)
    return await installation_id(database)
