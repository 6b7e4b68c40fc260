"""Source files with their versions, copies and evidence.

Status: services/file_status.py. Filters and orders: services/file_filters.py. Pages that look at
a bounded number of rows: services/file_windows.py.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import StreamWeaveError
from app.models import Copy, Instrument, SourceFile, StorageLocation, User, Version
from app.services.access import granted_files, only_readable_files
from app.services.file_filters import FileFilter, FileOrder, path_hash
from app.services.file_status import STATUSES, derive_status, is_rare, status_is
from app.services.file_windows import fetch_window
from app.services.pagination import Page, PageRequest, fetch_page
from app.services.search import Search, search_files

__all__ = ["STATUSES", "FileFilter", "FileOrder", "derive_status", "path_hash", "status_is"]


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


async def views_of(session: AsyncSession, rows: Sequence[tuple[SourceFile, str]]) -> list[FileView]:
    """Return files with their copies and status."""
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


def readable_files(user: User) -> Select[Any]:
    """Return the query for the files that a person may see, with their instruments' names."""
    query = select(SourceFile, Instrument.name).join(
        Instrument, Instrument.id == SourceFile.instrument_id
    )
    return only_readable_files(query, user)


async def list_files(
    database: Database,
    user: User,
    request: PageRequest,
    narrowed: FileFilter,
    order: FileOrder | None = None,
) -> Page[FileView]:
    """Return a page of files: newest first, by path for a prefix, by word for a search.

    With a condition that no index answers a page may be short and have a next one.
    """
    async with database.read() as session:
        page = await find_files(session, user, request, narrowed, order)
        return Page(await views_of(session, page.items), page.next_cursor)


async def find_files(
    session: AsyncSession,
    user: User,
    request: PageRequest,
    narrowed: FileFilter,
    order: FileOrder | None = None,
) -> Page[tuple[SourceFile, str]]:
    """Return a page of files with their instruments' names."""
    by_path = FileOrder.PATH_BACK if order is FileOrder.PATH_BACK else FileOrder.PATH
    order = by_path if narrowed.q else order or FileOrder.NEWEST
    query = narrowed.apply(readable_files(user))
    if narrowed.search:
        search = Search(narrowed.search, narrowed.instruments)
        return await search_files(session, user, request, search, query)
    if narrowed.shared:
        query = query.where(SourceFile.id.in_(granted_files(user)))
    if narrowed.path is not None or narrowed.is_by_words or is_rare(narrowed.states):
        return await fetch_page(session, query, request, order.keyset)
    return await fetch_window(session, user, request, narrowed, order, query)


async def get_file(database: Database, user: User, file_id: uuid.UUID) -> FileView:
    """Return one file."""
    query = readable_files(user).where(SourceFile.id == file_id)
    async with database.read() as session:
        row = (await session.execute(query)).one_or_none()
        if row is None:
            raise StreamWeaveError("not_found")
        return (await views_of(session, [(row[0], row[1])]))[0]


async def list_versions(database: Database, user: User, file_id: uuid.UUID) -> list[VersionView]:
    """Return the newest 200 versions of a file with their copies."""
    async with database.read() as session:
        query = select(SourceFile.id).where(SourceFile.id == file_id)
        if await session.scalar(only_readable_files(query, user)) is None:
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
