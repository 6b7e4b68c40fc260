"""How full storage locations are: measured once an hour by a worker that reaches them."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import and_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import StorageLocation, StorageSample
from app.transfers.posix import PosixStorage

logger = logging.getLogger("streamweave.samples")
_PATIENCE_SECONDS = 30.0


async def measure_storage(database: Database, zones: list[str]) -> int:
    """Measure the zones' storage locations that were not measured this hour; return how many."""
    hour = utcnow().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    measured = 0
    for row in await database.ask(lambda s: _due(s, zones, hour)):
        storage = PosixStorage(
            Path(row.path), installation="sample00", sentinel=row.sentinel, worker="sample"
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await storage.check_ready()  # an empty mount point has another size
                space = await storage.space()
        except (StreamWeaveError, TimeoutError) as error:
            logger.info("%s cannot be measured now: %s", row.name, error)
            continue
        if space is None:
            continue  # an object store without a limit
        sample = StorageSample(
            storage_location_id=row.id,
            hour=hour,
            total_bytes=space.total_bytes,
            free_bytes=space.free_bytes,
        )
        await database.run(lambda s, one=sample: _save(s, one))  # type: ignore[misc]
        measured += 1
    return measured


async def _due(session: AsyncSession, zones: list[str], hour: datetime) -> list[StorageLocation]:
    known = and_(
        StorageSample.storage_location_id == StorageLocation.id, StorageSample.hour == hour
    )
    query = (
        select(StorageLocation)
        .outerjoin(StorageSample, known)
        .where(StorageLocation.zone.in_(zones), StorageSample.hour.is_(None))
    )
    return list(await session.scalars(query))


async def _save(session: AsyncSession, sample: StorageSample) -> None:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = {
        "storage_location_id": sample.storage_location_id,
        "hour": sample.hour,
        "total_bytes": sample.total_bytes,
        "free_bytes": sample.free_bytes,
    }
    # Another worker of the zone may have been faster.
    await session.execute(dialect.insert(StorageSample).values(values).on_conflict_do_nothing())
    health = {
        "total_bytes": sample.total_bytes,
        "free_bytes": sample.free_bytes,
        "measured_at": utcnow().isoformat(),
    }
    await session.execute(
        update(StorageLocation)
        .where(StorageLocation.id == sample.storage_location_id)
        .values(health=health)
    )
