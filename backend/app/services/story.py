"""The story of a file, oldest first, from the rows that its facts are in already.

Nothing is written for it: observations, versions, identifiers, copies, attempts and the audit
trail each know their part.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import StreamWeaveError
from app.models import (
    Attempt,
    AuditEvent,
    Copy,
    CopyState,
    FileGrant,
    FileState,
    HookAnswer,
    Identifier,
    SourceFile,
    StorageLocation,
    User,
    Version,
)
from app.services.access import only_readable_files

_VERSIONS, _ATTEMPTS, _RETRIES = 50, 200, 500
_BATCH_EVENTS = 20  # written after a batch's id, in the same transaction
# What a copy's state alone tells: nobody attempted it then.
_TOLD_BY_STATE = (
    CopyState.CONFLICT, CopyState.SUPERSEDED, CopyState.REMOVED, CopyState.DAMAGED,
    CopyState.MISSING,
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One thing that happened."""

    at: datetime
    kind: str
    version: int | None = None
    copy_id: uuid.UUID | None = None
    storage_id: uuid.UUID | None = None
    storage_name: str | None = None
    number: int | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    worker: str | None = None
    actor: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    identifier: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] | None = None
    audit_event_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Story:
    """All steps that are told; `truncated` when there are older ones than these."""

    file_id: uuid.UUID
    steps: list[Step]
    truncated: bool


@dataclass(frozen=True)
class _Place:
    """A copy with its version's number and its place's name."""

    copy: Copy
    version: int
    storage_name: str

    @property
    def about(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "copy_id": self.copy.id,
            "storage_id": self.copy.storage_location_id,
            "storage_name": self.storage_name,
        }


async def read_story(database: Database, user: User, file_id: uuid.UUID) -> Story:
    """Tell the story of a file that a person may see.

    Raises:
        StreamWeaveError: `not_found`.
    """
    async with database.read() as session:
        query = only_readable_files(select(SourceFile).where(SourceFile.id == file_id), user)
        file: SourceFile | None = await session.scalar(query)
        if file is None:
            raise StreamWeaveError("not_found")
        versions = (
            await session.scalars(
                select(Version)
                .where(Version.source_file_id == file_id)
                .order_by(Version.number.desc())
                .limit(_VERSIONS)
            )
        ).all()
        places = await _places(session, versions)
        attempts = await _attempts(session, places)
        steps = [
            *_of_file(file),
            *_of_versions(versions),
            *await _of_identifiers(session, file_id),
            *_of_copies(places),
            *await _of_attempts(session, file, places, attempts),
            *await _of_people(session, file, places),
            *await _of_grants(session, user, file_id),
        ]
    truncated = len(versions) == _VERSIONS or len(attempts) == _ATTEMPTS
    return Story(file_id, sorted(steps, key=_in_time), truncated)


# At one time, what led to what.
_SEQUENCE = ("first_seen", "planned", "identifier_minted", "retried", "attempt", "available")


def _in_time(step: Step) -> tuple[datetime, int]:
    place = _SEQUENCE.index(step.kind) if step.kind in _SEQUENCE else len(_SEQUENCE)
    return step.ended_at or step.at, place


async def _places(session: AsyncSession, versions: Sequence[Version]) -> list[_Place]:
    numbers = {version.id: version.number for version in versions}
    rows = await session.execute(
        select(Copy, StorageLocation.name)
        .join(StorageLocation, StorageLocation.id == Copy.storage_location_id)
        .where(Copy.version_id.in_(numbers))
    )
    return [_Place(copy, numbers[copy.version_id], name) for copy, name in rows.all()]


async def _attempts(session: AsyncSession, places: Sequence[_Place]) -> Sequence[Attempt]:
    return (
        await session.scalars(
            select(Attempt)
            .where(Attempt.copy_id.in_([place.copy.id for place in places]))
            .order_by(Attempt.id.desc())
            .limit(_ATTEMPTS)
        )
    ).all()


def _of_file(file: SourceFile) -> Iterator[Step]:
    yield Step(
        file.first_seen_at,
        "first_seen",
        details={"path": file.path, "incarnation": file.incarnation},
    )
    if file.state != FileState.PLANNED:
        yield Step(
            file.unchanged_since,
            str(file.state),
            error_code=file.reason_code,
            error_detail=file.reason,
            size_bytes=file.size_bytes,
            details={"next_try_at": file.next_try_at.isoformat()} if file.next_try_at else {},
        )
    if file.absent_since is not None:
        yield Step(file.absent_since, "absent")


def _of_versions(versions: Sequence[Version]) -> Iterator[Step]:
    for version in versions:
        yield Step(
            version.created_at,
            "planned",
            version=version.number,
            size_bytes=version.size_bytes,
            sha256=version.sha256.hex() if version.sha256 else None,
            details={"mtime_ns": version.mtime_ns, "aim": version.aim},
        )


