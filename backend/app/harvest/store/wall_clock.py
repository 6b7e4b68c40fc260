"""After the wall clock was set back: nothing may wait for a time that was never to come so soon.

A machine that starts with a wrong clock (its battery is empty) writes times of years ahead. When
the clock is right again, files would settle and copies be due in those years.
"""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.harvest.store.words import UNSETTLED, WAITING
from app.models import Copy, CopyState, ScanState, SourceFile, StorageLocation


async def forget_future_times(session: AsyncSession, now: datetime, longest: timedelta) -> None:
    """Set what lies ahead of `now` to now; what rests at most `longest` may rest on."""
    later = now + longest
    for statement in (
        update(SourceFile)
        .where(UNSETTLED, SourceFile.unchanged_since > now)
        .values(unchanged_since=now),
        update(SourceFile).where(UNSETTLED, SourceFile.next_try_at > later).values(next_try_at=now),
        update(Copy)
        .where(WAITING, Copy.state == CopyState.QUEUED, Copy.due_at > now)
        .values(due_at=now),
        update(Copy)
        .where(WAITING, Copy.state == CopyState.RETRY_WAIT, Copy.due_at > later)
        .values(due_at=now),
        update(ScanState).where(ScanState.next_try_at > later).values(next_try_at=None),
        update(ScanState).where(ScanState.held_until > later).values(held_until=None),
        update(ScanState).where(ScanState.scan_started_at > now).values(scan_started_at=None),
        update(ScanState)
        .where(ScanState.rescan_requested_at > now)
        .values(rescan_requested_at=now),
        update(StorageLocation)
        .where(StorageLocation.paused_until > later)
        .values(paused_until=None),
        update(StorageLocation).where(StorageLocation.swept_at > now).values(swept_at=None),
    ):
        await session.execute(statement)
