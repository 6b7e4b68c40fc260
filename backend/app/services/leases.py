"""Named leases: one process at a time dispatches, seals, reconciles, or tries a new secret."""

from sqlalchemy import delete, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import lease_clock_ms, lease_now
from app.models import Lease


async def take_lease(session: AsyncSession, name: str, owner: str, seconds: float) -> bool:
    """Take or renew a lease; return whether it is the owner's now."""
    until = await lease_clock_ms(session) + int(seconds * 1000)
    insert = (
        postgresql.insert(Lease)
        if session.get_bind().dialect.name == "postgresql"
        else sqlite.insert(Lease)
    )
    await session.execute(
        insert.values(name=name, owner=owner, until_ms=0).on_conflict_do_nothing()
    )
    found = await session.execute(
        update(Lease)
        .where(Lease.name == name, or_(Lease.owner == owner, Lease.until_ms < lease_now(session)))
        .values(owner=owner, until_ms=until)
        .returning(Lease.name)
    )
    return found.scalar_one_or_none() is not None


async def give_lease_back(session: AsyncSession, name: str, owner: str) -> None:
    """Give a lease back before it runs out."""
    await session.execute(delete(Lease).where(Lease.name == name, Lease.owner == owner))
