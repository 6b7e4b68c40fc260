"""Source files with their versions, copies and evidence, and their status for people.

The status is derived here and nowhere else. A file that is not `planned` speaks for itself; a
planned one is spoken for by the required copies of its newest version (by all of them when none is
required): the first state of `SPEAKS_FIRST` that one of them has. So `available` means that every
required copy is.
"""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.database import Database
from app.errors import StreamWeaveError
from app.models import (
    Copy,
    CopyState,
    FileState,
    Instrument,
    SourceFile,
    StorageLocation,
    User,
    Version,
)
from app.services.access import only_readable
from app.services.pagination import Keyset, Page, PageRequest, fetch_page
from app.services.search import Search, search_files

SPEAKS_FIRST = (
    CopyState.DAMAGED,
    CopyState.MISSING,
    CopyState.CONFLICT,
    CopyState.FAILED,
    CopyState.RETRY_WAIT,
    CopyState.TRANSFERRING,
    CopyState.PROVING,
    CopyState.PUBLISHING,
    CopyState.QUEUED,
    CopyState.SUPERSEDED,
    CopyState.AVAILABLE,
    CopyState.REMOVED,
)
# What cannot even be asked for needs a person, as a failed copy does.
OWN_STATUS = {
    FileState.SETTLING: "settling",
    FileState.HELD: "held",
    FileState.SKIPPED: "skipped",
    FileState.REFUSED: "failed",
}
STATUSES = tuple(dict.fromkeys([*(state.value for state in SPEAKS_FIRST), *OWN_STATUS.values()]))
_NEWEST = Keyset((SourceFile.id,), descending=True)
# The words of the index: a path may be longer than an entry of an index.
_PATH_START = literal_column("substr(source_files.path, 1, 200)", Text)
_BY_PATH = Keyset((_PATH_START, SourceFile.id))


def derive_status(state: str, copies: Iterable[tuple[str, bool]]) -> str:
    """Return a file's status for people.

    Args:
        state: the source file's own state.
        copies: (state, required) of the copies of its newest version.
    """
    if state != FileState.PLANNED:
        return OWN_STATUS[FileState(state)]
    known = list(copies)
    speaking = {s for s, required in known if required} or {s for s, _ in known}
    return next((first.value for first in SPEAKS_FIRST if first in speaking), "queued")


def _loudest(*, required: bool) -> ScalarSelect[Any]:
    """The place in `SPEAKS_FIRST` of what the copies of a file's newest version say."""
    copy, version = aliased(Copy), aliased(Version)
    place = case({state.value: index for index, state in enumerate(SPEAKS_FIRST)}, value=copy.state)
    query = (
        select(func.min(place))
        .join(version, version.id == copy.version_id)
        .where(copy.source_file_id == SourceFile.id, version.number == SourceFile.latest_version)
    )
    if required:
        query = query.where(copy.required)
    return query.correlate(SourceFile).scalar_subquery()


def status_is(status: str) -> ColumnElement[bool]:
    """Return the SQL condition for a derived status, from the same table."""
    own = [state for state, name in OWN_STATUS.items() if name == status]
    itself: ColumnElement[bool] = SourceFile.state.in_(own) if own else false()
    spoken = [state for state in SPEAKS_FIRST if state.value == status]
    if not spoken:
        return itself
    (state,) = spoken
    speaking = func.coalesce(
        _loudest(required=True), _loudest(required=False), SPEAKS_FIRST.index(CopyState.QUEUED)
    )
    # Not `==`: PostgreSQL would take it for one row in 200 and look at all files before the page.
    spoken_for = func.abs(speaking - SPEAKS_FIRST.index(state)) < 1
    said = or_(itself, and_(SourceFile.state == FileState.PLANNED, spoken_for))
    if state is CopyState.AVAILABLE:
        return said
    # Rare beside those that are available: they are found from their copies, not by walking.
    candidates: list[Select[Any]] = [select(Copy.source_file_id).where(Copy.state == state)]
    if own:
        other = aliased(SourceFile)
        candidates.append(select(other.id).where(other.state.in_(own)))
    return and_(SourceFile.id.in_(union_all(*candidates)), said)


@dataclass(frozen=True)
class FileFilter:
    """What a list of files is narrowed by."""

    instrument_id: uuid.UUID | None = None
    state: str | None = None
    q: str | None = None
    path: str | None = None
    search: str | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query, narrowed."""
        if self.instrument_id is not None:
            query = query.where(SourceFile.instrument_id == self.instrument_id)
        if self.path is not None:
            query = query.where(SourceFile.path_hash == path_hash(self.path))
        if self.q:
            start = self.q[:200]
            query = query.where(start <= _PATH_START, _after(start) > _PATH_START)
            query = query.where(SourceFile.path >= self.q, SourceFile.path < _after(self.q))
        if self.state is not None:
            query = query.where(status_is(self.state))
        return query


def path_hash(path: str) -> bytes:
    """Return the identity of a path inside its instrument."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()