async def _of_identifiers(session: AsyncSession, file_id: uuid.UUID) -> list[Step]:
    rows = await session.scalars(select(Identifier).where(Identifier.source_file_id == file_id))
    return [Step(row.created_at, "identifier_minted", identifier=row.value) for row in rows.all()]


def _of_copies(places: Sequence[_Place]) -> Iterator[Step]:
    for place in places:
        copy = place.copy
        if copy.available_at is not None:
            evidence = copy.intent or {}
            yield Step(
                copy.available_at,
                "available",
                size_bytes=copy.size_bytes,
                sha256=evidence.get("received_sha256"),
                outcome=evidence.get("outcome"),
                evidence=copy.intent,
                details={"dest_path": copy.dest_path},
                **place.about,
            )
        if copy.state in _TOLD_BY_STATE:
            yield Step(
                copy.state_since,
                copy.state,
                error_code=copy.error_code,
                error_detail=copy.error_detail,
                details={"dest_path": copy.dest_path},
                **place.about,
            )


async def _of_attempts(
    session: AsyncSession,
    file: SourceFile,
    places: Sequence[_Place],
    attempts: Sequence[Attempt],
) -> list[Step]:
    by_copy = {place.copy.id: place for place in places}
    events = await _batch_events(session, file, {attempt.batch_id for attempt in attempts})
    return [
        Step(
            attempt.started_at,
            "attempt",
            number=attempt.number,
            ended_at=attempt.ended_at,
            outcome=attempt.outcome,
            worker=attempt.worker,
            error_code=attempt.error_code,
            error_detail=attempt.error_detail,
            evidence=attempt.evidence,
            audit_event_id=events.get(attempt.batch_id),
            **by_copy[attempt.copy_id].about,
        )
        for attempt in attempts
    ]


async def _batch_events(
    session: AsyncSession, file: SourceFile, batches: set[uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID]:
    """Return the audit event of each batch: it has the batch's Merkle root."""
    found: dict[uuid.UUID, uuid.UUID] = {}
    for batch in batches:
        query = (
            select(AuditEvent.id, AuditEvent.canonical)
            .where(
                AuditEvent.subject.in_([f"instrument:{file.instrument_id}", f"attempts:{batch}"]),
                AuditEvent.id > batch,
            )
            .order_by(AuditEvent.id)
            .limit(_BATCH_EVENTS)
        )
        for event_id, canonical in (await session.execute(query)).all():
            if json.loads(canonical)["details"].get("batch") == str(batch):
                found[batch] = event_id
                break
    return found


async def _of_grants(session: AsyncSession, user: User, file_id: uuid.UUID) -> list[Step]:
    """Whom hooks let see this one file; whoever is no admin hears of themselves alone."""
    query = (
        select(FileGrant, func.lower(User.email))
        .join(User, User.id == FileGrant.user_id)
        .where(FileGrant.source_file_id == file_id)
    )
    if not user.is_superuser:
        query = query.where(FileGrant.user_id == user.id)
    rows = (await session.execute(query.order_by(User.email, FileGrant.hook_id))).all()
    if not rows:
        return []
    names = await session.execute(
        select(HookAnswer.hook_id, HookAnswer.hook_name)
        .where(HookAnswer.source_file_id == file_id)
        .order_by(HookAnswer.at)
    )
    hooks = {hook_id: name for hook_id, name in names.all()}
    return [
        Step(
            grant.created_at,
            "access_granted",
            details={"hook": hooks.get(grant.hook_id), "person": email},
        )
        for grant, email in rows
    ]


async def _of_people(
    session: AsyncSession, file: SourceFile, places: Sequence[_Place]
) -> list[Step]:
    """What people did, and what the engine noted of the file by name."""
    subjects = {f"copy:{place.copy.id}": place for place in places}
    query = select(AuditEvent).where(AuditEvent.subject.in_([*subjects, f"file:{file.id}"]))
    steps = []
    for event in (await session.scalars(query.order_by(AuditEvent.id).limit(_RETRIES))).all():
        place = subjects.get(event.subject)
        steps.append(_of_event(event, place))
    wanted = {str(place.copy.id): place for place in places}
    many = (
        select(AuditEvent)
        .where(AuditEvent.subject >= "copies:", AuditEvent.subject < "copies;")
        .where(AuditEvent.at >= file.first_seen_at)
        .order_by(AuditEvent.subject.desc())
        .limit(_RETRIES)
    )
    for event in (await session.scalars(many)).all():
        listed = json.loads(event.canonical)["details"].get("copies", ())
        steps += [_of_event(event, wanted[one], brief=True) for one in listed if one in wanted]
    return steps


def _of_event(event: AuditEvent, place: _Place | None, *, brief: bool = False) -> Step:
    kinds = {"copy.retried": "retried", "copies.retried": "retried"}
    details = {} if brief else json.loads(event.canonical)["details"]
    return Step(
        event.at,
        kinds.get(event.action, event.action),
        actor=event.actor,
        audit_event_id=event.id,
        details=details,
        **(place.about if place else {}),
    )
