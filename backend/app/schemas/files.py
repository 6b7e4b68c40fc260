"""Source files, versions, copies."""

import uuid
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from app.schemas.base import JsonObject, Output, Page


class FileStatus(StrEnum):
    """A file's status for people; `services/files.py` derives it."""

    DAMAGED = "damaged"
    MISSING = "missing"
    CONFLICT = "conflict"
    FAILED = "failed"
    RETRY_WAIT = "retry_wait"
    TRANSFERRING = "transferring"
    PROVING = "proving"
    PUBLISHING = "publishing"
    QUEUED = "queued"
    SUPERSEDED = "superseded"
    AVAILABLE = "available"
    REMOVED = "removed"
    SETTLING = "settling"
    HELD = "held"
    SKIPPED = "skipped"


class CopyRead(Output):
    """A copy: a version at a storage location."""

    id: uuid.UUID
    storage_location_id: uuid.UUID
    storage_name: str
    state: str
    required: bool
    dest_path: str
    size_bytes: int
    state_since: datetime
    available_at: datetime | None
    due_at: datetime | None
    failures: int
    error_code: str | None
    error_detail: str | None
    remedy: str | None


class FileRead(Output):
    """A source file. `status` is derived from the copies of its newest version."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    instrument_name: str
    path: str
    incarnation: int
    status: FileStatus
    size_bytes: int
    modified_at: datetime | None = Field(description="null when the source's time is no date")
    first_seen_at: datetime
    unchanged_since: datetime
    absent_since: datetime | None
    latest_version: int
    ark: str | None
    reason_code: str | None
    reason: str | None
    remedy: str | None
    next_try_at: datetime | None
    copies: list[CopyRead]


class FilePage(Page[FileRead]):
    """A page of files."""


class FileCount(Output):
    """A number of files; `more`: at least so many ("10,000+")."""

    count: int
    more: bool


class FileCountsRead(Output):
    """How many files a filter has, and of each status."""

    total: FileCount
    statuses: dict[FileStatus, FileCount]


class CopyEvidence(CopyRead):
    """A copy with what proves it."""

    evidence: JsonObject | None


class VersionRead(Output):
    """One content of a source file, with its copies and their evidence."""

    id: uuid.UUID
    number: int
    size_bytes: int
    mtime_ns: int
    sha256: str | None = Field(description="hexadecimal; null until it is fixed")
    identifier: str | None = Field(description="the file's ARK with the version's suffix")
    created_at: datetime
    legal_hold: bool
    retain_until: datetime | None
    copies: list[CopyEvidence]


class VersionList(Output):
    """The versions of a file, newest first."""

    items: list[VersionRead]


class StoryStep(Output):
    """One thing that happened to a file. Which fields are set depends on `kind`."""

    at: datetime
    kind: str = Field(
        description="first_seen, settling, held, skipped, refused, absent, planned, "
        "identifier_minted, attempt, available, conflict, superseded, removed, damaged, missing, "
        "retried, access_granted, version.seen_again, or another action of the audit trail",
        examples=["attempt"],
    )
    version: int | None = Field(examples=[1])
    copy_id: uuid.UUID | None
    storage_id: uuid.UUID | None
    storage_name: str | None
    number: int | None = Field(description="of an attempt")
    ended_at: datetime | None
    outcome: str | None = Field(
        description="of an attempt: published, adopted, resumed, failed, lost",
        examples=["published"],
    )
    worker: str | None
    actor: str | None = Field(description="who did it, when it was a person's act")
    error_code: str | None
    error_detail: str | None
    remedy: str | None
    size_bytes: int | None
    sha256: str | None
    identifier: str | None
    details: JsonObject
    evidence: JsonObject | None
    audit_event_id: uuid.UUID | None = Field(
        description="the event that proves it; of an attempt the one with its batch's Merkle root"
    )


class FileStory(Output):
    """What happened to a file, oldest first; `truncated` when the oldest attempts are left out."""

    file_id: uuid.UUID
    steps: list[StoryStep]
    truncated: bool


class ExplainedFile(Output):
    """A file that was meant, or could be."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    instrument_name: str
    path: str
    status: FileStatus


class ExplanationRead(Output):
    """Why a file is (not) here: one sentence, one cause, one action, then the facts."""

    status: str
    sentence: str
    cause_code: str | None
    remedy: str | None
    facts: JsonObject
    file: ExplainedFile | None = Field(default=None, description="the file that is explained")
    candidates: list[ExplainedFile] = Field(
        default_factory=list, description="what else could be meant"
    )
