"""Back-fill: copies at a location that an instrument got later, made from proven ones.

A cursor goes through the instrument's files in the order of their keys, a batch a transaction;
killed anywhere, it goes on there. What has a copy at the location already is left alone, so
going over files twice changes nothing. The instrument is not asked: a version whose copies all
failed is left to its own copies.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, Table, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.plan import Destination, WhichVersion, plan_copy
from app.harvest.store import instruments
from app.harvest.store.bulk import insert_new_rows, insert_rows
from app.harvest.store.planning import insert_losers
from app.models import (
    BACKLOG,
    Copy,
    CopyState,
    InstrumentStorage,
    SourceFile,
    StorageLocation,
    StorageState,
    Version,
    new_id,
)
from app.transfers.paths import display

COPIES = cast(Table, Copy.__table__)
_FILES = 500


async def backfill(database: Database) -> int:
    """Queue the next batch of missing copies of one policy; return how many, or -1 for no work."""
    return await database.run(_next_batch)


async def _next_batch(session: AsyncSession) -> int:
    policy = await session.scalar(
        select(InstrumentStorage)
        .join(StorageLocation, StorageLocation.id == InstrumentStorage.storage_location_id)
        .where(
            InstrumentStorage.backfill_pending.is_(True),
            StorageLocation.state == StorageState.ACTIVE,
        )
        .order_by(InstrumentStorage.instrument_id, InstrumentStorage.storage_location_id)
        .limit(1)
        .with_for_update(skip_locked=True, of=InstrumentStorage)
    )
    if policy is None:
        return -1
    facts = await instruments.load(session, policy.instrument_id)
    wanted = policy.storage_location_id
    places = [d for d in facts.destinations if d.storage_location_id == wanted] if facts else []
    files = await _files_after(session, policy)
    if not files or not places:
        policy.backfill_pending = False
        return 0
    queued = await _queue(session, places[0], policy, files)
    await session.execute(
        update(InstrumentStorage)
        .where(
            InstrumentStorage.instrument_id == policy.instrument_id,
            InstrumentStorage.storage_location_id == wanted,
        )
        .values(backfill_after=files[-1])
    )
    return queued


async def _files_after(session: AsyncSession, policy: InstrumentStorage) -> Sequence[uuid.UUID]:
    query = select(SourceFile.id).where(SourceFile.instrument_id == policy.instrument_id)
    if policy.backfill_after is not None:
        query = query.where(SourceFile.id > policy.backfill_after)
    return (await session.scalars(query.order_by(SourceFile.id).limit(_FILES))).all()


async def _missing(
    session: AsyncSession, files: Sequence[uuid.UUID], location: uuid.UUID
) -> Sequence[Row[Any]]:
    """Return the versions of these files that are proven somewhere and have no copy there."""
    proven, there = aliased(Copy), aliased(Copy)
    found = await session.execute(
        select(
            Version.id, Version.number, Version.size_bytes, Version.mtime_ns,
            SourceFile.id.label("file_id"), SourceFile.path_bytes, SourceFile.incarnation,
            proven.storage_location_id.label("origin"),
        )
        .join(SourceFile, SourceFile.id == Version.source_file_id)
        .join(proven, (proven.version_id == Version.id) & (proven.state == CopyState.AVAILABLE))
        .where(
            Version.source_file_id.in_(files),
            ~exists().where(
                there.version_id == Version.id, there.storage_location_id == location
            ),
        )
        .order_by(Version.id)
    )  # fmt: skip
    return list({row.id: row for row in found}.values())


async def _queue(
    session: AsyncSession,
    destination: Destination,
    policy: InstrumentStorage,
    files: Sequence[uuid.UUID],
) -> int:
    missing = await _missing(session, files, destination.storage_location_id)
    now = utcnow()
    planned = [_row(destination, one, now) for one in missing]
    rows = [row for row in planned if row["dest_key"] is not None]
    queued = {
        "instrument_id": policy.instrument_id,
        "state": CopyState.QUEUED.value,
        "attempt": 0,
        "failures": 0,
        "losses": 0,
        "batch_files": 200,
        "lease_until_ms": 0,
        "created_at": now,
        "state_since": now,
    }
    inserted = await insert_new_rows(session, COPIES, rows, returning="id", constants=queued)
    losers = [row | queued for row in rows if row["id"] not in inserted]
    await insert_losers(session, losers)
    await insert_rows(session, COPIES, [queued | row for row in planned if row["dest_key"] is None])
    return len(inserted)


def _row(destination: Destination, one: Row[Any], now: datetime) -> dict[str, Any]:
    which = WhichVersion(one.path_bytes, one.incarnation, one.number, one.mtime_ns)
    try:
        planned = plan_copy(destination, which)
    except StreamWeaveError as error:
        # Shown with its cause, in nobody's way: it has no name that it could take.
        row = _row(replace(destination, template=None), one, now)
        return row | {
            "dest_key": None,
            "follows": None,
            "due_at": None,
            "state": CopyState.CONFLICT.value,
            "error_code": error.code,
            "error_detail": error.detail,
        }
    return {
        "id": new_id(),
        "version_id": one.id,
        "source_file_id": one.file_id,
        "size_bytes": one.size_bytes,
        "priority": BACKLOG,
        "storage_location_id": planned.storage_location_id,
        "required": planned.required,
        "dest_path": display(planned.dest_path),
        "dest_path_bytes": planned.dest_path,
        "dest_key": planned.dest_key,
        "follows": one.origin,
        "due_at": now,
    }
