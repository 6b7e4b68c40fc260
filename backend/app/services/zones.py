"""Zones: which ones a worker serves, now or by configuration."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.database import lease_now
from app.models import Worker
from app.services.edits import InvalidField


async def check_zone(session: AsyncSession, settings: Settings, zone: str) -> None:
    """Refuse a zone that no registered worker and no setting knows."""
    if zone in settings.zone_names:
        return
    known = await session.scalar(select(Worker.id).where(Worker.zone == zone).limit(1))
    if known is None:
        raise InvalidField("/zone", f"No worker serves the zone '{zone}'.", "zone_unknown")


async def zone_is_served(session: AsyncSession, zone: str) -> bool:
    """Return whether a worker of the zone is alive."""
    query = select(Worker.id).where(Worker.zone == zone, Worker.until_ms > lease_now(session))
    return (await session.scalar(query.limit(1))) is not None
