"""The database side of a scan: its lease, directory fingerprints, observations in bulk."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Table, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import lease_now
from app.errors import StreamWeaveError
from app.harvest.store.bulk import insert_rows, set_rows
from app.harvest.store.words import UNSETTLED
from app.models import Directory, ScanState, SourceFile, UnindexedName

FILES = cast(Table, SourceFile.__table__)
UNINDEXED = cast(Table, UnindexedName.__table__)
SCANS = cast(Table, ScanState.__table__)
DIRECTORIES = cast(Table, Directory.__table__)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A remembered source file (its newest incarnation)."""

    id: uuid.UUID
    path_hash: bytes
    incarnation: int
    state: str
    listed_size_bytes: int
    listed_mtime_ns: int
    absent_since: datetime | None
    reason_code: str | None = None


async def begin(
    session: AsyncSession, instrument_id: uuid.UUID, owner: str, lease_seconds: float
) -> int | None:
    """Take the scan lease; return its generation, or None while another scanner has it."""
    found = await session.execute(
        update(ScanState)
        .where(ScanState.instrument_id == instrument_id, _free(session, owner))
        .values(
            generation=ScanState.generation + 1,
            lease_owner=owner,
            lease_until_ms=lease_now(session) + int(lease_seconds * 1000),
            scan_started_at=utcnow(),
        )
        .returning(ScanState.generation)
    )
    return found.scalar_one_or_none()


async def begin_look(
    session: AsyncSession, instrument_id: uuid.UUID, owner: str, lease_seconds: float
) -> int | None:
    """Take the scan lease for a look at settling files; this is no scan."""
    found = await session.execute(
        update(ScanState)
        .where(ScanState.instrument_id == instrument_id, _free(session, owner))
        .values(
            generation=ScanState.generation + 1,
            lease_owner=owner,
            lease_until_ms=lease_now(session) + int(lease_seconds * 1000),
        )
        .returning(ScanState.generation)
    )
    return found.scalar_one_or_none()


def _free(session: AsyncSession, owner: str) -> ColumnElement[bool]:
    return or_(ScanState.lease_until_ms < lease_now(session), ScanState.lease_owner == owner)


async def fence(
    session: AsyncSession, instrument_id: uuid.UUID, generation: int, lease_seconds: float
) -> None:
    """Begin a scan transaction: a stopped scanner that wakes up is told so and writes nothing.

    Raises:
        StreamWeaveError: `lease_lost`.
    """
    found = await session.execute(
        update(SCANS)
        .where(SCANS.c.instrument_id == instrument_id, SCANS.c.generation == generation)
        .values(lease_until_ms=lease_now(session) + int(lease_seconds * 1000))
        .returning(SCANS.c.generation)
    )
    if found.scalar_one_or_none() is None:
        raise StreamWeaveError("lease_lost", "Another worker has taken over the scan.")


async def end(
    session: AsyncSession, instrument_id: uuid.UUID, generation: int, values: dict[str, Any]
) -> None:
    """Give the lease back with the scan's result."""
    await session.execute(
        update(ScanState)
        .where(ScanState.instrument_id == instrument_id, ScanState.generation == generation)
        .values(lease_owner=None, lease_until_ms=0, **values)
    )


async def state(session: AsyncSession, instrument_id: uuid.UUID) -> ScanState | None:
    """Return the scan state."""
    return await session.get(ScanState, instrument_id)


class KnownDirectory(NamedTuple):
    """What is remembered of a directory's last complete listing."""

    path_hash: bytes
    fingerprint: bytes
    rules_generation: int
    files: int

    def is_same(self, fingerprint: bytes, rules_generation: int) -> bool:
        """Whether a listing and the rules are those of then."""
        return (self.fingerprint, self.rules_generation) == (fingerprint, rules_generation)


_KNOWN = select(*(DIRECTORIES.c[name] for name in KnownDirectory._fields))


async def known_directory(
    session: AsyncSession, instrument_id: uuid.UUID, hashed: bytes
) -> KnownDirectory | None:
    """Return what is remembered of one directory."""
    where = (DIRECTORIES.c.instrument_id == instrument_id, DIRECTORIES.c.path_hash == hashed)
    row = (await session.execute(_KNOWN.where(*where))).one_or_none()
    return None if row is None else KnownDirectory(*row)


async def known_below(
    session: AsyncSession, instrument_id: uuid.UUID, parent_hash: bytes
) -> dict[bytes, KnownDirectory]:
    """Return what is remembered of the present directories directly below one."""
    rows = await session.execute(
        _KNOWN.where(
            DIRECTORIES.c.instrument_id == instrument_id,
            DIRECTORIES.c.parent_hash == parent_hash,
            DIRECTORIES.c.absent_since.is_(None),
        )
    )
    return {row.path_hash: KnownDirectory(*row) for row in rows}


async def children(
    session: AsyncSession, instrument_id: uuid.UUID, parent_hash: bytes
) -> list[Directory]:
    """Return the remembered, present directories directly below one."""
    found = await session.scalars(
        select(Directory).where(
            Directory.instrument_id == instrument_id,
            Directory.parent_hash == parent_hash,
            Directory.absent_since.is_(None),
        )
    )
    return list(found)


