"""Claiming: who works on which copies, by lease and fence.

A claim sets `attempt + 1`, the batch's owner and a lease; every later change names the attempt.
Copies whose lease ran out are taken over: `publishing` ones are looked at where they stand,
others become a lost attempt and are queued again in halves of their batch.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any, cast

from sqlalchemy import BigInteger, Row, Table, Update, and_, bindparam, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import lease_clock, lease_now
from app.errors import StreamWeaveError
from app.harvest.room import fitting
from app.harvest.store.among import among
from app.harvest.store.attempts import AttemptBatch, AttemptRow, insert_attempts
from app.harvest.store.bulk import update_rows
from app.harvest.store.news import tell
from app.harvest.store.words import IN_FLIGHT, WAITING
from app.harvest.work import BATCH_FILES, Batch, BatchSize, ClaimedCopy
from app.models import Copy, CopyState, SourceFile, Version
from app.transfers.base import FileFacts

COPIES = cast(Table, Copy.__table__)
MAX_LONE_LOSSES = 3
UNKNOWN_MTIME = -(1 << 62)  # of a version whose facts say nothing about its content any more
_REAP_LIMIT = 1000
USUAL = BatchSize()


C, V, F = COPIES.c, cast(Table, Version.__table__).c, cast(Table, SourceFile.__table__).c
_earlier = cast(Table, Version.__table__).alias("earlier")
# What a batch needs of a copy, as it stands before the claim counts the attempt.
_CLAIMED = (
    select(
        C.id,
        C.attempt,
        C.batch_files,
        C.size_bytes.label("copy_bytes"),
        C.source_file_id,
        C.version_id,
        V.number,
        V.aim,
        V.sha256,
        V.size_bytes,
        V.mtime_ns,
        V.seen_mtime_ns,
        F.path_bytes,
        F.incarnation,
        F.latest_version,
        C.dest_path_bytes,
        F.ark,
        C.failures,
        C.intent,
        _earlier.c.sha256.label("earlier_sha256"),
        _earlier.c.size_bytes.label("earlier_size_bytes"),
    )
    .join_from(COPIES, V.id.table, V.id == C.version_id)
    .join(F.id.table, F.id == C.source_file_id)
    .outerjoin(
        _earlier,
        and_(_earlier.c.source_file_id == V.source_file_id, _earlier.c.number == V.number - 1),
    )
)


@dataclass(frozen=True, slots=True)
class Lease:
    """Whose a batch is, and for how long it is claimed at a time."""

    owner: str
    seconds: float


Place = tuple[uuid.UUID, int]  # a storage location and a priority


_NEXT = (
    _CLAIMED.where(
        C.instrument_id == bindparam("instrument"),
        C.storage_location_id == bindparam("location"),
        C.priority == bindparam("priority"),
        WAITING,
        C.due_at <= bindparam("now"),
    )
    .order_by(C.due_at, C.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=COPIES)
)


@lru_cache(2)
def _take(is_sqlite: bool) -> Update:
    """Count the attempt and set the lease of chosen copies."""
    clock = lease_clock("sqlite" if is_sqlite else "postgresql")
    return (
        update(COPIES)
        .where(among(C.id, "ids"))
        .values(
            state=CopyState.TRANSFERRING,
            state_since=bindparam("now"),
            claimed_at=bindparam("now"),
            attempt=C.attempt + 1,
            batch_files=bindparam("together"),
            due_at=None,
            lease_owner=bindparam("owner"),
            lease_until_ms=clock + bindparam("lease_ms", type_=BigInteger()),
        )
    )


async def _took(
    session: AsyncSession, chosen: Sequence[Row[Any]], lease: Lease, now: datetime
) -> None:
    taken = {
        "ids": [row[0] for row in chosen],
        "now": now,
        "together": len(chosen),
        "owner": lease.owner,
        "lease_ms": int(lease.seconds * 1000),
    }
    await session.execute(_take(session.get_bind().dialect.name == "sqlite"), taken)


async def claim(
    session: AsyncSession,
    instrument_id: uuid.UUID,
    place: Place,
    lease: Lease,
    room_bytes: int | None = None,
    size: BatchSize = USUAL,
) -> Batch | None:
    """Claim the next batch of one instrument for one place, or None.

    Raises:
        StreamWeaveError: `storage_full` when not even the next copy fits into the room.
    """
    location, priority = place
    now = utcnow()
    where = {"instrument": instrument_id, "location": location, "priority": priority, "now": now}
    rows = (await session.execute(_NEXT, {**where, "most": size.files})).all()
    due = _choose(rows, size)
    if not due:
        return None
    chosen = due[: fitting([row.copy_bytes for row in due], room_bytes)]
    if not chosen:
        wanted = due[0].copy_bytes
        detail = f"{wanted} bytes are to come, and there is room for {max(0, room_bytes or 0)}."
        raise StreamWeaveError("storage_full", detail)
    await _took(session, chosen, lease, now)
    await tell(
        session,
        "copies.claimed",
        instrument_id,
        storage_id=str(location),
        state=CopyState.TRANSFERRING.value,
        count=len(chosen),
    )
    copies = tuple(_claimed_copy(row, now) for row in chosen)
    return Batch(instrument_id, location, copies, recovering=False, is_patient=size.is_patient)


def _choose(rows: Sequence[Row[Any]], size: BatchSize = USUAL) -> list[Row[Any]]:
    """Pick from due copies in their order: one batch size, bounded in files and bytes."""
    company = together = rows[0].batch_files if rows else 0
    # Copies that were lost together are tried in smaller and smaller company.
    if company == BATCH_FILES:  # never lost
        together = size.files
    alike = [row for row in rows if row.batch_files == company][: max(1, together)]
    ends = accumulate(row.copy_bytes for row in alike)
    return [
        row
        for row, end in zip(alike, ends, strict=True)
        if row is alike[0] or end <= size.size_bytes
    ]


def _halved(batch_files: int) -> int:
    """Return the company of a copy that was lost; the usual number says that it never was."""
    half = max(1, batch_files // 2)
    return half - 1 if half == BATCH_FILES else half


def _claimed_copy(row: Row[Any], now: datetime) -> ClaimedCopy:
    # Taken apart at once: a name of a row costs a look-up, and there are 200 of them at a time.
    (
        copy_id, attempt, _, _, source_file_id, version_id, number, aim, sha256, size_bytes,
        mtime_ns, seen_mtime_ns, path, incarnation, latest_version, dest_path, ark, failures,
        intent, earlier_sha256, earlier_size_bytes, *_,
    ) = row  # fmt: skip
    # The same content was seen under a new time since: that is what the source says now.
    if sha256 is not None and seen_mtime_ns != UNKNOWN_MTIME:
        mtime_ns = seen_mtime_ns
    return ClaimedCopy(
        copy_id=copy_id,
        attempt=attempt + 1,
        source_file_id=source_file_id,
        version_id=version_id,
        version_number=number,
        aim=aim,
        sha256=sha256,
        expected=FileFacts(size_bytes, mtime_ns),
        path=path,
        incarnation=incarnation,
        is_latest=latest_version == number,
        dest_path=dest_path,
        ark=ark or "",
        failures=failures,
        started_at=now,
        intent=intent,
        earlier_sha256=earlier_sha256,
        earlier_size_bytes=earlier_size_bytes,
    )


async def claim_fill(
    session: AsyncSession, served: Sequence[uuid.UUID], locations: Sequence[uuid.UUID], lease: Lease
) -> Batch | None:
    """Claim copies of an instrument that is not served now: a proven copy elsewhere fills them."""
    rows = (
        await session.execute(
            _CLAIMED.add_columns(C.instrument_id, C.storage_location_id)
            .where(
                C.follows.is_not(None),
                WAITING,
                C.due_at <= utcnow(),
                C.storage_location_id.in_(locations),
                C.instrument_id.not_in(served),
            )
            .order_by(C.due_at, C.id)
            .limit(BATCH_FILES)
            .with_for_update(skip_locked=True, of=COPIES)
        )
    ).all()
    if not rows:
        return None
    where = (rows[0].instrument_id, rows[0].storage_location_id)
    chosen = _choose([r for r in rows if (r.instrument_id, r.storage_location_id) == where])
    now = utcnow()
    await _took(session, chosen, lease, now)
    copies = tuple(_claimed_copy(row, now) for row in chosen)
    return Batch(*where, copies, recovering=False, only_fill=True)


async def claim_interrupted(
    session: AsyncSession,
    instruments: Sequence[uuid.UUID],
    locations: Sequence[uuid.UUID],
    lease: Lease,
) -> Batch | None:
    """Take over copies whose worker died while publishing; their intent says what to look for."""
    rows = (
        await session.execute(
            _CLAIMED.add_columns(C.instrument_id, C.storage_location_id)
            .where(
                IN_FLIGHT,
                C.state == CopyState.PUBLISHING,
                C.lease_until_ms < lease_now(session),
                C.instrument_id.in_(instruments),
                C.storage_location_id.in_(locations),
            )
            .order_by(C.lease_until_ms, C.id)
            .limit(BATCH_FILES)
            .with_for_update(skip_locked=True, of=COPIES)
        )
    ).all()
    if not rows:
        return None
    where = (rows[0].instrument_id, rows[0].storage_location_id)
    chosen = [row for row in rows if (row.instrument_id, row.storage_location_id) == where]
    now = utcnow()
    await session.execute(
        update(COPIES)
        .where(among(C.id, [row.id for row in chosen]))
        .values(
            attempt=C.attempt + 1,
            claimed_at=now,
            lease_owner=lease.owner,
            lease_until_ms=lease_now(session) + int(lease.seconds * 1000),
        )
    )
    copies = tuple(_claimed_copy(row, now) for row in chosen)
    return Batch(*where, copies, recovering=True)


async def reap_lost(session: AsyncSession) -> AttemptBatch | None:
    """Queue again what died in a worker's hands before publishing; None when there was nothing."""
    rows = (
        await session.execute(
            select(
                Copy.id, Copy.attempt, Copy.batch_files, Copy.losses, Copy.claimed_at,
                Copy.lease_owner, Version.aim,
            )
            .join(Version, Version.id == Copy.version_id)
            .where(
                IN_FLIGHT,
                Copy.state.in_([CopyState.TRANSFERRING, CopyState.PROVING]),
                Copy.lease_until_ms < lease_now(session),
            )
            .order_by(Copy.lease_until_ms, Copy.id)
            .limit(_REAP_LIMIT)
            .with_for_update(skip_locked=True, of=Copy)
        )
    ).all()  # fmt: skip
    if not rows:
        return None
    now = utcnow()
    batch = await insert_attempts(
        session,
        [
            AttemptRow(
                copy_id=row.id, number=row.attempt, aim=row.aim, outcome="lost",
                worker=row.lease_owner or "", started_at=row.claimed_at or now, ended_at=now,
            )
            for row in rows
        ],
    )  # fmt: skip
    await update_rows(
        session,
        COPIES,
        [_after_loss(row, now) for row in rows],
        keys=["id", "attempt"],
        constants={"lease_owner": None, "lease_until_ms": 0, "state_since": now},
    )
    return batch


