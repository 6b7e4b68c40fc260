"""The dispatcher: gives committed outbox rows their `seq`, in one order that never changes.

Ids alone commit out of order; a consumer with a cursor on `seq` misses nothing.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Outbox


async def dispatch(session: AsyncSession, *, limit: int = 1000) -> int:
    """Number up to `limit` rows; return how many. Call it under the dispatcher's lease."""
    rows = (
        await session.scalars(
            select(Outbox).where(Outbox.seq.is_(None)).order_by(Outbox.id).limit(limit)
        )
    ).all()
    if not rows:
        return 0
    last = await session.scalar(select(func.coalesce(func.max(Outbox.seq), 0)))
    for number, row in enumerate(rows, int(last or 0) + 1):
        row.seq = number
    return len(rows)
