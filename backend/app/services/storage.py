"""Storage locations: places to deliver to, each with a sentinel file that proves it is mounted.

The sentinel is written here when the location is reachable from the API's machine and has none. A
location that carries a sentinel already keeps it, so an existing archive can be taken over.
"""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.models import StorageKind, StorageLocation
from app.services import audit
from app.services.edits import (
    InvalidField,
    changes,
    find,
    guarded_update,
    old_and_new,
    plain,
    translated,
)
from app.services.local_paths import check_local_path
from app.services.pagination import Keyset, Page, PageRequest, fetch_page
from app.services.zones import check_zone

_ORDER = Keyset((StorageLocation.name, StorageLocation.id))
SENTINEL = Path(".streamweave/sentinel.json")


async def list_storage(
    database: Database, request: PageRequest, in_trouble: bool | None = None
) -> Page[StorageLocation]:
    """Return a page of the storage locations by name; only those in trouble, or only the others."""
    query = select(StorageLocation)
    if in_trouble is not None:
        code = StorageLocation.error_code
        query = query.where(code.is_not(None) if in_trouble else code.is_(None))
    async with database.read() as session:
        return await fetch_page(session, query, request, _ORDER)


async def get_storage(database: Database, storage_id: uuid.UUID) -> StorageLocation:
    """Return one storage location."""
    async with database.read() as session:
        return await find(session, StorageLocation, storage_id)


def place_sentinel(path: Path, sentinel: uuid.UUID) -> uuid.UUID:
    """Write the sentinel where none stands, and return the id that stands there.

    Where the path cannot be reached from here (another machine's mount), the given id is kept.
    """
    file = path / SENTINEL
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return _read_sentinel(file)
    except OSError:
        return sentinel  # not this machine's to write: the worker's check says what is wrong
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"storage": str(sentinel)}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    return sentinel


def _read_sentinel(file: Path) -> uuid.UUID:
    try:
        return uuid.UUID(json.loads(file.read_text())["storage"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidField("/path", f"{file} stands there and is no sentinel.") from error


async def _refuse_nested(session: AsyncSession, path: Path, sentinel: uuid.UUID) -> None:
    """Two locations in one tree would see each other's files as their own."""
    for other in (await session.scalars(select(StorageLocation))).all():
        there = Path(other.path)
        if path.is_relative_to(there) or there.is_relative_to(path) or other.sentinel == sentinel:
            raise InvalidField("/path", f"Storage '{other.name}' is at {other.path}.", "in_use")


async def create_storage(
    database: Database, settings: Settings, actor: str, values: Mapping[str, Any]
) -> StorageLocation:
    """Store a storage location; makes its directory and sentinel where it can."""
    path = check_local_path(values["path"], settings, "/path")
    now, fresh = utcnow(), uuid.uuid4()
    values = {**values, "path": str(path), "kind": values.get("kind", StorageKind.POSIX)}

    async def work(session: AsyncSession) -> StorageLocation:
        await check_zone(session, settings, values["zone"])
        taken = select(StorageLocation.id).where(StorageLocation.name == values["name"])
        if await session.scalar(taken):
            raise InvalidField("/name", f"'{values['name']}' is used already.", "name_taken")
        await _refuse_nested(session, path, fresh)
        sentinel = place_sentinel(path, fresh)
        await _refuse_nested(session, path, sentinel)
        location = StorageLocation(
            **values, sentinel=sentinel, health={}, revision=1, created_at=now, updated_at=now
        )
        async with translated(session, "name_taken"):
            session.add(location)
        await audit.record(
            session,
            actor=actor,
            action="storage.created",
            subject=f"storage:{location.id}",
            details={"new": plain(values)},
        )
        return location

    return await database.run(work)


@dataclass(frozen=True)
class StorageChange:
    """What changes about which revision of a storage location."""

    storage_id: uuid.UUID
    revision: int
    values: Mapping[str, Any]


async def change_storage(
    database: Database, settings: Settings, actor: str, change: StorageChange
) -> StorageLocation:
    """Change a storage location's name or zone; for another path make a new location."""
    storage_id = change.storage_id

    async def work(session: AsyncSession) -> StorageLocation:
        location = await find(session, StorageLocation, storage_id)
        changed = changes(location, change.values)
        if "zone" in changed:
            await check_zone(session, settings, changed["zone"])
        details = old_and_new(location, changed)
        await guarded_update(session, location, change.revision, changed)
        await audit.record(
            session,
            actor=actor,
            action="storage.changed",
            subject=f"storage:{storage_id}",
            details=details,
        )
        return location

    return await database.run(work)


async def delete_storage(
    database: Database, actor: str, storage_id: uuid.UUID, revision: int
) -> None:
    """Forget a storage location that no instrument and no copy uses; its files stay."""

    async def work(session: AsyncSession) -> None:
        location = await find(session, StorageLocation, storage_id)
        await guarded_update(session, location, revision, {})
        async with translated(session, "in_use"):
            await session.execute(delete(StorageLocation).where(StorageLocation.id == storage_id))
        await audit.record(
            session,
            actor=actor,
            action="storage.deleted",
            subject=f"storage:{storage_id}",
            details={"old": {"name": location.name, "path": location.path}},
        )

    await database.run(work)
