"""How far a harvest is, in counts for people."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database, lease_now
from app.models import Copy, CopyState, FileState, ScanState, SourceFile, User
from app.services.access import readable_instrument

_IN_FLIGHT = (CopyState.TRANSFERRING, CopyState.PROVING, CopyState.PUBLISHING)


@dataclass(frozen=True)
class Tally:
    """A number of files and their bytes."""

    files: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.files + other.files, self.size_bytes + other.size_bytes)


@dataclass(frozen=True)
class Progress:
    """The counts of one instrument. `recent` are copies that came to rest since `since`."""

    scan: ScanState | None
    scan_running: bool
    scan_done: bool
    files: dict[str, Tally]
    copies: dict[str, Tally]
    recent: dict[str, Tally]

    @property
    def in_flight(self) -> Tally:
        """Copies that a worker holds."""
        return sum((self.copies.get(state, Tally()) for state in _IN_FLIGHT), Tally())

    @property
    def done(self) -> bool:
        """Whether what was asked for has come to rest (retries may still be due)."""
        moving = self.in_flight.files + self.copies.get(CopyState.QUEUED, Tally()).files
        settling = self.files.get(FileState.SETTLING, Tally()).files
        return self.scan_done and moving == 0 and settling == 0


async def read_progress(
    database: Database, user: User, instrument_id: uuid.UUID, since: datetime | None
) -> Progress:
    """Count the files and copies of an instrument that a person may see."""
    async with database.read() as session:
        await readable_instrument(session, user, instrument_id)
        scan = await session.get(ScanState, instrument_id)
        running = await session.scalar(
            select(ScanState.instrument_id).where(
                ScanState.instrument_id == instrument_id,
                ScanState.lease_until_ms > lease_now(session),
            )
        )
        copies = await _copies(session, instrument_id, None)
        return Progress(
            scan=scan,
            scan_running=running is not None,
            scan_done=_scan_done(scan, since),
            files=await _files(session, instrument_id),
            copies=copies,
            recent=await _copies(session, instrument_id, since) if since else copies,
        )


def _scan_done(scan: ScanState | None, since: datetime | None) -> bool:
    if scan is None or scan.last_scan_started_at is None:
        return False
    return since is None or scan.last_scan_started_at >= since


async def _copies(
    session: AsyncSession, instrument_id: uuid.UUID, since: datetime | None
) -> dict[str, Tally]:
    query = (
        select(Copy.state, func.count(), func.coalesce(func.sum(Copy.size_bytes), 0))
        .where(Copy.instrument_id == instrument_id)
        .group_by(Copy.state)
    )
    if since is not None:
        query = query.where(Copy.state_since >= since)
    rows = (await session.execute(query)).all()
    return {state: Tally(count, int(size)) for state, count, size in rows}


async def _files(session: AsyncSession, instrument_id: uuid.UUID) -> dict[str, Tally]:
    rows = await session.execute(
        select(SourceFile.state, func.count(), func.coalesce(func.sum(SourceFile.size_bytes), 0))
        .where(SourceFile.instrument_id == instrument_id)
        .group_by(SourceFile.state)
    )
    return {state: Tally(count, int(size)) for state, count, size in rows.all()}
