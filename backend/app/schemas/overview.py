"""The overview: what a person sees first."""

import uuid
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from app.schemas.base import Output
from app.schemas.files import FileCount, FileRead
from app.schemas.runs import RunRead


class NeedSeverity(StrEnum):
    """How much it matters: files do not arrive; it will come to that; it mends itself."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"


class StreamCounts(Output):
    """Where a stream's files and copies stand; `moving` are in a worker's hands."""

    settling: FileCount
    held: FileCount
    queued: FileCount
    retry_wait: FileCount
    moving: FileCount
    failed: FileCount
    conflict: FileCount


class StreamStorageRead(Output):
    """A place that a stream goes to; `error_code` is null while it is well."""

    id: uuid.UUID
    name: str
    error_code: str | None


class StreamRead(Output):
    """One instrument, live. Days are UTC days."""

    id: uuid.UUID
    name: str
    slug: str
    protocol: str
    paused: bool
    last_file_at: datetime | None
    counts: StreamCounts
    today_files: int = Field(description="complete files since midnight UTC")
    today_bytes: int
    rhythm: list[int] = Field(
        description="complete files a UTC day, 14 days, the last one is today",
        examples=[[0, 12, 31, 28, 0, 0, 44, 39, 21, 30, 25, 0, 0, 18]],
    )
    usual_interval_seconds: float | None = Field(
        description="the median time between hours with files; null when too few are known"
    )
    silent_since: datetime | None = Field(
        description="set when it is silent for longer than it ever was in 28 days"
    )
    storage: list[StreamStorageRead]
    live_run_id: uuid.UUID | None
    scan_error_code: str | None
    listing_held_at: datetime | None


class NeedRead(Output):
    """One thing that needs a person. `name` is that of what it is about."""

    kind: str = Field(
        description="failed, conflict, damaged, missing, held, refused, silent, listing_held, "
        "instrument_trouble, storage_trouble, storage_nearly_full, account_refused, run_lost, "
        "zone_not_served, audit_unsealed, hook_stopped",
        examples=["failed"],
    )
    severity: NeedSeverity
    sentence: str
    code: str | None
    remedy: str | None
    count: int
    more: bool
    since: datetime | None
    name: str | None
    instrument_id: uuid.UUID | None
    storage_id: uuid.UUID | None
    service_account_id: uuid.UUID | None
    run_id: uuid.UUID | None


class HourRead(Output):
    """What became available in one hour."""

    hour: datetime = Field(description="its beginning")
    copies: int
    size_bytes: int


class FillRead(Output):
    """How full a storage location is; a worker that reaches it measures it once an hour."""

    id: uuid.UUID
    name: str
    error_code: str | None
    measured_at: datetime | None
    total_bytes: int | None
    free_bytes: int | None
    used_bytes: int | None
    forecast_full_at: datetime | None = Field(description="at the growth of the last 14 days")
    forecast_reason: str | None = Field(
        description="why there is none: not_measured, too_few_measurements, not_growing",
        examples=["not_growing"],
    )


class NewestFile(FileRead):
    """One of the newest files; `safe_since`: every required copy is proven since then."""

    safe_since: datetime | None


class OverviewRead(Output):
    """What a person sees first."""

    at: datetime
    needs_you: list[NeedRead]
    streams: list[StreamRead]
    throughput: list[HourRead] = Field(description="the last 24 hours, oldest first")
    storage: list[FillRead]
    runs: list[RunRead]
    newest: list[NewestFile]
