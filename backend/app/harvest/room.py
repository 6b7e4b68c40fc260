"""Room: how much may still be claimed for a storage location before it is full.

Free space (less what must stay free) or what is left of the quota, less what is on its way there
by any worker. Looked at every some seconds; between two looks each claim of this process takes
its part, so that copies that would not fit are never begun.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.words import IN_FLIGHT
from app.models import Copy, CopyState, StorageLocation
from app.transfers.base import Storage

_LOOK_SECONDS = 5.0
_QUOTA_SECONDS = 60.0


class Room:
    """What this process knows of the room at each location, in bytes; None: nobody can tell."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left: dict[uuid.UUID, int | None] = {}
        self._looked: dict[uuid.UUID, float] = {}
        self._used: dict[uuid.UUID, tuple[float, int]] = {}

    def left(self, location: uuid.UUID) -> int | None:
        """Return how many bytes may be claimed for it."""
        return self._left.get(location)

    def take(self, location: uuid.UUID, size_bytes: int) -> None:
        """Note a claim."""
        if (left := self._left.get(location)) is not None:
            self._left[location] = left - size_bytes

    def is_stale(self, location: uuid.UUID) -> bool:
        """Whether it is time to look again."""
        return monotonic() - self._looked.get(location, float("-inf")) > _LOOK_SECONDS

    async def look(self, row: StorageLocation, storage: Storage) -> None:
        """Ask storage and database how much room there is."""
        self._looked[row.id] = monotonic()
        try:
            space = await storage.space()
        except StreamWeaveError:
            space = None  # the batch that goes there will find out what is wrong
        rooms = []
        if space is not None or row.quota_bytes is not None:
            coming = await self._database.ask(lambda s: _on_the_way(s, row.id))
            if space is not None:
                rooms.append(space.free_bytes - row.keep_free_bytes - coming)
            if row.quota_bytes is not None:
                rooms.append(row.quota_bytes - await self._lies_there(row.id) - coming)
        self._left[row.id] = min(rooms) if rooms else None

    async def _lies_there(self, location: uuid.UUID) -> int:
        """The bytes of what is proven there: a sum over many rows, so not asked at each look."""
        at, used = self._used.get(location, (float("-inf"), 0))
        if monotonic() - at > _QUOTA_SECONDS:
            used = await self._database.ask(lambda s: _available_bytes(s, location))
            self._used[location] = (monotonic(), used)
        return used


async def _on_the_way(session: AsyncSession, location: uuid.UUID) -> int:
    found = await session.scalar(
        select(func.coalesce(func.sum(Copy.size_bytes), 0)).where(
            IN_FLIGHT, Copy.storage_location_id == location
        )
    )
    return int(found or 0)


async def _available_bytes(session: AsyncSession, location: uuid.UUID) -> int:
    found = await session.scalar(
        select(func.coalesce(func.sum(Copy.size_bytes), 0)).where(
            Copy.storage_location_id == location, Copy.state == CopyState.AVAILABLE
        )
    )
    return int(found or 0)


def fitting(sizes: Sequence[int], room: int | None) -> int:
    """Return how many of these sizes, from the first one on, fit into the room."""
    if room is None:
        return len(sizes)
    taken = 0
    for number, size in enumerate(sizes):
        taken += size
        if taken > room:
            return number
    return len(sizes)
