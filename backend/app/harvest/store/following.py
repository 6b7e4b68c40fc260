"""Copies that follow another one: filled from it, so that the instrument is read once.

The copy at the first destination of an instrument is made from the source; the others wait
(`follows` names its location, nothing is due) until it is proven, and are then filled from it.
When it cannot be made soon, they stop waiting and are made from the source themselves.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.models import Copy, CopyState, StorageLocation

_AT_ONCE = 1000
_WAITS = and_(Copy.follows.is_not(None), Copy.state == CopyState.QUEUED, Copy.due_at.is_(None))


async def release_followers(
    session: AsyncSession, version_ids: Sequence[uuid.UUID], location: uuid.UUID
) -> None:
    """Let the other copies of these versions be filled from here: they are proven here now."""
    if not version_ids:
        return
    await session.execute(
        update(Copy)
        .where(
            Copy.version_id.in_(version_ids),
            Copy.storage_location_id != location,
            Copy.state.in_([CopyState.QUEUED, CopyState.RETRY_WAIT]),
        )
        .values(follows=location, due_at=func.coalesce(Copy.due_at, utcnow()))
    )


async def wake_followers(session: AsyncSession, version_ids: Sequence[uuid.UUID]) -> None:
    """Let copies be made from the source: what they follow will not be made soon."""
    if not version_ids:
        return
    await session.execute(
        update(Copy)
        .where(Copy.version_id.in_(version_ids), _WAITS)
        .values(due_at=utcnow(), follows=None)
    )


async def wake_followers_of_resting(session: AsyncSession) -> bool:
    """Let copies go their own way whose first location rests; return whether more may wait."""
    away = select(StorageLocation.id).where(StorageLocation.paused_until > utcnow())
    found = await session.scalars(
        select(Copy.id).where(Copy.follows.in_(away), _WAITS).limit(_AT_ONCE)
    )
    ids = found.all()
    if ids:
        await session.execute(
            update(Copy).where(Copy.id.in_(ids)).values(due_at=utcnow(), follows=None)
        )
    return len(ids) == _AT_ONCE
