"""Runs as rows: begun, kept alive by heartbeat, ended only when nothing new was asked of them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import lease_now
from app.harvest.store.news import tell
from app.harvest.store.words import IN_FLIGHT, UNSETTLED, WAITING
from app.models import (
    Copy,
    CopyState,
    FileState,
    Instrument,
    Run,
    RunOutcome,
    RunState,
    ScanState,
    Schedule,
    ScheduleKind,
    SourceFile,
    StorageLocation,
)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as its process sees it at a heartbeat."""

    cancel_requested: bool
    rescan_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class WatchedInstrument:
    """An instrument that a watch run has to look after."""

    instrument_id: uuid.UUID
    rescan_seconds: float | None  # None: not watched, but asked for now
    scan_started_at: datetime | None
    rescan_requested_at: datetime | None
    next_try_at: datetime | None


async def begin(session: AsyncSession, run_id: uuid.UUID, owner: str, lease_seconds: float) -> bool:
    """Take a live run that no other process holds; return whether it is ours."""
    found = await session.execute(
        update(Run)
        .where(
            Run.id == run_id,
            Run.state == RunState.LIVE,
            or_(
                Run.lease_owner.is_(None),
                Run.lease_owner == owner,
                Run.lease_until_ms < lease_now(session),
            ),
        )
        .values(
            lease_owner=owner,
            lease_until_ms=lease_now(session) + int(lease_seconds * 1000),
            started_at=func.coalesce(Run.started_at, utcnow()),
        )
        .returning(Run.instrument_id, Run.kind)
    )
    row = found.one_or_none()
    if row is None:
        return False
    await tell(
        session, "run.started", row.instrument_id, run_id=str(run_id), state="live", run=row.kind
    )
    return True


async def heartbeat(
    session: AsyncSession,
    run_id: uuid.UUID,
    owner: str,
    lease_seconds: float,
    counters: dict[str, Any],
    *,
    moved: bool = False,
) -> RunFacts | None:
    """Renew a run's lease and show its counters; None when it is no longer ours.

    `moved`: the counters are others than last time, which pages want to know.
    """
    found = await session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.LIVE, Run.lease_owner == owner)
        .values(lease_until_ms=lease_now(session) + int(lease_seconds * 1000), counters=counters)
        .returning(Run.cancel_requested, Run.rescan_requested_at, Run.instrument_id)
    )
    row = found.one_or_none()
    if row is not None and moved:
        await tell(session, "run.progress", row.instrument_id, run_id=str(run_id), state="live")
    return None if row is None else RunFacts(row.cancel_requested, row.rescan_requested_at)


async def note_scan(session: AsyncSession, run_id: uuid.UUID, started_at: datetime) -> None:
    """Note when the run's scan began: requests before that are served by it."""
    await session.execute(update(Run).where(Run.id == run_id).values(scan_started_at=started_at))


async def end(
    session: AsyncSession,
    run_id: uuid.UUID,
    outcome: RunOutcome,
    counters: dict[str, Any],
    *,
    error: tuple[str, str] | None = None,
    even_if_asked: bool = False,
) -> bool:
    """End a live run; False when a rescan was asked for meanwhile (then scan again)."""
    served = or_(Run.rescan_requested_at.is_(None), Run.rescan_requested_at <= Run.scan_started_at)
    statement = update(Run).where(Run.id == run_id, Run.state == RunState.LIVE)
    if not even_if_asked:
        statement = statement.where(served)
    found = await session.execute(
        statement.values(
            state=RunState.ENDED,
            outcome=outcome,
            ended_at=utcnow(),
            lease_owner=None,
            lease_until_ms=0,
            counters=counters,
            error_code=error[0] if error else None,
            error_detail=error[1] if error else None,
        ).returning(Run.instrument_id)
    )
    row = found.one_or_none()
    if row is None:
        return False
    await tell(
        session, "run.ended", row.instrument_id, run_id=str(run_id), state="ended",
        outcome=outcome.value,
    )  # fmt: skip
    return True


async def has_unfinished_copies(session: AsyncSession, instrument_id: uuid.UUID) -> bool:
    """Return whether copies of an instrument can be claimed or are in a worker's hands."""
    now = utcnow()
    resting = select(StorageLocation.id).where(StorageLocation.paused_until > now)
    queued = and_(
        WAITING,
        Copy.state == CopyState.QUEUED,
        Copy.due_at.is_not(None),
        Copy.storage_location_id.not_in(resting),
        ~exists().where(ScanState.instrument_id == instrument_id, ScanState.held_until > now),
    )
    for unfinished in (queued, IN_FLIGHT):
        found = await session.execute(
            select(Copy.id).where(Copy.instrument_id == instrument_id, unfinished).limit(1)
        )
        if found.first() is not None:
            return True
    return False


async def is_in_trouble(session: AsyncSession, instrument_id: uuid.UUID) -> bool:
    """Return whether the source's last look failed and its next try is not due yet."""
    found = await session.scalar(
        select(ScanState.instrument_id).where(
            ScanState.instrument_id == instrument_id, ScanState.next_try_at > utcnow()
        )
    )
    return found is not None


async def settling_since(
    session: AsyncSession, instrument_id: uuid.UUID, before: datetime
) -> datetime | None:
    """Return since when the oldest settling file is quiet, of those seen quiet before a time.

    A file that was found changed since then is left to a later run: it may grow for hours.
    """
    found: datetime | None = await session.scalar(
        select(SourceFile.unchanged_since)
        .where(
            SourceFile.instrument_id == instrument_id,
            UNSETTLED,
            SourceFile.state == FileState.SETTLING,
            SourceFile.absent_since.is_(None),
            SourceFile.unchanged_since <= before,
        )
        .order_by(SourceFile.unchanged_since)
        .limit(1)
    )
    return found


async def watched(session: AsyncSession, zone: str) -> list[WatchedInstrument]:
    """Return the watched instruments of a zone, and those that somebody asked to be scanned."""
    asked = and_(
        ScanState.rescan_requested_at.is_not(None),
        or_(
            ScanState.scan_started_at.is_(None),
            ScanState.rescan_requested_at > ScanState.scan_started_at,
        ),
    )
    rows = await session.execute(
        select(
            Instrument.id,
            Schedule.rescan_seconds,
            ScanState.scan_started_at,
            ScanState.rescan_requested_at,
            ScanState.next_try_at,
        )
        .join(ScanState, ScanState.instrument_id == Instrument.id)
        .outerjoin(
            Schedule,
            and_(
                Schedule.instrument_id == Instrument.id,
                Schedule.kind == ScheduleKind.WATCH,
                Schedule.enabled.is_(True),
            ),
        )
        .where(
            Instrument.zone == zone,
            Instrument.paused.is_(False),
            or_(Schedule.id.is_not(None), asked),
        )
        .order_by(Instrument.id)
    )
    return [WatchedInstrument(*row) for row in rows]
