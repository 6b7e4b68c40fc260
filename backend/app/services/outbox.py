"""The dispatcher: gives committed outbox rows their `seq`, in one order that never changes.

Ids alone commit out of order; a consumer with a cursor on `seq` misses nothing. What every
consumer has read is pruned when it is a day old; the newest rows stay, so that `seq` goes on.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.models import Outbox, OutboxCursor

_KEPT_ROWS = 1000
_KEPT = timedelta(days=1)
_PRUNED_AT_ONCE = 5000


async def dispatch(session: AsyncSession, *, limit: int = 1000) -> int:
    """Number up to `limit` rows; return how many. Call it under the dispatcher's lease."""
    rows = (
        await session.scalars(
            select(Outbox).where(Outbox.seq.is_(None)).order_by(Outbox.id).limit(limit)
        )
    ).all()
    if not rows:
        return 0
    last = await newest_seq(session)
    for number, row in enumerate(rows, last + 1):
        row.seq = number
    return len(rows)


async def is_any_unnumbered(session: AsyncSession) -> bool:
    """Return whether there is something to dispatch; reading disturbs no writer."""
    return bool(await session.scalar(select(exists().where(Outbox.seq.is_(None)))))


async def newest_seq(session: AsyncSession) -> int:
    """Return the highest number given, or 0."""
    return int(await session.scalar(select(func.coalesce(func.max(Outbox.seq), 0))) or 0)


async def oldest_seq(session: AsyncSession) -> int:
    """Return the lowest number that still stands, or 0."""
    return int(await session.scalar(select(func.coalesce(func.min(Outbox.seq), 0))) or 0)


async def rows_after(session: AsyncSession, seq: int, limit: int) -> Sequence[Outbox]:
    """Return the next rows after a cursor."""
    query = select(Outbox).where(Outbox.seq > seq).order_by(Outbox.seq).limit(limit)
    return (await session.scalars(query)).all()


async def cursor_of(session: AsyncSession, consumer: str) -> int:
    """Return a consumer's cursor, locked; a new consumer begins at the oldest row."""
    insert = (
        postgresql.insert(OutboxCursor)
        if session.get_bind().dialect.name == "postgresql"
        else sqlite.insert(OutboxCursor)
    )
    await session.execute(insert.values(consumer=consumer, seq=0).on_conflict_do_nothing())
    query = select(OutboxCursor.seq).where(OutboxCursor.consumer == consumer).with_for_update()
    return int((await session.execute(query)).scalar_one())


async def move_cursor(session: AsyncSession, consumer: str, seq: int) -> None:
    """Note that a consumer has done everything up to a number."""
    await session.execute(
        update(OutboxCursor).where(OutboxCursor.consumer == consumer).values(seq=seq)
    )


async def prune(session: AsyncSession) -> int:
    """Delete old rows that every consumer has read, a bounded number at once; return how many."""
    read = await session.scalar(select(func.min(OutboxCursor.seq)))
    bound = min(int(read or 0), await newest_seq(session) - _KEPT_ROWS)
    oldest = (
        await session.execute(
            select(Outbox.seq, Outbox.created_at)
            .where(Outbox.seq <= bound)
            .order_by(Outbox.seq)
            .limit(_PRUNED_AT_ONCE)
        )
    ).all()
    before = utcnow() - _KEPT
    old = [row.seq for row in oldest if row.created_at < before]
    if old:
        await session.execute(delete(Outbox).where(Outbox.seq <= old[-1]))
    return len(old)
