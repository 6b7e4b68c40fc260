"""The health of storage locations: looked at each minute by a worker that reaches them.

Sentinel, latency, free space; once an hour a sample is kept, from which the page tells when a
place will be full.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import StorageLocation, StorageSample, StorageState
from app.services.storages import StorageOpener
from app.transfers.base import Space

logger = logging.getLogger("streamweave.samples")
_PATIENCE_SECONDS = 30.0


async def measure_storage(database: Database, opener: StorageOpener, zones: list[str]) -> int:
    """Look at the zones' storage locations; return how many answered."""
    answered = 0
    for row in await database.ask(lambda s: _places(s, zones)):
        before = monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                storage = await opener(row)
                await storage.check_ready()  # an empty mount point has another size
                latency_ms = round((monotonic() - before) * 1000, 1)
                space = await storage.space()
        except (StreamWeaveError, TimeoutError) as error:
            code = error.code if isinstance(error, StreamWeaveError) else "storage_stalled"
            logger.info("%s is not well: %s", row.name, error)
            if isinstance(error, StreamWeaveError):
                await opener.note(row, error)
            health: dict[str, Any] = {"looked_at": utcnow().isoformat(), "trouble": code}
            await database.run(lambda s, r=row, h=health: _note(s, r, h))  # type: ignore[misc]
            continue
        can = storage.capabilities
        health = {
            "looked_at": utcnow().isoformat(),
            "checked_at": utcnow().isoformat(),
            "trouble": None,
            "latency_ms": latency_ms,
            "overwriting": can.overwriting.value,
            "durable": can.durable,
        }
        await database.run(lambda s, r=row, h=health, p=space: _note(s, r, h, p))  # type: ignore[misc]
        answered += 1
    return answered


async def _places(session: AsyncSession, zones: list[str]) -> list[StorageLocation]:
    query = select(StorageLocation).where(
        StorageLocation.zone.in_(zones), StorageLocation.state != StorageState.RETIRED
    )
    return list(await session.scalars(query))


async def _note(
    session: AsyncSession,
    row: StorageLocation,
    health: dict[str, Any],
    space: Space | None = None,
) -> None:
    if space is not None:
        health |= {
            "free_bytes": space.free_bytes,
            "total_bytes": space.total_bytes,
            "measured_at": utcnow().isoformat(),
        }
        await _keep_sample(session, row, space)
    known = await session.get(StorageLocation, row.id, with_for_update=True)
    if known is not None:
        await session.execute(
            update(StorageLocation)
            .where(StorageLocation.id == row.id)
            .values(health={**known.health, **health})
        )


async def _keep_sample(session: AsyncSession, row: StorageLocation, space: Space) -> None:
    hour: datetime = utcnow().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = {
        "storage_location_id": row.id,
        "hour": hour,
        "total_bytes": space.total_bytes,
        "free_bytes": space.free_bytes,
    }
    # One an hour: the first one, whoever takes it.
    await session.execute(dialect.insert(StorageSample).values(values).on_conflict_do_nothing())