def _after(prefix: str) -> str:
    """Return a text that sorts after every text with the prefix (by code points)."""
    return prefix + "\U0010ffff"


@dataclass(frozen=True)
class FileView:
    """A source file as people see it."""

    file: SourceFile
    instrument_name: str
    status: str
    copies: list[tuple[Copy, str]]  # of its newest version, with the storage location's name


@dataclass(frozen=True)
class VersionView:
    """A version with its copies and the names of their places."""

    version: Version
    copies: list[tuple[Copy, str]]


async def _newest_copies(
    session: AsyncSession, files: Sequence[SourceFile]
) -> dict[uuid.UUID, list[tuple[Copy, str]]]:
    query = (
        select(Copy, StorageLocation.name)
        .join(Version, Version.id == Copy.version_id)
        .join(SourceFile, SourceFile.id == Copy.source_file_id)
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
        .where(
            Copy.source_file_id.in_([file.id for file in files]),
            Version.number == SourceFile.latest_version,
        )
        .order_by(StorageLocation.name)
    )
    found: dict[uuid.UUID, list[tuple[Copy, str]]] = {}
    for copy, name in (await session.execute(query)).all():
        found.setdefault(copy.source_file_id, []).append((copy, name))
    return found


async def _views(session: AsyncSession, rows: Sequence[tuple[SourceFile, str]]) -> list[FileView]:
    copies = await _newest_copies(session, [file for file, _ in rows])
    views = []
    for file, name in rows:
        mine = copies.get(file.id, [])
        status = derive_status(file.state, [(copy.state, copy.required) for copy, _ in mine])
        views.append(FileView(file, name, status, mine))
    return views


async def status_of_path(session: AsyncSession, instrument_id: uuid.UUID, path: str) -> str | None:
    """Return the status of a path's newest incarnation, or None when it was never seen."""
    query = (
        select(SourceFile)
        .where(SourceFile.instrument_id == instrument_id, SourceFile.path_hash == path_hash(path))
        .order_by(SourceFile.incarnation.desc())
        .limit(1)
    )
    file = await session.scalar(query)
    if file is None:
        return None
    mine = (await _newest_copies(session, [file])).get(file.id, [])
    return derive_status(file.state, [(copy.state, copy.required) for copy, _ in mine])


def _readable_files(user: User) -> Select[Any]:
    query = select(SourceFile, Instrument.name).join(
        Instrument, Instrument.id == SourceFile.instrument_id
    )
    return only_readable(query, user, SourceFile.instrument_id)


async def list_files(
    database: Database, user: User, request: PageRequest, narrowed: FileFilter
) -> Page[FileView]:
    """Return a page of files: newest first, by path for a prefix, by word for a search."""
    order = _BY_PATH if narrowed.q else _NEWEST
    query = narrowed.apply(_readable_files(user))
    async with database.read() as session:
        if narrowed.search:
            search = Search(narrowed.search, narrowed.instrument_id)
            page = await search_files(session, user, request, search, query)
        else:
            page = await fetch_page(session, query, request, order)
        return Page(await _views(session, page.items), page.next_cursor)


async def get_file(database: Database, user: User, file_id: uuid.UUID) -> FileView:
    """Return one file."""
    query = _readable_files(user).where(SourceFile.id == file_id)
    async with database.read() as session:
        row = (await session.execute(query)).one_or_none()
        if row is None:
            raise StreamWeaveError("not_found")
        return (await _views(session, [(row[0], row[1])]))[0]


async def list_versions(database: Database, user: User, file_id: uuid.UUID) -> list[VersionView]:
    """Return the newest 200 versions of a file with their copies."""
    async with database.read() as session:
        query = select(SourceFile.id).where(SourceFile.id == file_id)
        if await session.scalar(only_readable(query, user, SourceFile.instrument_id)) is None:
            raise StreamWeaveError("not_found")
        versions = (
            await session.scalars(
                select(Version)
                .where(Version.source_file_id == file_id)
                .order_by(Version.number.desc())
                .limit(200)
            )
        ).all()
        rows = await session.execute(
            select(Copy, StorageLocation.name)
            .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
            .where(Copy.version_id.in_([version.id for version in versions]))
            .order_by(StorageLocation.name)
        )
        copies: dict[uuid.UUID, list[tuple[Copy, str]]] = {}
        for copy, name in rows.all():
            copies.setdefault(copy.version_id, []).append((copy, name))
        return [VersionView(version, copies.get(version.id, [])) for version in versions]
