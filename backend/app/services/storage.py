"""Storage locations: places to deliver to, each with a sentinel file that proves it is mounted.

A location that carries a sentinel already keeps it, so an existing archive can be taken over.
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import Database
from app.harvest.store.instruments import let_storage_go
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
from app.services.instruments import Editor
from app.services.pagination import Keyset, Page, PageRequest, fetch_page
from app.services.secret_rules import confirm_address, note_use
from app.services.storage_rules import ADDRESS, check_address
from app.services.zones import check_zone
from app.transfers.sentinel import sentinel_bytes, sentinel_in

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
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(sentinel_bytes(sentinel))
        stream.flush()
        os.fsync(stream.fileno())
    return sentinel


def _read_sentinel(file: Path) -> uuid.UUID:
    try:
        found = sentinel_in(file.read_bytes())
    except OSError as error:
        raise InvalidField("/path", f"{file} cannot be read: {error.strerror}.") from error
    if found is None:
        raise InvalidField("/path", f"{file} stands there and is no sentinel.")
    return found


async def _refuse_nested(session: AsyncSession, location: StorageLocation) -> None:
    """Two locations in one tree would see each other's files as their own."""
    for other in (await session.scalars(select(StorageLocation))).all():
        if other.id == location.id:
            continue
        if other.sentinel == location.sentinel or _is_nested(location, other):
            detail = f"Storage '{other.name}' is at {other.path}."
            raise InvalidField("/path", detail, "in_use")


def _is_nested(one: StorageLocation, other: StorageLocation) -> bool:
    first, second = StorageKind(one.kind), StorageKind(other.kind)
    if first.is_path != second.is_path or (not first.is_path and first is not second):
        return False
    if (one.host, one.port, one.url) != (other.host, other.port, other.url):
        return False
    here, there = (PurePosixPath("/" + each.path.strip("/")) for each in (one, other))
    return here.is_relative_to(there) or there.is_relative_to(here)


async def create_storage(
    editor: Editor, values: Mapping[str, Any], secret: str | None = None
) -> StorageLocation:
    """Store a storage location.

    A local path gets its directory and sentinel here, where it can be reached; any other place
    gets its sentinel at its first test, by the worker that reaches it.
    """
    values = check_address(values, editor.settings)
    now, kind = utcnow(), StorageKind(values["kind"])

    async def work(session: AsyncSession) -> StorageLocation:
        await check_zone(session, editor.settings, values["zone"])
        taken = select(StorageLocation.id).where(StorageLocation.name == values["name"])
        if await session.scalar(taken):
            raise InvalidField("/name", f"'{values['name']}' is used already.", "name_taken")
        await _use_account(session, editor, values, secret)
        location = StorageLocation(
            **values, sentinel=uuid.uuid4(), health={}, revision=1, created_at=now, updated_at=now
        )
        await _refuse_nested(session, location)
        if kind.is_path:
            location.sentinel = place_sentinel(Path(location.path), location.sentinel)
            await _refuse_nested(session, location)
        async with translated(session, "name_taken"):
            session.add(location)
        await audit.record(
            session,
            actor=editor.actor,
            action="storage.created",
            subject=f"storage:{location.id}",
            details={"new": plain(values)},
        )
        return location

    return await editor.database.run(work)


async def _use_account(
    session: AsyncSession, editor: Editor, values: Mapping[str, Any], secret: str | None
) -> None:
    address = {**values, "protocol": values["kind"]}
    account = await confirm_address(session, editor.vault, address, secret)
    if account is not None:
        await note_use(session, account.id)


@dataclass(frozen=True)
class StorageChange:
    """What changes about which revision of a storage location; the secret proves the right to."""

    storage_id: uuid.UUID
    revision: int
    values: Mapping[str, Any]
    secret: str | None = field(default=None, repr=False)


async def change_storage(editor: Editor, change: StorageChange) -> StorageLocation:
    """Change a storage location; its files stay where they are, so its path does, too."""
    storage_id = change.storage_id

    async def work(session: AsyncSession) -> StorageLocation:
        location = await find(session, StorageLocation, storage_id)
        changed = changes(location, change.values)
        stored = dict(changed)
        if "zone" in changed:
            await check_zone(session, editor.settings, changed["zone"])
        if any(name in changed for name in ADDRESS):
            merged = {name: getattr(location, name) for name in ("kind", *ADDRESS)} | changed
            check_address(merged, editor.settings)
            await _use_account(session, editor, merged, change.secret)
            stored["generation"] = location.generation + 1
        details = old_and_new(location, changed)
        await guarded_update(session, location, change.revision, stored)
        if changed:
            await let_storage_go(session, storage_id)
        await audit.record(
            session,
            actor=editor.actor,
            action="storage.changed",
            subject=f"storage:{storage_id}",
            details=details,
        )
        return location

    return await editor.database.run(work)


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
