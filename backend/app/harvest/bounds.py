"""The instrument comes first: its connections and bandwidth are bounded across all workers.

Slots are rows (instrument, number), each one connection and 1/n of the bandwidth, taken by lease.
Whoever holds k slots has k calls in flight at most, listing and stat included.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Collection, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Select, Table, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import lease_clock, lease_now
from app.errors import StreamWeaveError
from app.models import ScanState, Slot
from app.transfers.base import Entry, FileFacts, Piece, Source, Wanted, notes_of, read_many

_FEWEST_STATS = 50  # asking for fewer in a call costs more by the call than by the file


async def take_slots(
    session: AsyncSession, instrument_id: uuid.UUID, owner: str, want: int, lease_seconds: float
) -> list[int]:
    """Take up to `want` free slots of an instrument; return their numbers."""
    free = list(
        await session.scalars(
            select(Slot.number)
            .where(Slot.instrument_id == instrument_id, Slot.until_ms < lease_now(session))
            .order_by(Slot.number)
            .limit(want)
            .with_for_update(skip_locked=True)
        )
    )
    await session.execute(
        update(Slot)
        .where(Slot.instrument_id == instrument_id, Slot.number.in_(free))
        .values(owner=owner, until_ms=lease_now(session) + int(lease_seconds * 1000))
    )
    return free


async def renew_slots(session: AsyncSession, owner: str, lease_seconds: float) -> int:
    """Renew all slots of an owner; return how many are still its own."""
    found = await session.execute(
        update(Slot)
        .where(Slot.owner == owner)
        .values(until_ms=lease_now(session) + int(lease_seconds * 1000))
        .returning(Slot.number)
    )
    return len(found.all())


async def free_slots(session: AsyncSession, owner: str) -> None:
    """Give all slots of an owner back."""
    await session.execute(update(Slot).where(Slot.owner == owner).values(owner=None, until_ms=0))


async def unavailable(
    session: AsyncSession,
    instrument_ids: Collection[uuid.UUID],
    *,
    held: Collection[uuid.UUID],
    worker: str,
) -> set[uuid.UUID]:
    """Return the instruments of which this process must not claim anything now.

    Not held by it: those without a free slot, since what it claimed could only wait. Held by it:
    those that another worker wants to scan and has no slot for, so that the slots come free.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    rows = await session.execute(_slots_and_scans(is_sqlite), {"instruments": list(instrument_ids)})
    free: set[uuid.UUID] = set()
    holders: set[tuple[uuid.UUID, str]] = set()
    scanners: set[tuple[uuid.UUID, str]] = set()
    for instrument_id, owner, is_taken, scanner in rows:
        if is_taken and owner:
            holders.add((instrument_id, _worker_of(owner)))
        else:
            free.add(instrument_id)
        if scanner is not None and instrument_id in held:
            scanners.add((instrument_id, _worker_of(scanner)))
    awaited = {one for one, by in scanners - holders if by != worker}
    return {one for one in instrument_ids if one not in held and one not in free} | awaited


@lru_cache(2)
def _slots_and_scans(is_sqlite: bool) -> Select[Any]:
    """Each slot with its holder, whether it still is, and who scans that instrument now."""
    now = lease_clock("sqlite" if is_sqlite else "postgresql")
    slots, scans = cast(Table, Slot.__table__), cast(Table, ScanState.__table__)
    scanned = and_(
        scans.c.instrument_id == slots.c.instrument_id,
        scans.c.lease_until_ms >= now,
        scans.c.lease_owner.is_not(None),
    )
    return (
        select(slots.c.instrument_id, slots.c.owner, slots.c.until_ms >= now, scans.c.lease_owner)
        .outerjoin_from(slots, scans, scanned)
        .where(slots.c.instrument_id.in_(bindparam("instruments", expanding=True)))
    )


def _worker_of(owner: str) -> str:
    """An owner is `worker/id`."""
    return owner.rpartition("/")[0]


class BoundedSource:
    """A source that never has more than `permits` calls in flight, whoever in here asks."""

    def __init__(self, source: Source, permits: int) -> None:
        self._source = source
        self._permits = permits
        self._gate = asyncio.Semaphore(permits)
        self.capabilities = source.capabilities
        self.notes = notes_of(source)

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """List with one permit."""
        async with self._gate:
            return await self._source.list_directory(directory)

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Ask in pieces, one permit each: all connections are used, and reads go on between."""
        can = self.capabilities
        fewest = _FEWEST_STATS if can.splits else can.window_files
        piece = max(fewest, -(-len(paths) // self._permits))

        async def ask(part: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
            async with self._gate:
                return await self._source.stat(part)

        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(ask(paths[start : start + piece]))
                    for start in range(0, len(paths), piece)
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [answer for task in asked for answer in task.result()]

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream with one permit."""
        async with (
            self._gate,
            contextlib.aclosing(self._source.read(path, size_bytes)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        """Stream several with one permit, one after the other."""
        async with self._gate, contextlib.aclosing(read_many(self._source, files)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Close connections."""
        await self._source.close()
