"""How files and copies are shown, shared by the routes of files and transfers."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.clock import from_ns
from app.errors import CATALOGUE
from app.models import Attempt, Copy
from app.schemas.files import (
    CopyEvidence,
    CopyRead,
    ExplainedFile,
    ExplanationRead,
    FileRead,
    FileStatus,
    FileStory,
    StoryStep,
    VersionRead,
)
from app.schemas.instruments import BrowsedEntry, FolderRead
from app.schemas.overview import NewestFile
from app.schemas.transfers import AttemptRead, CauseRead, TransferDetail, TransferRead
from app.services.audit_log import EventView
from app.services.causes import Cause
from app.services.files import FileView, VersionView
from app.services.finding import Answer
from app.services.story import Story
from app.services.transfers import TransferView


def remedy_of(code: str | None) -> str | None:
    """Return what the catalogue says to do about a code."""
    entry = CATALOGUE.get(code) if code else None
    return entry.remedy if entry else None


def _time_of(mtime_ns: int) -> datetime | None:
    try:
        return from_ns(mtime_ns)
    except (OverflowError, ValueError, OSError):
        return None  # sources may say anything; the exact number stays in the version


def _copy_values(copy: Copy, storage_name: str) -> dict[str, Any]:
    names = set(CopyRead.model_fields) - {"storage_name", "remedy"}
    values: dict[str, Any] = {name: getattr(copy, name) for name in names}
    return {**values, "storage_name": storage_name, "remedy": remedy_of(copy.error_code)}


def read_file(view: FileView) -> FileRead:
    """Return a file for the wire."""
    file = view.file
    taken = {"instrument_name", "status", "modified_at", "remedy", "copies"}
    values: dict[str, Any] = {
        name: getattr(file, name) for name in FileRead.model_fields if name not in taken
    }
    return FileRead(
        **values,
        instrument_name=view.instrument_name,
        status=FileStatus(view.status),
        modified_at=_time_of(file.mtime_ns),
        remedy=remedy_of(file.reason_code),
        copies=[CopyRead(**_copy_values(copy, name)) for copy, name in view.copies],
    )


def read_newest(view: FileView) -> NewestFile:
    """Return a file with the time since when all its required copies are proven."""
    required = [copy for copy, _ in view.copies if copy.required] or [c for c, _ in view.copies]
    proven = [copy.available_at for copy in required if copy.available_at is not None]
    safe = view.status == FileStatus.AVAILABLE and proven
    return NewestFile(**read_file(view).model_dump(), safe_since=max(proven) if safe else None)


def read_version(view: VersionView, ark: str | None) -> VersionRead:
    """Return a version for the wire; its identifier is derived from the file's."""
    version = view.version
    taken = {"sha256", "identifier", "copies"}
    values: dict[str, Any] = {
        name: getattr(version, name) for name in VersionRead.model_fields if name not in taken
    }
    return VersionRead(
        **values,
        sha256=version.sha256.hex() if version.sha256 else None,
        identifier=f"{ark}.v{version.number}" if ark else None,
        copies=[
            CopyEvidence(**_copy_values(copy, name), evidence=copy.intent)
            for copy, name in view.copies
        ],
    )


def read_folder(found: dict[str, Any]) -> FolderRead:
    """Return a folder of a source for the wire."""
    entries = [
        BrowsedEntry(
            name=one["name"],
            directory=one["directory"],
            size_bytes=one["size_bytes"],
            modified_at=_time_of(one["mtime_ns"]) if one["mtime_ns"] is not None else None,
            error_code=one["error_code"],
        )
        for one in found.get("entries", ())
    ]
    return FolderRead.model_validate({**found, "entries": entries})


def read_answer(answer: Answer) -> ExplanationRead:
    """Return an explanation with the file that it is about."""
    found = answer.explanation
    return ExplanationRead(
        status=found.status,
        sentence=found.sentence,
        cause_code=found.cause_code,
        remedy=found.remedy,
        facts=found.facts,
        file=_explained(answer.best) if answer.best else None,
        candidates=[_explained(one) for one in answer.candidates],
    )


