"""What an instrument's files do right now: in flight, the last minute's rate, what is left."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.harvest.store.words import IN_FLIGHT, WAITING
from app.models import Copy, CopyProgress, Outbox, SourceFile, StorageLocation, User
from app.services.access import readable_instrument
from app.services.file_counts import EXACT_TO, Count
from app.services.outbox import newest_seq

_SHOWN = 100
_LOOKED_AT = 20_000  # rows of the outbox
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class InFlight:
    """A copy in a worker's hands; received bytes are known of what takes longer than seconds."""

    copy_id: uuid.UUID
    file_id: uuid.UUID
    path: str
    storage_id: uuid.UUID
    storage_name: str
    state: str
    since: datetime
    size_bytes: int
    received_bytes: int | None


@dataclass(frozen=True)
class LiveTransfers:
    """One instrument now. `eta` is None when nothing is left, or nobody can tell."""

    in_flight: Sequence[InFlight]
    moving: Count
    waiting: Count
    waiting_bytes: int
    files_per_second: float
    bytes_per_second: float
    eta: datetime | None


async def read_live(database: Database, user: User, instrument_id: uuid.UUID) -> LiveTransfers:
    """Look at an instrument that a person may see."""
    async with database.read() as session:
        await readable_instrument(session, user, instrument_id)
        flying = await _in_flight(session, instrument_id)
        moving, moving_bytes = await _sum(session, instrument_id, IN_FLIGHT)
        waiting, waiting_bytes = await _sum(session, instrument_id, WAITING)
        files, size = await _last_minute(session, instrument_id)
    received = sum(one.received_bytes or 0 for one in flying)
    left = waiting_bytes + moving_bytes - received
    eta = None
    if size > 0 and moving + waiting > 0 and waiting <= EXACT_TO:
        eta = utcnow() + timedelta(seconds=left / size)
    return LiveTransfers(
        flying,
        Count(min(moving, EXACT_TO), moving > EXACT_TO),
        Count(min(waiting, EXACT_TO), waiting > EXACT_TO),
        waiting_bytes,
        files,
        size,
        eta,
    )


async def _in_flight(session: AsyncSession, instrument_id: uuid.UUID) -> list[InFlight]:
    rows = await session.execute(
        select(
            Copy.id,
            Copy.source_file_id,
            SourceFile.path,
            Copy.storage_location_id,
            StorageLocation.name,
            Copy.state,
            Copy.state_since,
            Copy.size_bytes,
            CopyProgress.received_bytes,
        )
        .join(SourceFile, SourceFile.id == Copy.source_file_id)
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
        .outerjoin(
            CopyProgress,
            (CopyProgress.copy_id == Copy.id) & (CopyProgress.attempt == Copy.attempt),
        )
        .where(IN_FLIGHT, Copy.instrument_id == instrument_id)
        .order_by(Copy.size_bytes.desc(), Copy.id)
        .limit(_SHOWN)
    )
    return [InFlight(*row) for row in rows.all()]


async def _sum(session: AsyncSession, instrument_id: uuid.UUID, words: object) -> tuple[int, int]:
    found = (
        select(Copy.size_bytes)
        .where(Copy.instrument_id == instrument_id, words)  # type: ignore[arg-type]
        .limit(EXACT_TO + 1)
        .subquery()
    )
    row = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(found.c.size_bytes), 0)).select_from(found)
        )
    ).one()
    return int(row[0]), int(row[1])


async def _last_minute(session: AsyncSession, instrument_id: uuid.UUID) -> tuple[float, float]:
    """Return files and bytes a second, of what became available in the last minute.

    Where the minute has more rows than are looked at, those of the shorter time speak for it.
    """
    after = await newest_seq(session) - _LOOKED_AT
    began = utcnow() - _MINUTE
    oldest = await session.scalar(
        select(Outbox.created_at).where(Outbox.seq > after).order_by(Outbox.seq).limit(1)
    )
    since = max(began, oldest) if oldest is not None and after > 0 else began
    row = (
        await session.execute(
            select(
                func.count(),
                func.coalesce(func.sum(Outbox.payload["size_bytes"].as_integer()), 0),
            ).where(
                Outbox.seq > after,
                Outbox.topic == "copy.available",
                Outbox.instrument_id == instrument_id,
                Outbox.created_at >= since,
            )
        )
    ).one()
    seconds = max(1.0, (utcnow() - since).total_seconds())
    return row[0] / seconds, int(row[1]) / seconds
