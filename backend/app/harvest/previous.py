"""The version before, for movers that move less when they have it (rsync's delta transfer).

Only large files: a basis costs a call of its own. It is a proven copy at the same storage location,
where that is a path of this worker; a mover reads it and never changes it, and what it makes with
it is hashed, written and proven like anything that came.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.harvest.work import ClaimedCopy
from app.models import Copy, CopyState, StorageLocation, Version
from app.transfers.base import Source

if TYPE_CHECKING:
    from app.harvest.engine import Engine

LARGE_BYTES = 64 << 20


@runtime_checkable
class HasPaths(Protocol):
    """A storage whose objects are files that this worker sees."""

    async def local_path(self, path: bytes) -> Path | None:
        """Return where an object lies; None when it is not there."""
        ...


async def with_previous(
    engine: "Engine", copies: tuple[ClaimedCopy, ...], source: Source, location: StorageLocation
) -> tuple[ClaimedCopy, ...]:
    """Return the copies, the large ones with the version before where that helps."""
    large = [c for c in copies if c.version_number > 1 and c.expected.size_bytes >= LARGE_BYTES]
    if not large or not source.capabilities.uses_previous:
        return copies
    storage = await engine.storage(location)
    if not isinstance(storage, HasPaths):
        return copies
    ids = [copy.version_id for copy in large]
    places = await engine.database.ask(lambda s: _places(s, ids, location.id))
    paths = {version: await storage.local_path(at) for version, at in places.items()}
    return tuple(
        replace(copy, previous=path) if (path := paths.get(copy.version_id)) else copy
        for copy in copies
    )


async def _places(
    session: AsyncSession, version_ids: Sequence[uuid.UUID], location_id: uuid.UUID
) -> dict[uuid.UUID, bytes]:
    """Return where the proven copies of the versions before lie, by the version after."""
    before = aliased(Version)
    query = (
        select(Version.id, Copy.dest_path_bytes)
        .join(
            before,
            (before.source_file_id == Version.source_file_id)
            & (before.number == Version.number - 1),
        )
        .join(Copy, Copy.version_id == before.id)
        .where(
            Version.id.in_(version_ids),
            Copy.storage_location_id == location_id,
            Copy.state == CopyState.AVAILABLE,
        )
    )
    return {version: place for version, place in (await session.execute(query)).all()}
