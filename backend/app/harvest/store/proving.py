"""The transactions of a copy that is being made: proving, intent, available, failed.

`write_intent` is where a version's hash is fixed, once. After it the evidence stands in the row,
so whoever comes after a crash knows which object to look for.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, Table, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.database import lease_clock_ms, lease_now
from app.errors import ErrorClass, StreamWeaveError
from app.harvest.retry import RetryPolicy, decide
from app.harvest.store.among import among
from app.harvest.store.attempts import (
    AttemptBatch,
    AttemptRow,
    Evidence,
    evidence_of,
    insert_attempts,
)
from app.harvest.store.bulk import insert_rows, set_rows, update_rows
from app.harvest.store.claiming import UNKNOWN_MTIME, Lease
from app.harvest.store.following import wake_followers
from app.harvest.work import Batch, ClaimedCopy, Failure, Origin, Proof
from app.models import (
    Copy,
    CopyState,
    FileState,
    Outbox,
    SourceFile,
    StorageKind,
    StorageLocation,
    StorageState,
    Version,
    new_id,
)

COPIES = cast(Table, Copy.__table__)
VERSIONS = cast(Table, Version.__table__)
OUTBOX = cast(Table, Outbox.__table__)
BEFORE_INTENT = [CopyState.TRANSFERRING, CopyState.PROVING]
_RELEASED = {"lease_owner": None, "lease_until_ms": 0}


async def origins(
    session: AsyncSession, version_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Origin]:
    """Return a proven copy of each version that has one, at a location that does not rest."""
    paused = StorageLocation.paused_until
    rows = await session.execute(
        select(
            Copy.version_id, Copy.id, Copy.storage_location_id, Copy.dest_path_bytes, Copy.intent
        )
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
        .where(
            Copy.version_id.in_(version_ids),
            Copy.state == CopyState.AVAILABLE,
            StorageLocation.state != StorageState.RETIRED,
            or_(paused.is_(None), paused <= utcnow()),
        )
        # Of several the nearest one: the last row of a version stands.
        .order_by(StorageLocation.kind.in_([StorageKind.POSIX, StorageKind.NFS]), Copy.id)
    )
    return {
        version: Origin(copy_id, place, path, object_of(evidence))
        for version, copy_id, place, path, evidence in rows
    }


def object_of(evidence: dict[str, Any] | None) -> str:
    """Return the identity of the object that a copy's evidence speaks of."""
    found = evidence or {}
    return str(found.get("adopted_object") or found.get("object_id") or "")


async def give_back(
    session: AsyncSession, copies: Sequence[ClaimedCopy], *, after_seconds: float = 0.0
) -> None:
    """Queue again what was claimed and not tried."""
    now = utcnow()
    await update_rows(
        session,
        COPIES,
        [{"id": copy.copy_id, "attempt": copy.attempt} for copy in copies],
        keys=["id", "attempt"],
        where=[Copy.state.in_(BEFORE_INTENT)],
        constants={
            "state": CopyState.QUEUED.value,
            "state_since": now,
            "due_at": now + timedelta(seconds=after_seconds),
            "batch_files": 200,
            **_RELEASED,
        },
    )


async def wait_for_instrument(session: AsyncSession, copies: Sequence[ClaimedCopy]) -> None:
    """Queue copies that no proven copy can fill any more; the instrument's turn decides."""
    await give_back(session, copies)
    await session.execute(
        update(Copy).where(Copy.id.in_([copy.copy_id for copy in copies])).values(follows=None)
    )


async def mark_proving(session: AsyncSession, copies: Sequence[ClaimedCopy]) -> set[uuid.UUID]:
    """Show that the bytes are there and are being proven; return the copies still held."""
    return await update_rows(
        session,
        COPIES,
        [{"id": copy.copy_id, "attempt": copy.attempt} for copy in copies],
        keys=["id", "attempt"],
        where=[Copy.state == CopyState.TRANSFERRING],
        constants={"state": CopyState.PROVING.value, "state_since": utcnow()},
    )


