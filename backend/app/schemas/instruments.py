"""Instruments."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.models import IncarnationPolicy, Protocol
from app.schemas.base import (
    Input,
    JsonObject,
    LongLine,
    Name,
    Output,
    Page,
    Patch,
    PathText,
    Prose,
    Slug,
    TimeZone,
    UtcTime,
    Zone,
)

Host = Annotated[str, Field(max_length=400, pattern=r"^[A-Za-z0-9._:\[\]%-]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:00"])]
Options = Annotated[
    dict[str, str | bool],
    Field(
        max_length=10,
        description="smb: domain; s3: region, provider, force_path_style; webdav: vendor",
    ),
]

MoverName = Annotated[
    str,
    Field(
        max_length=60,
        pattern=r"^[a-z0-9_.-]*$",
        description="what brings the files; empty is the protocol's default (listMovers)",
    ),
]
MoverOptions = Annotated[
    JsonObject, Field(description="the mover's own settings; listMovers has their schemas")
]
Secret = Annotated[
    SecretStr,
    Field(
        min_length=1,
        max_length=20000,
        description="the account's secret again, when it is used for a new address",
    ),
]


class QuietHours(Input):
    """When the instrument is left alone, every day, in its own time zone."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    time_zone: TimeZone = "UTC"


Template = Annotated[
    str,
    Field(
        min_length=1,
        max_length=400,
        description="how destination paths are made; docs/storage.md lists the fields",
        examples=["{instrument}/{acquired:%Y/%m}/{path}"],
    ),
]


# A mover's own checksum is noted, and never proof enough: what it delivers is read back.
EnoughProof = Literal["device", "page_cache", "server_cache", "storage_checksum"]


class StoragePolicy(Input):
    """A place that an instrument's files are copied to."""

    storage_location_id: uuid.UUID
    required: bool = True
    template: Template | None = None
    enough: Annotated[list[EnoughProof], Field(min_length=1)] | None = Field(
        default=None,
        description="where a read-back must come from to be proof enough; null: what can be had",
    )
    backfill: bool = Field(
        default=True, description="whether files that are proven elsewhere are copied there, too"
    )


class StoragePolicyRead(Output):
    """A place that an instrument's files are copied to."""

    storage_location_id: uuid.UUID
    storage_name: str
    required: bool
    template: str | None = Field(description="null: the instrument's folder and the source's path")
    enough: list[EnoughProof] | None = Field(
        description="where a read-back must come from to be proof enough; null: what can be had"
    )
    backfill_pending: bool = Field(description="earlier files are still being queued for it")


class ScanRead(Output):
    """What the last scan of an instrument found."""

    scan_started_at: datetime | None
    last_scan_at: datetime | None
    next_try_at: datetime | None
    error_code: str | None = Field(validation_alias="last_error_code")
    error_detail: str | None = Field(validation_alias="last_error_detail")
    files: int
    size_bytes: int = Field(validation_alias="bytes")
    listing_held_at: datetime | None = Field(
        validation_alias="breaker_tripped_at",
        description="set while an empty or much smaller listing waits for confirmation",
    )
    listing_held_detail: str | None = Field(validation_alias="breaker_detail")


class InstrumentRead(Output):
    """An instrument. Who is no admin gets null for how its source is reached."""

    id: uuid.UUID
    name: str
    slug: str
    description: str
    zone: str
    paused: bool
    protocol: str
    host: str | None
    port: int | None
    url: str | None
    root: str | None
    host_key: str | None
    options: JsonObject | None
    service_account_id: uuid.UUID | None
    mover: str | None = Field(description="what brings the files; empty is the protocol's default")
    mover_options: JsonObject | None
    quiet_seconds: float
    incarnation_policy: str
    start_from: datetime | None
    connections: int
    bandwidth_bytes_per_second: int | None
    quiet_hours: JsonObject | None
    shrink_ratio: float
    storage: list[StoragePolicyRead]
    scan: ScanRead | None
    revision: int
    created_at: datetime
    updated_at: datetime


