"""Storage locations."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from app.models import StorageKind
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
    UsedBy,
    Zone,
)
from app.schemas.instruments import Host, Port

Options = Annotated[
    dict[str, str],
    Field(
        max_length=12,
        description="posix, nfs: owner, group, file_mode, folder_mode, fstype, mount_point, "
        "source; cifs: domain, encrypt; s3: region, force_path_style, storage_class, encryption, "
        "kms_key, object_lock, retain_days, proof",
        examples=[{"region": "eu-central-1"}],
    ),
]
Bytes = Annotated[int, Field(ge=0, le=2**62)]
Secret = Annotated[
    SecretStr,
    Field(
        min_length=1,
        max_length=20000,
        description="the account's secret again, when it is used for a new address",
    ),
]


class StorageRead(Output):
    """A place to deliver to. `error_code` is null while it is well."""

    id: uuid.UUID
    name: str
    kind: str
    state: str = Field(description="active | draining | retired", examples=["active"])
    path: str
    host: str | None
    port: int | None
    url: str | None
    host_key: str | None
    options: JsonObject
    service_account_id: uuid.UUID | None
    zone: str
    sentinel: uuid.UUID
    case_insensitive: bool
    keep_free_bytes: int = Field(examples=[10_000_000_000])
    quota_bytes: int | None = Field(examples=[None])
    paused_until: datetime | None
    error_code: str | None
    cause: str | None = Field(default=None, description="of its trouble; null while it is well")
    remedy: str | None = Field(default=None, description="what to do about it")
    health: JsonObject
    used_by: list[UsedBy] = Field(default_factory=list, description="instruments, by name")
    revision: int
    created_at: datetime
    updated_at: datetime


class StoragePage(Page[StorageRead]):
    """A page of storage locations."""


class StorageCreate(Input):
    """A new storage location. Which fields its address needs depends on the kind.

    `path` is a local path below the allowed roots (posix, nfs), `share/folder` (cifs),
    `bucket/prefix` (s3), `module/folder` (rsync), or a folder (sftp, webdav).
    """

    name: Name = Field(examples=["archive"])
    kind: StorageKind = StorageKind.POSIX
    path: PathText = Field(default="", examples=["/srv/archive"])
    host: Host | None = None
    port: Port | None = None
    url: LongLine | None = None
    host_key: LongLine | None = Field(default=None, description="sftp: 'ssh-ed25519 AAAA...'")
    options: Options = Field(default_factory=dict)
    service_account_id: uuid.UUID | None = None
    secret: Secret | None = None
    zone: Zone = "main"
    case_insensitive: bool | None = Field(
        default=None, description="null: as the kind usually is (cifs is)"
    )
    keep_free_bytes: Bytes = Field(default=0, description="so much space is never used")
    quota_bytes: Bytes | None = Field(default=None, description="so much may lie there at most")

    def stored(self) -> dict[str, object]:
        """Return the fields of the row."""
        values = self.model_dump(exclude={"secret"})
        if self.case_insensitive is None:
            values["case_insensitive"] = self.kind is StorageKind.CIFS
        return values


class StoragePatch(Patch):
    """What changes; kind and path stay, since files lie there."""

    name: Name = ""
    zone: Zone = "main"
    host: Host | None = None
    port: Port | None = None
    url: LongLine | None = None
    host_key: LongLine | None = None
    options: Options = Field(default_factory=dict)
    service_account_id: uuid.UUID | None = None
    secret: Secret | None = None
    keep_free_bytes: Bytes = 0
    quota_bytes: Bytes | None = None


class DrainRequest(Input):
    """Where the files of a storage location are to lie from now on."""

    to: uuid.UUID = Field(description="another storage location")


class RetireRequest(Input):
    """Why a storage location ends."""

    reason: Prose = Field(min_length=1, examples=["replaced by archive-2"])


class EmptyingRead(Output):
    """How far a storage location is from holding nothing that is not elsewhere, too."""

    proven_here: int = Field(examples=[1200])
    only_here: int = Field(description="proven nowhere else: 0 allows to retire it", examples=[17])
    waiting_elsewhere: int = Field(
        description="copies that wait to be filled from here", examples=[17]
    )
