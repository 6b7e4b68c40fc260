"""What the destinations' journals know and the database does not: after an older backup.

Read at the start of each run from where the last one stopped; in daily life these are lines that
the database wrote itself, and nothing is kept of them.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.harvest.plan import Journalled
from app.harvest.store.bulk import insert_new_rows
from app.models import Identifier, JournalEntry, JournalPosition, SourceFile
from app.transfers.base import FileFacts
from app.transfers.paths import path_hash

ENTRIES = cast(Table, JournalEntry.__table__)
_IS_ANY = select(exists().where(ENTRIES.c.instrument_id == bindparam("instrument")))


async def positions(session: AsyncSession, storage_location_id: uuid.UUID) -> dict[str, int]:
    """Return how far each journal of a storage location has been read."""
    rows = await session.execute(
        select(JournalPosition.name, JournalPosition.position).where(
            JournalPosition.storage_location_id == storage_location_id
        )
    )
    return {row.name: row.position for row in rows}


async def take_lines(
    session: AsyncSession,
    storage_location_id: uuid.UUID,
    name: str,
    lines: Sequence[bytes],
    position: int,
) -> int:
    """Keep what the database does not know of these lines; return how many are kept."""
    entries = [entry for line in lines if (entry := _entry(line)) is not None]
    known = await _known_versions(session, [entry["ark"] for entry in entries])
    unknown = [e for e in entries if e["version"] > known.get(e["ark"], 0)]
    await insert_new_rows(session, ENTRIES, unknown, returning="version")
    await session.merge(
        JournalPosition(storage_location_id=storage_location_id, name=name, position=position)
    )
    return len(unknown)


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return the row of a journal line; None for a torn last line or an unknown format."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("format") != 1 or not found.get("ark"):
        return None
    return {
        "ark": found["ark"],
        "version": found["version"],
        "instrument_id": uuid.UUID(found["instrument"]),
        "path_hash": path_hash(bytes.fromhex(found["path_hex"])),
        "incarnation": found.get("incarnation", 1),
        "size_bytes": found["size_bytes"],
        "mtime_ns": found["mtime_ns"],
    }


async def _known_versions(session: AsyncSession, arks: Sequence[str]) -> dict[str, int]:
    rows = await session.execute(
        select(Identifier.value, SourceFile.latest_version)
        .join(SourceFile, SourceFile.id == Identifier.source_file_id)
        .where(Identifier.value.in_(arks))
    )
    return {row.value: row.latest_version for row in rows}


async def knows_more(session: AsyncSession, instrument_id: uuid.UUID) -> bool:
    """Return whether journals know versions of an instrument that this database does not."""
    return bool(await session.scalar(_IS_ANY, {"instrument": instrument_id}))


async def known(
    session: AsyncSession, instrument_id: uuid.UUID, path_hashes: Sequence[bytes]
) -> dict[tuple[bytes, int], Journalled]:
    """Return the newest journalled version of each of these paths: (hash, incarnation) to it."""
    if not path_hashes or not await session.scalar(_IS_ANY, {"instrument": instrument_id}):
        return {}  # in daily life nothing is kept, and one look says so
    rows = await session.scalars(
        select(JournalEntry)
        .where(JournalEntry.instrument_id == instrument_id, JournalEntry.path_hash.in_(path_hashes))
        .order_by(JournalEntry.version)
    )
    return {
        (row.path_hash, row.incarnation): Journalled(
            row.ark, row.version, FileFacts(row.size_bytes, row.mtime_ns)
        )
        for row in rows
    }