async def save_directory(session: AsyncSession, row: dict[str, Any]) -> None:
    """Remember a directory as it was just listed."""
    await session.merge(Directory(**row))


async def known_files(
    session: AsyncSession,
    instrument_id: uuid.UUID,
    directory_hash: bytes,
    *,
    after: bytes | None,
    limit: int,
) -> list[KnownFile]:
    """Return a page of a directory's newest incarnations in the order of their path hash."""
    newer = FILES.alias("newer")
    statement = (
        select(*(FILES.c[name] for name in KnownFile.__slots__))
        .where(
            FILES.c.instrument_id == instrument_id,
            FILES.c.directory_hash == directory_hash,
            ~select(newer.c.id)
            .where(
                newer.c.instrument_id == FILES.c.instrument_id,
                newer.c.path_hash == FILES.c.path_hash,
                newer.c.incarnation > FILES.c.incarnation,
            )
            .exists(),
        )
        .order_by(FILES.c.path_hash)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(FILES.c.path_hash > after)
    return [KnownFile(*row) for row in await session.execute(statement)]


async def insert_files(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Insert newly seen files, and note that their names' words are to be written."""
    await insert_rows(session, FILES, rows)
    await insert_rows(session, UNINDEXED, [{"source_file_id": row["id"]} for row in rows])


async def update_files(
    session: AsyncSession, rows: Sequence[dict[str, Any]], constants: dict[str, Any] | None = None
) -> None:
    """Update observations, each row with its `id`."""
    await set_rows(session, FILES, rows, keys=["id"], constants=constants)


async def mark_subtree_absent(
    session: AsyncSession, instrument_id: uuid.UUID, directory: Directory, now: datetime
) -> int:
    """Mark a vanished directory, all below it, and their files as absent; return the files."""
    below = directory.path_bytes + b"/"
    inside = or_(
        Directory.path_hash == directory.path_hash,
        and_(Directory.path_bytes >= below, Directory.path_bytes < below[:-1] + b"0"),
    )
    hashes = list(
        await session.scalars(
            select(Directory.path_hash).where(Directory.instrument_id == instrument_id, inside)
        )
    )
    marked = 0
    for start in range(0, len(hashes), 500):
        part = hashes[start : start + 500]
        found = await session.execute(
            update(SourceFile)
            .where(
                SourceFile.instrument_id == instrument_id,
                SourceFile.directory_hash.in_(part),
                SourceFile.absent_since.is_(None),
            )
            .values(absent_since=now)
            .returning(SourceFile.id)
        )
        marked += len(found.all())
        await session.execute(
            update(Directory)
            .where(Directory.instrument_id == instrument_id, Directory.path_hash.in_(part))
            .values(absent_since=now, fingerprint=b"", files=0)
        )
    return marked


async def subtree_files(
    session: AsyncSession, instrument_id: uuid.UUID, directory: Directory
) -> int:
    """Return how many files were present below a directory at the last complete look."""
    below = directory.path_bytes + b"/"
    return int(
        (
            await session.execute(
                select(func.coalesce(func.sum(Directory.files), 0)).where(
                    Directory.instrument_id == instrument_id,
                    Directory.absent_since.is_(None),
                    or_(
                        Directory.path_hash == directory.path_hash,
                        and_(
                            Directory.path_bytes >= below,
                            Directory.path_bytes < below[:-1] + b"0",
                        ),
                    ),
                )
            )
        ).scalar_one()
    )


async def known_totals(session: AsyncSession, instrument_id: uuid.UUID) -> int:
    """Return how many files the remembered directories hold."""
    return int(
        (
            await session.execute(
                select(func.coalesce(func.sum(Directory.files), 0)).where(
                    Directory.instrument_id == instrument_id, Directory.absent_since.is_(None)
                )
            )
        ).scalar_one()
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A settling or held file that has been quiet long enough to be asked."""

    id: uuid.UUID
    path_bytes: bytes
    path_hash: bytes
    incarnation: int
    size_bytes: int
    mtime_ns: int
    unchanged_since: datetime
    latest_version: int


async def candidates(
    session: AsyncSession, instrument_id: uuid.UUID, quiet_seconds: float, limit: int
) -> list[Candidate]:
    """Return settling (and held, when due) files that have been quiet long enough to be asked."""
    now = utcnow()
    found = await session.execute(
        select(*(FILES.c[name] for name in Candidate.__slots__))
        .where(
            FILES.c.instrument_id == instrument_id,
            UNSETTLED,
            FILES.c.absent_since.is_(None),
            FILES.c.unchanged_since <= now - timedelta(seconds=quiet_seconds),
            or_(FILES.c.next_try_at.is_(None), FILES.c.next_try_at <= now),
        )
        .order_by(FILES.c.unchanged_since, FILES.c.id)
        .limit(limit)
    )
    return [Candidate(*row) for row in found]