async def write_intent(
    session: AsyncSession, proofs: Sequence[Proof], lease: Lease
) -> tuple[list[Proof], list[Failure]]:
    """Fix the versions' hashes, renew the lease and commit to publish, all in one.

    Returns:
        Who may publish and who may not; copies that are not held any more are in neither.
    """
    standing = await _held_versions(session, [proof.copy.copy_id for proof in proofs], lease.owner)
    won: list[Proof] = []
    refused: list[Failure] = []
    mixed: list[uuid.UUID] = []
    for proof in proofs:
        copy, row = proof.copy, standing.get(proof.copy.copy_id)
        if row is None or row.attempt != copy.attempt:
            continue
        if row.aim == copy.aim and row.sha256 in (None, proof.sha256):
            won.append(proof)
            continue
        detail = "The version has other content or is expected anew."
        refused.append(Failure(copy, StreamWeaveError("source_file_changed", detail)))
        if row.sha256 not in (None, proof.sha256) and copy.is_latest:
            mixed.append(copy.version_id)
    if mixed:
        # Other content at equal size and time: planning must not take these facts for known.
        await session.execute(
            update(Version).where(Version.id.in_(mixed)).values(seen_mtime_ns=UNKNOWN_MTIME)
        )
    unfixed = [proof for proof in won if standing[proof.copy.copy_id].sha256 is None]
    await set_rows(
        session,
        VERSIONS,
        [{"id": proof.copy.version_id, "sha256": proof.sha256} for proof in unfixed],
        keys=["id"],
    )
    await set_rows(
        session,
        COPIES,
        [{"id": proof.copy.copy_id, "intent": proof.facts} for proof in won],
        keys=["id"],
        constants={
            "state": CopyState.PUBLISHING.value,
            "state_since": utcnow(),
            "lease_until_ms": await lease_clock_ms(session) + int(lease.seconds * 1000),
        },
    )
    return won, refused


async def _held_versions(
    session: AsyncSession, copy_ids: Sequence[uuid.UUID], owner: str
) -> dict[uuid.UUID, Row[Any]]:
    """Return attempt, aim and hash of the copies that this owner still holds, locked."""
    rows = await session.execute(
        select(COPIES.c.id, COPIES.c.attempt, VERSIONS.c.aim, VERSIONS.c.sha256)
        .join_from(COPIES, VERSIONS, VERSIONS.c.id == COPIES.c.version_id)
        .where(
            among(COPIES.c.id, copy_ids),
            COPIES.c.lease_owner == owner,
            COPIES.c.state.in_(BEFORE_INTENT),
        )
        .order_by(COPIES.c.id)
        .with_for_update()
    )
    return {row.id: row for row in rows}


async def finish_available(
    session: AsyncSession, proofs: Sequence[Proof], batch: Batch, worker: str
) -> AttemptBatch:
    """Commit that copies are available, with attempts and outbox."""
    now = utcnow()
    written = {p.copy.copy_id: evidence_of(p.facts) for p in proofs}
    won = await update_rows(
        session,
        COPIES,
        [
            {"id": p.copy.copy_id, "attempt": p.copy.attempt, "intent": written[p.copy.copy_id]}
            for p in proofs
        ],
        keys=["id", "attempt"],
        where=[Copy.state == CopyState.PUBLISHING],
        constants={
            "state": CopyState.AVAILABLE.value,
            "state_since": now,
            "available_at": now,
            "error_code": None,
            "error_detail": None,
            "due_at": None,
            "batch_files": 200,
            **_RELEASED,
        },
    )
    done = [proof for proof in proofs if proof.copy.copy_id in won]
    await insert_rows(
        session,
        OUTBOX,
        [{"id": new_id(), "payload": _available_event(proof)} for proof in done],
        {"topic": "copy.available", "instrument_id": batch.instrument_id, "created_at": now},
    )
    return await insert_attempts(
        session,
        [
            _attempt(p.copy, p.facts["outcome"], worker, now, evidence=written[p.copy.copy_id])
            for p in done
        ],
    )


def _available_event(proof: Proof) -> dict[str, Any]:
    return {
        "copy_id": proof.copy.copy_id,
        "version_id": proof.copy.version_id,
        "source_file_id": proof.copy.source_file_id,
        "ark": proof.copy.ark,
        "size_bytes": proof.copy.expected.size_bytes,
    }


def _attempt(
    copy: ClaimedCopy,
    outcome: str,
    worker: str,
    now: datetime,
    *,
    error: StreamWeaveError | None = None,
    evidence: Evidence | None = None,
) -> AttemptRow:
    return AttemptRow(
        copy_id=copy.copy_id,
        number=copy.attempt,
        aim=copy.aim,
        outcome=outcome,
        worker=worker,
        started_at=copy.started_at,
        ended_at=now,
        error_code=error.code if error else None,
        error_detail=error.detail if error else None,
        evidence=evidence,
    )