def _explained(view: FileView) -> ExplainedFile:
    file = view.file
    return ExplainedFile(
        id=file.id,
        instrument_id=file.instrument_id,
        instrument_name=view.instrument_name,
        path=file.path,
        status=FileStatus(view.status),
    )


FILE_COLUMNS = (
    "id", "instrument", "path", "status", "size_bytes", "modified_at", "first_seen_at", "version",
    "ark", "reason_code", "reason", "storage",
)  # fmt: skip


def file_row(view: FileView) -> list[Any]:
    """Return a file as a row of CSV."""
    file = view.file
    places = "; ".join(f"{name}: {copy.state}" for copy, name in view.copies)
    return [
        file.id, view.instrument_name, file.path, view.status, file.size_bytes,
        _time_of(file.mtime_ns), file.first_seen_at, file.latest_version, file.ark,
        file.reason_code, file.reason, places,
    ]  # fmt: skip


TRANSFER_COLUMNS = (
    "id", "instrument", "path", "version", "storage", "dest_path", "state", "size_bytes", "sha256",
    "attempts", "created_at", "state_since", "available_at", "error_code", "error_detail",
)  # fmt: skip


def transfer_row(view: TransferView) -> list[Any]:
    """Return a transfer as a row of CSV."""
    copy = view.copy
    return [
        copy.id, view.instrument_name, view.path, view.version_number, view.storage_name,
        copy.dest_path, copy.state, copy.size_bytes, view.sha256.hex() if view.sha256 else None,
        copy.attempt, copy.created_at, copy.state_since, copy.available_at, copy.error_code,
        copy.error_detail,
    ]  # fmt: skip


AUDIT_COLUMNS = (
    "id", "at", "seq", "actor", "action", "subject", "instrument_id", "details", "hash"
)  # fmt: skip


def audit_row(view: EventView) -> list[Any]:
    """Return an audit event as a row of CSV."""
    event = view.event
    details = json.dumps(view.details, sort_keys=True)
    return [
        event.id, event.at, view.seq, event.actor, event.action, event.subject,
        event.instrument_id, details, view.hash.hex() if view.hash else None,
    ]  # fmt: skip


def read_story(story: Story) -> FileStory:
    """Return a story for the wire."""
    steps = [StoryStep(**vars(step), remedy=remedy_of(step.error_code)) for step in story.steps]
    return FileStory(file_id=story.file_id, steps=steps, truncated=story.truncated)


def read_transfer(view: TransferView) -> TransferRead:
    """Return a transfer for the wire."""
    return TransferRead(**_transfer_values(view))


def _transfer_values(view: TransferView) -> dict[str, Any]:
    copy = view.copy
    own = {"file_id", "path", "version_number", "instrument_name", "storage_name", "sha256"}
    values: dict[str, Any] = {
        name: getattr(copy, name)
        for name in TransferRead.model_fields
        if name not in own and name != "remedy"
    }
    return {
        **values,
        "file_id": copy.source_file_id,
        "path": view.path,
        "version_number": view.version_number,
        "instrument_name": view.instrument_name,
        "storage_name": view.storage_name,
        "sha256": view.sha256.hex() if view.sha256 else None,
        "remedy": remedy_of(copy.error_code),
    }


def read_cause(cause: Cause) -> CauseRead:
    """Return a cause for the wire, with what the catalogue says of it."""
    entry = CATALOGUE.get(cause.error_code, CATALOGUE["internal_error"])
    return CauseRead.model_validate(
        {
            **vars(cause),
            "error_class": entry.error_class.value,
            "title": entry.title,
            "remedy": entry.remedy,
        }
    )


def read_transfer_detail(view: TransferView, attempts: Sequence[Attempt]) -> TransferDetail:
    """Return a transfer with its attempts for the wire."""
    return TransferDetail(
        **_transfer_values(view),
        mover=view.why_mover,
        evidence=view.copy.intent,
        attempts=[AttemptRead.model_validate(attempt) for attempt in attempts],
    )
