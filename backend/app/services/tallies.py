"""Hourly tallies: what each instrument made and what was delivered, counted from the outbox.

The cursor moves in the transaction that adds the numbers, so each row counts once; the engine
pays nothing for it.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.models import HourlyTally, Instrument, Outbox, OutboxCursor, StorageSample
from app.services.outbox import cursor_of, move_cursor, prune, rows_after

CONSUMER = "tallies"
COLUMNS = ("files", "file_bytes", "copies", "copy_bytes", "failures")
_BATCH = 1000
_KEPT = timedelta(days=100)
Hour = tuple[uuid.UUID, datetime]


def hour_of(time: datetime) -> datetime:
    """Return the beginning of a time's hour, in UTC."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


async def is_any_uncounted(session: AsyncSession) -> bool:
    """Return whether the outbox has rows that were not counted yet."""
    cursor = select(OutboxCursor.seq).where(OutboxCursor.consumer == CONSUMER).scalar_subquery()
    known = await session.scalar(select(cursor))
    return bool(await session.scalar(select(exists().where(Outbox.seq > int(known or 0)))))


async def count_news(session: AsyncSession) -> int:
    """Count a batch of outbox rows; return how many. Call it under the counter's lease."""
    rows = await rows_after(session, await cursor_of(session, CONSUMER), _BATCH)
    if not rows:
        return 0
    added = _added(rows)
    known = set(
        await session.scalars(select(Instrument.id).where(Instrument.id.in_({i for i, _ in added})))
    )
    # In the order of the key; an instrument that was deleted since has no tally.
    for (instrument_id, hour), counts in sorted(added.items()):
        if instrument_id in known:
            await _add(session, instrument_id, hour, counts)
    assert rows[-1].seq is not None
    await move_cursor(session, CONSUMER, rows[-1].seq)
    return len(rows)


def _added(rows: Iterable[Outbox]) -> dict[Hour, Counter[str]]:
    added: dict[Hour, Counter[str]] = {}
    for row in rows:
        if row.instrument_id is None:
            continue
        at = datetime.fromisoformat(row.payload["at"]) if "at" in row.payload else row.created_at
        counts = added.setdefault((row.instrument_id, hour_of(at)), Counter())
        if row.topic == "files.planned":
            counts.update(files=row.payload["count"], file_bytes=row.payload["size_bytes"])
        elif row.topic == "copy.available":
            counts.update(copies=1, copy_bytes=row.payload["size_bytes"])
        elif row.topic == "copy.failed":
            counts.update(failures=1)
    return {key: counts for key, counts in added.items() if counts}


async def _add(
    session: AsyncSession, instrument_id: uuid.UUID, hour: datetime, counts: Counter[str]
) -> None:
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = {name: counts[name] for name in COLUMNS}
    statement = dialect.insert(HourlyTally).values(instrument_id=instrument_id, hour=hour, **values)
    table = HourlyTally.__table__.c
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["instrument_id", "hour"],
            set_={name: table[name] + statement.excluded[name] for name in COLUMNS},
        )
    )


async def forget_old(session: AsyncSession) -> int:
    """Delete numbers of long ago, and a bounded number of old outbox rows; return how many."""
    before = utcnow() - _KEPT
    for table in (HourlyTally, StorageSample):
        await session.execute(delete(table).where(table.hour < before))
    return await prune(session)
