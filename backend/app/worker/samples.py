"""The health of storage locations: looked at each minute by a worker that reaches them.

Sentinel, latency, free space, error rate; once an hour a sample is kept, from which the page tells
when a place will be full.
"""

import asyncio
import logging
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import Attempt, Copy, StorageLocation, StorageSample, StorageState
from app.services.storages import StorageOpener
from app.transfers.base import Space

logger = logging.getLogger("streamweave.samples")
_PATIENCE_SECONDS = 30.0
# Of these the error rate is told: a bound, so that it costs the same on a busy day.
_RATED_ATTEMPTS = 2_000
_RATED_TIME = timedelta(hours=1)


async def measure_storage(database: Database, opener: StorageOpener, zones: list[str]) -> int:
    """Look at the zones' storage locations; return how many answered."""
    answered = 0
    rates = await database.ask(error_rates)
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
            health: dict[str, Any] = {
                "looked_at": utcnow().isoformat(),
                "trouble": code,
                **_rate(rates, row),
            }
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
            **_rate(rates, row),
        }
        await database.run(lambda s, r=row, h=health, p=space: _note(s, r, h, p))  # type: ignore[misc]
        answered += 1
    return answered


async def error_rates(session: AsyncSession) -> dict[uuid.UUID, tuple[int, int]]:
    """Return of each location how many attempts ended there of late, and how many by its fault.

    The newest 2,000 attempts of the whole installation, none older than an hour.
    """
    newest = (
        select(Attempt.copy_id, Attempt.error_code, Attempt.ended_at)
        .order_by(Attempt.id.desc())
        .limit(_RATED_ATTEMPTS)
        .subquery()
    )
    rows = await session.execute(
        select(Copy.storage_location_id, newest.c.error_code)
        .join(newest, newest.c.copy_id == Copy.id)
        .where(newest.c.ended_at > utcnow() - _RATED_TIME)
    )
    ended: Counter[uuid.UUID] = Counter()
    failed: Counter[uuid.UUID] = Counter()
    for location, code in rows:
        ended[location] += 1
        failed[location] += code is not None and is_by_storage(code)
    return {location: (count, failed[location]) for location, count in ended.items()}


def is_by_storage(code: str) -> bool:
    """Whether an error is the storage's doing, and not the instrument's or a file's."""
    return code.startswith("storage_") or code == "read_back_mismatch"


def _rate(rates: dict[uuid.UUID, tuple[int, int]], row: StorageLocation) -> dict[str, int]:
    attempts, failures = rates.get(row.id, (0, 0))
    return {"recent_attempts": attempts, "recent_failures": failures}


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
