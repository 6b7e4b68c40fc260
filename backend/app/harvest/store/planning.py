"""The transaction that turns plans into rows: versions, copies, identifiers, file states."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import midnight, utcnow
from app.harvest.plan import Latest, NewVersion, Nothing, PlannedCopy, Reaim, Work
from app.harvest.ports import Mint
from app.harvest.store.bulk import insert_new_rows, insert_rows, set_rows, update_rows
from app.harvest.store.following import wake_followers
from app.harvest.store.news import tell
from app.models import (
    BACKLOG,
    NEW_FILE,
    Copy,
    CopyState,
    FileState,
    Identifier,
    SourceFile,
    Version,
    new_id,
)
from app.transfers.base import FileFacts
from app.transfers.paths import display

FILES = cast(Table, SourceFile.__table__)
VERSIONS = cast(Table, Version.__table__)
COPIES = cast(Table, Copy.__table__)
IDENTIFIERS = cast(Table, Identifier.__table__)
_PLANNED = {
    "state": FileState.PLANNED.value,
    "reason_code": None,
    "reason": None,
    "next_try_at": None,
}


async def latest_versions(
    session: AsyncSession, source_file_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Latest]:
    """Return the newest version of each file that has one."""
    if not source_file_ids:
        return {}
    rows = await session.execute(
        select(
            Version.source_file_id,
            Version.id,
            Version.number,
            Version.size_bytes,
            Version.seen_mtime_ns,
            Version.sha256,
            Version.created_at,
        )
        .join(
            SourceFile,
            (SourceFile.id == Version.source_file_id)
            & (SourceFile.latest_version == Version.number),
        )
        .where(Version.source_file_id.in_(source_file_ids))
    )
    return {
        row.source_file_id: Latest(
            row.id,
            row.number,
            FileFacts(row.size_bytes, row.seen_mtime_ns),
            row.sha256 is not None,
            row.created_at,
        )
        for row in rows
    }


async def save(
    session: AsyncSession, instrument_id: uuid.UUID, work: Sequence[Work], mint: Mint
) -> int:
    """Write a batch of an instrument's plans; return how many copies were queued."""
    now = utcnow()
    new = [item for item in work if isinstance(item, NewVersion)]
    await _save_new(session, new, mint)
    queued = await _insert_copies(session, instrument_id, new, now)
    wanted = [item for item in work if isinstance(item, Reaim)]
    moved = await _reaim(session, wanted)
    # Fixed meanwhile by a worker: the file stays in observation, and the next look plans anew.
    aimed = [item for item in wanted if item.version_id in moved]
    await _wake(session, [item.version_id for item in aimed], now)
    waiting = [item.file.latest for item in work if isinstance(item, Nothing)]
    await _wake(session, [latest.version_id for latest in waiting if latest], now)
    nothing = [item for item in work if isinstance(item, Nothing)]
    await _mark_planned(session, [*aimed, *nothing])
    again = [item.file.source_file_id for item in work if item.file.latest is not None]
    await _settle_earlier(session, again, now)
    if new:
        await tell(
            session,
            "files.planned",
            instrument_id,
            state=CopyState.QUEUED.value,
            count=sum(_is_first_today(item, now) for item in new),
            size_bytes=sum(item.file.facts.size_bytes for item in new),
        )
    return queued


def _is_first_today(item: NewVersion, now: datetime) -> bool:
    """People count files: the second version of a day (UTC) is no further one."""
    latest = item.file.latest
    return latest is None or latest.created_at < midnight(now)


async def _save_new(session: AsyncSession, new: Sequence[NewVersion], mint: Mint) -> None:
    if not new:
        return
    first = [item.file for item in new if item.file.latest is None]
    arks = {f.source_file_id: f.journal.ark for f in first if f.journal is not None}
    if arks:
        await insert_new_rows(session, IDENTIFIERS, _taken_rows(arks), returning="value")
    ids = [f.source_file_id for f in first if f.source_file_id not in arks]
    arks |= await mint(session, ids)
    await set_rows(
        session,
        FILES,
        [
            _planned_row(i) | {"ark": arks.get(i.file.source_file_id)}
            for i in new
            if not i.file.latest
        ],
        keys=["id"],
        constants=_PLANNED,
    )
    later = [_planned_row(item) for item in new if item.file.latest]
    await set_rows(session, FILES, later, keys=["id"], constants=_PLANNED)


def _taken_rows(arks: dict[uuid.UUID, str]) -> list[dict[str, Any]]:
    """Identifiers that a destination's journal knows: taken over, not minted again."""
    return [
        {"value": ark, "scheme": "ark", "source_file_id": one, "created_at": utcnow()}
        for one, ark in arks.items()
    ]


def _planned_row(item: NewVersion) -> dict[str, Any]:
    return {
        "id": item.file.source_file_id,
        "latest_version": item.number,
        "size_bytes": item.file.facts.size_bytes,
        "mtime_ns": item.file.facts.mtime_ns,
    }