async def finish_failed(
    session: AsyncSession,
    failures: Sequence[Failure],
    instrument_id: uuid.UUID,
    worker: str,
    policy: RetryPolicy,
) -> AttemptBatch:
    """Commit what becomes of failed attempts."""
    now = utcnow()
    rows = [_failed_row(failure, policy, now) for failure in failures]
    # What was committed to be published stays so until somebody has looked: only what is the
    # result of such a look ends it here.
    before_intent = Copy.state.in_(BEFORE_INTENT)
    looked = {f.copy.copy_id for f in failures if _was_looked_at(f)}
    won = await update_rows(
        session,
        COPIES,
        rows,
        keys=["id", "attempt"],
        where=[or_(before_intent, (Copy.state == CopyState.PUBLISHING) & Copy.id.in_(looked))],
        constants={"state_since": now, "batch_files": 200, **_RELEASED},
    )
    won |= await _look_again(session, [f for f in failures if f.copy.copy_id not in won], policy)
    done = [failure for failure in failures if failure.copy.copy_id in won]
    changed = [f for f in done if f.error.error_class is ErrorClass.SOURCE_CHANGED]
    await _observe_again(session, changed, now)
    shown = [f for f in done if f.error.error_class is not ErrorClass.SOURCE_CHANGED]
    states = {row["id"]: row["state"] for row in rows}
    await wake_followers(session, [f.copy.version_id for f in done if _keeps_others(f, states)])
    events = [_failed_event(f, states[f.copy.copy_id], instrument_id, now) for f in shown]
    await insert_rows(session, OUTBOX, events)
    return await insert_attempts(
        session, [_attempt(f.copy, "failed", worker, now, error=f.error) for f in done]
    )


def _keeps_others(failure: Failure, states: dict[uuid.UUID, str]) -> bool:
    """Whether copies that follow this one would wait for what does not come soon."""
    is_over = states[failure.copy.copy_id] in (CopyState.FAILED, CopyState.CONFLICT)
    return is_over or not failure.error.code.startswith("source_")


def _was_looked_at(failure: Failure) -> bool:
    return failure.error.error_class is ErrorClass.CONFLICT or failure.nothing_stands


async def _look_again(
    session: AsyncSession, failures: Sequence[Failure], policy: RetryPolicy
) -> set[uuid.UUID]:
    """Let the lease of copies that stay `publishing` run out soon: the next claimant looks."""
    wait_ms = int(policy.hold_delay_seconds(1) * 1000)
    return await update_rows(
        session,
        COPIES,
        [
            {
                "id": failure.copy.copy_id,
                "attempt": failure.copy.attempt,
                "error_code": failure.error.code,
                "error_detail": failure.error.detail,
            }
            for failure in failures
        ],
        keys=["id", "attempt"],
        where=[Copy.state == CopyState.PUBLISHING],
        constants={"lease_until_ms": lease_now(session) + literal(wait_ms)},
    )


async def make_again(session: AsyncSession, copies: Sequence[ClaimedCopy]) -> None:
    """Queue copies of which a look found neither the final object nor the temporary."""
    now = utcnow()
    await update_rows(
        session,
        COPIES,
        [{"id": copy.copy_id, "attempt": copy.attempt} for copy in copies],
        keys=["id", "attempt"],
        where=[Copy.state == CopyState.PUBLISHING],
        constants={
            "state": CopyState.QUEUED.value,
            "state_since": now,
            "due_at": now,
            "batch_files": 200,
            **_RELEASED,
        },
    )


def _failed_row(failure: Failure, policy: RetryPolicy, now: datetime) -> dict[str, Any]:
    untried = failure.untried
    decision = decide(failure.error, failure.copy.failures, policy, now, untried=untried)
    return {
        "id": failure.copy.copy_id,
        "attempt": failure.copy.attempt,
        "state": decision.state.value,
        "due_at": decision.due_at,
        "failures": decision.failures,
        "error_code": failure.error.code,
        "error_detail": failure.error.detail,
    }


def _failed_event(
    failure: Failure, state: str, instrument_id: uuid.UUID, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "topic": "copy.failed",
        "instrument_id": instrument_id,
        "created_at": now,
        "payload": {
            "copy_id": str(failure.copy.copy_id),
            "source_file_id": str(failure.copy.source_file_id),
            "state": state,
            "code": failure.error.code,
        },
    }


async def _observe_again(session: AsyncSession, failures: Sequence[Failure], now: datetime) -> None:
    """Send changed files back to observation; their quiet time starts anew."""
    if not failures:
        return
    await session.execute(
        update(SourceFile)
        .where(
            SourceFile.id.in_([f.copy.source_file_id for f in failures]),
            SourceFile.state == FileState.PLANNED,
        )
        .values(state=FileState.SETTLING, unchanged_since=now, next_try_at=None)
    )