def _after_loss(row: Row[Any], now: datetime) -> dict[str, Any]:
    losses = row.losses + 1 if row.batch_files <= 1 else row.losses
    given_up = losses >= MAX_LONE_LOSSES
    return {
        "id": row.id,
        "attempt": row.attempt,
        "state": (CopyState.FAILED if given_up else CopyState.QUEUED).value,
        "losses": losses,
        "batch_files": _halved(row.batch_files),
        "due_at": None if given_up else now,
        "error_code": "lost_repeatedly" if given_up else None,
    }


async def renew(session: AsyncSession, ids: Sequence[uuid.UUID], lease: Lease) -> set[uuid.UUID]:
    """Renew a batch's lease; return the copies that are still held."""
    found = await session.execute(
        update(Copy)
        .where(
            among(COPIES.c.id, ids),
            Copy.lease_owner == lease.owner,
            Copy.state.in_([CopyState.TRANSFERRING, CopyState.PROVING, CopyState.PUBLISHING]),
        )
        .values(lease_until_ms=lease_now(session) + literal(int(lease.seconds * 1000)))
        .returning(Copy.id)
    )
    return set(found.scalars())


async def release(session: AsyncSession, owner: str) -> None:
    """Give back what this owner still holds before publishing (a run that is cancelled)."""
    held = await session.scalars(
        select(C.id)
        .where(IN_FLIGHT, C.lease_until_ms >= 0, C.lease_owner == owner)
        .order_by(C.lease_until_ms, C.id)
    )
    now = utcnow()
    await session.execute(
        update(COPIES)
        .where(
            among(C.id, held.all()),
            C.lease_owner == owner,
            C.state.in_([CopyState.TRANSFERRING, CopyState.PROVING]),
        )
        .values(
            state=CopyState.QUEUED,
            state_since=now,
            due_at=now,
            lease_owner=None,
            lease_until_ms=0,
        )
    )