async def _settle_earlier(
    session: AsyncSession, source_file_ids: Sequence[uuid.UUID], now: datetime
) -> None:
    """Copies of earlier versions that nobody has made, and that the source cannot give any more.

    With a proven copy elsewhere they are filled from that one, otherwise they are superseded.
    """
    if not source_file_ids:
        return
    earlier = (
        select(Version.id)
        .join(SourceFile, SourceFile.id == Version.source_file_id)
        .where(SourceFile.id.in_(source_file_ids), Version.number < SourceFile.latest_version)
    )
    proven = select(Copy.version_id).where(
        Copy.source_file_id.in_(source_file_ids), Copy.state == CopyState.AVAILABLE
    )
    waiting = (
        Copy.source_file_id.in_(source_file_ids),
        Copy.version_id.in_(earlier),
        Copy.state.in_([CopyState.QUEUED, CopyState.RETRY_WAIT, CopyState.FAILED]),
    )
    await session.execute(
        update(Copy)
        .where(*waiting, Copy.version_id.not_in(proven))
        .values(state=CopyState.SUPERSEDED, state_since=now, due_at=None, error_code="superseded")
    )
    await session.execute(
        update(Copy)
        .where(*waiting, Copy.due_at.is_(None), Copy.version_id.in_(proven))
        .values(state=CopyState.QUEUED, state_since=now, due_at=now)
    )


async def _insert_copies(
    session: AsyncSession, instrument_id: uuid.UUID, new: Sequence[NewVersion], now: datetime
) -> int:
    versions, copies = [], []
    for item in new:
        version_id = new_id()
        versions.append(_version_row(item, version_id))
        copies += [_copy_row(item, version_id, copy, now) for copy in item.copies]
    aimed = {"aim": 1, "created_at": now, "legal_hold": False}
    await insert_rows(session, VERSIONS, versions, aimed)
    queued = {
        "instrument_id": instrument_id,
        "state": CopyState.QUEUED.value,
        "attempt": 0,
        "failures": 0,
        "losses": 0,
        "batch_files": 200,
        "lease_until_ms": 0,
        "created_at": now,
        "state_since": now,
    }
    inserted = await insert_new_rows(session, COPIES, copies, returning="id", constants=queued)
    if len(inserted) < len(copies):
        losers = [row | queued for row in copies if row["id"] not in inserted]
        await insert_losers(session, losers)
        await wake_followers(session, [row["version_id"] for row in losers])
    return len(inserted)


def _version_row(item: NewVersion, version_id: uuid.UUID) -> dict[str, Any]:
    size_bytes, mtime_ns = item.file.facts
    return {
        "id": version_id,
        "source_file_id": item.file.source_file_id,
        "number": item.number,
        "size_bytes": size_bytes,
        "mtime_ns": mtime_ns,
        "seen_mtime_ns": mtime_ns,
    }


def _copy_row(
    item: NewVersion, version_id: uuid.UUID, copy: PlannedCopy, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "version_id": version_id,
        "source_file_id": item.file.source_file_id,
        "size_bytes": item.file.facts.size_bytes,
        "priority": BACKLOG if item.file.is_backlog else NEW_FILE,
        "storage_location_id": copy.storage_location_id,
        "required": copy.required,
        "dest_path": display(copy.dest_path),
        "dest_path_bytes": copy.dest_path,
        "dest_key": copy.dest_key,
        "follows": copy.follows,
        "due_at": now if copy.follows is None else None,
    }


async def insert_losers(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Copies whose name is taken there: conflicts that name the other copy, in nobody's way."""
    losers = []
    for row in rows:
        other = await session.scalar(
            select(Copy.id).where(
                Copy.storage_location_id == row["storage_location_id"],
                Copy.dest_key == row["dest_key"],
            )
        )
        losers.append(
            row
            | {
                "dest_key": None,
                "state": CopyState.CONFLICT.value,
                "follows": None,
                "due_at": None,
                "error_code": "destination_taken",
                "error_detail": f"Copy {other} has this destination path.",
            }
        )
    await insert_rows(session, COPIES, losers)


async def _reaim(session: AsyncSession, aimed: Sequence[Reaim]) -> set[uuid.UUID]:
    """Expect other facts of versions of which nothing was published yet; return which were."""
    moved = await update_rows(
        session,
        VERSIONS,
        [
            {
                "id": item.version_id,
                "size_bytes": item.file.facts.size_bytes,
                "mtime_ns": item.file.facts.mtime_ns,
                "seen_mtime_ns": item.file.facts.mtime_ns,
            }
            for item in aimed
        ],
        keys=["id"],
        where=[Version.sha256.is_(None)],
        constants={"aim": Version.aim + 1},
    )
    await set_rows(
        session,
        COPIES,
        [
            {"version_id": item.version_id, "size_bytes": item.file.facts.size_bytes}
            for item in aimed
            if item.version_id in moved
        ],
        keys=["version_id"],
    )
    return moved


async def _wake(session: AsyncSession, version_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Queue copies that were parked until their file was observed again."""
    if not version_ids:
        return
    await session.execute(
        update(Copy)
        .where(
            Copy.version_id.in_(version_ids),
            Copy.state == CopyState.QUEUED,
            Copy.due_at.is_(None),
            Copy.follows.is_(None),
        )
        .values(due_at=now)
    )


async def _mark_planned(session: AsyncSession, work: Sequence[Reaim | Nothing]) -> None:
    await set_rows(
        session,
        FILES,
        [
            {
                "id": item.file.source_file_id,
                "size_bytes": item.file.facts.size_bytes,
                "mtime_ns": item.file.facts.mtime_ns,
            }
            for item in work
        ],
        keys=["id"],
        constants=_PLANNED,
    )
