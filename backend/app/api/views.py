"""How files and copies are shown, shared by the routes of files and transfers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.clock import from_ns
from app.errors import CATALOGUE
from app.models import Attempt, Copy
from app.schemas.files import (
    CopyEvidence,
    CopyRead,
    FileRead,
    FileStatus,
    FileStory,
    StoryStep,
    VersionRead,
)
from app.schemas.instruments import BrowsedEntry, FolderRead
from app.schemas.overview import NewestFile
from app.schemas.transfers import AttemptRead, CauseRead, TransferDetail, TransferRead
from app.services.causes import Cause
from app.services.files import FileView, VersionView
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
        evidence=view.copy.intent,
        attempts=[AttemptRead.model_validate(attempt) for attempt in attempts],
    )
