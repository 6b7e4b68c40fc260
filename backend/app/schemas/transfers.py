"""Transfers: copies as work."""

import uuid
from datetime import datetime

from pydantic import Field

from app.models import CopyState
from app.schemas.base import Input, JsonObject, Line, Output, Page


class TransferRead(Output):
    """A copy with what it connects."""

    id: uuid.UUID
    file_id: uuid.UUID
    path: str
    version_number: int
    instrument_id: uuid.UUID
    instrument_name: str
    storage_location_id: uuid.UUID
    storage_name: str
    state: str
    required: bool
    dest_path: str
    size_bytes: int
    sha256: str | None
    attempt: int
    failures: int
    due_at: datetime | None
    created_at: datetime
    state_since: datetime
    available_at: datetime | None
    error_code: str | None
    error_detail: str | None
    remedy: str | None


class TransferPage(Page[TransferRead]):
    """A page of transfers."""


class CopyCount(Output):
    """A number of copies; `more`: at least so many ("10,000+")."""

    count: int
    more: bool


class TransferCounts(Output):
    """How many copies of each state a filter has."""

    states: dict[CopyState, CopyCount]


class CauseInstrument(Output):
    """What one cause does to one instrument."""

    id: uuid.UUID
    name: str
    count: int


class CauseRead(Output):
    """Copies with one error, waiting for another try or for a person."""

    error_code: str
    error_class: str = Field(description="who has to act", examples=["transient"])
    title: str
    remedy: str
    count: int
    more: bool = Field(description='at least so many ("10,000+")')
    retryable: int = Field(description="failed or in conflict: a person can try these again")
    oldest_at: datetime | None
    newest_at: datetime | None
    states: dict[CopyState, int]
    instruments: list[CauseInstrument]


class CauseList(Output):
    """What is wrong, the most frequent cause first."""

    items: list[CauseRead]


class AttemptRead(Output):
    """One try to make a copy."""

    id: uuid.UUID
    number: int
    aim: int
    outcome: str
    error_code: str | None
    error_detail: str | None
    worker: str
    started_at: datetime
    ended_at: datetime
    evidence: JsonObject | None
    batch_id: uuid.UUID
    leaf_index: int


class TransferDetail(TransferRead):
    """A copy with its attempts, newest first, and the evidence that stands for it."""

    mover: str = Field(
        description="what brings it, and why that", examples=["rclone is the default for smb."]
    )
    evidence: JsonObject | None
    attempts: list[AttemptRead]


class RetryMany(Input):
    """Which failed and conflicting copies are tried again; empty means all."""

    instrument_id: uuid.UUID | None = None
    storage_location_id: uuid.UUID | None = None
    error_code: Line | None = Field(default=None, examples=["storage_permission_denied"])


class RetriedRead(Output):
    """How many copies were put back in line."""

    retried: int