class InstrumentPage(Page[InstrumentRead]):
    """A page of instruments."""


class _Source(Input):
    zone: Zone = "main"
    protocol: Protocol
    host: Host | None = Field(default=None, examples=["tem2-pc.lab.example"])
    port: Port | None = None
    url: LongLine | None = Field(default=None, description="for s3 and webdav")
    root: PathText = Field(default="", description="smb: share[/path]; s3: bucket[/prefix]")
    host_key: LongLine | None = Field(default=None, description="sftp: the server's public key")
    options: Options = Field(default_factory=dict)
    service_account_id: uuid.UUID | None = None
    mover: MoverName = ""
    mover_options: MoverOptions = Field(default_factory=dict)
    secret: Secret | None = None

    def secret_text(self) -> str | None:
        """Return the secret that came with the request."""
        return self.secret.get_secret_value() if self.secret else None


class SourceDraft(_Source):
    """A source to be tested before it is saved."""


class SourceBrowse(_Source):
    """A source to look into before it is saved, and a folder of it."""

    path: PathText = Field(default="", description="below the root; empty is the root")


class FolderBrowse(Input):
    """A folder of an instrument."""

    path: PathText = Field(default="", description="below the root; empty is the root")


class PreviewPlace(Input):
    """A storage location that files would go to."""

    storage_location_id: uuid.UUID
    template: Template | None = None


class SourcePreview(_Source):
    """A source with the rules that would decide about its files."""

    slug: Slug
    quiet_seconds: float = Field(default=120.0, ge=0, le=86400 * 30)
    start_from: UtcTime | None = None
    storage: list[PreviewPlace] = Field(default_factory=list, max_length=20)


class BrowsedEntry(Output):
    """A name in a folder. `error_code` says why it could not be harvested."""

    name: str
    directory: bool
    size_bytes: int | None
    modified_at: datetime | None
    error_code: str | None


class FolderRead(Output):
    """One folder of a source: folders first, then files, by name; at most 500."""

    ok: bool
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None
    latency_ms: float | None = None
    path: str = ""
    entries: list[BrowsedEntry] = Field(default_factory=list)
    total: int = 0
    truncated: bool = False


class PreviewDestination(Output):
    """Where a file would go."""

    storage_location_id: uuid.UUID
    storage_name: str
    path: str | None = Field(examples=["/srv/archive/tem-2/2026/grid_007.dm4"])
    problem: str | None = Field(
        default=None, description="why it could not go there, or not under this name"
    )


class PreviewFile(Output):
    """A real file, and what would become of it."""

    path: str
    size_bytes: int
    modified_at: datetime | None
    verdict: str = Field(description="settled | settling | skipped", examples=["settled"])
    reason: str = Field(examples=["Complete: last change 3 h ago, more than 120 s without change."])
    destinations: list[PreviewDestination]


class PreviewRead(Output):
    """The newest files of a source, judged by the instrument's clock; a harvest looks twice."""

    ok: bool
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None
    latency_ms: float | None = None
    files: list[PreviewFile] = Field(default_factory=list)
    folders: int = Field(default=0, description="how many were looked into")
    total: int = Field(default=0, description="files that were seen")
    truncated: bool = Field(default=False, description="there are folders that were left out")


class InstrumentCreate(_Source):
    """A new instrument. Which fields its source needs depends on the protocol."""

    name: Name = Field(examples=["TEM-2"])
    slug: Slug
    description: Prose = ""
    quiet_seconds: float = Field(default=120.0, ge=0, le=86400 * 30)
    incarnation_policy: IncarnationPolicy = IncarnationPolicy.VERSION
    start_from: UtcTime | None = None
    connections: int = Field(default=2, ge=1, le=64)
    bandwidth_bytes_per_second: int | None = Field(default=None, ge=1024, le=10**12)
    quiet_hours: QuietHours | None = None
    shrink_ratio: float = Field(default=0.5, ge=0, le=1)
    storage: list[StoragePolicy] = Field(default_factory=list, max_length=20)


class InstrumentPatch(Patch):
    """What changes. A new address for the account needs its secret again, in `secret`."""

    name: Name = ""
    slug: Slug = ""
    description: Prose = ""
    zone: Zone = "main"
    protocol: Protocol = Protocol.SMB
    host: Host | None = None
    port: Port | None = None
    url: LongLine | None = None
    root: PathText = ""
    host_key: LongLine | None = None
    options: Options = Field(default_factory=dict)
    service_account_id: uuid.UUID | None = None
    mover: MoverName = ""
    mover_options: MoverOptions = Field(default_factory=dict)
    quiet_seconds: float = Field(default=120.0, ge=0, le=86400 * 30)
    incarnation_policy: IncarnationPolicy = IncarnationPolicy.VERSION
    start_from: UtcTime | None = None
    connections: int = Field(default=2, ge=1, le=64)
    bandwidth_bytes_per_second: int | None = Field(default=None, ge=1024, le=10**12)
    quiet_hours: QuietHours | None = None
    shrink_ratio: float = Field(default=0.5, ge=0, le=1)
    storage: list[StoragePolicy] = Field(default_factory=list, max_length=20)
    secret: Secret | None = None


class HarvestTicketRead(Output):
    """The answer to Harvest Now. `joined`: a live run or watch scans again instead of a new run."""

    run_id: uuid.UUID | None
    joined: bool
    requested_at: datetime


class TallyRead(Output):
    """A number of files and their bytes."""

    files: int
    size_bytes: int


class ProgressScan(Output):
    """Where the scan stands."""

    running: bool
    done: bool = Field(description="a scan that started after `since` has finished")
    scan_started_at: datetime | None
    last_scan_at: datetime | None
    error_code: str | None
    error_detail: str | None
    next_try_at: datetime | None
    listing_held_at: datetime | None
    listing_held_detail: str | None


class ProgressRead(Output):
    """How far a harvest is. `recent_*` count copies that came to rest since `since`."""

    scan: ProgressScan
    settling: TallyRead
    held: TallyRead
    queued: TallyRead
    in_flight: TallyRead
    retry_wait: TallyRead
    available: TallyRead
    failed: TallyRead
    conflict: TallyRead
    recent_available: TallyRead
    recent_failed: TallyRead
    recent_conflict: TallyRead
    done: bool = Field(
        description="scan done, nothing settling, queued or in flight (retries may wait)"
    )


class InFlightRead(Output):
    """A copy in a worker's hands."""

    copy_id: uuid.UUID
    file_id: uuid.UUID
    path: str
    storage_id: uuid.UUID
    storage_name: str
    state: str = Field(examples=["transferring"])
    since: datetime
    size_bytes: int
    received_bytes: int | None = Field(
        description="of files that take longer than some seconds; null for the others"
    )


class LiveCount(Output):
    """A number of copies; `more`: at least so many."""

    count: int
    more: bool


class LiveRead(Output):
    """What an instrument's files do right now."""

    in_flight: list[InFlightRead] = Field(description="the largest 100")
    moving: LiveCount
    waiting: LiveCount
    waiting_bytes: int
    files_per_second: float = Field(description="in the last minute", examples=[3.4])
    bytes_per_second: float = Field(description="in the last minute", examples=[48_000_000.0])
    eta: datetime | None = Field(description="null when nothing is left or nobody can tell")


class CheckRead(Output):
    """The result of a connection test."""

    ok: bool
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None
    latency_ms: float | None = None
    entries: list[JsonObject | str] = Field(default_factory=list)
    write_refused: bool | None = None
    steps: list[JsonObject | str] = Field(default_factory=list)
    free_bytes: int | None = None
