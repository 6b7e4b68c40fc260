"""Storage locations."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field

from app.schemas.base import Input, JsonObject, Name, Output, Page, Patch, PathText, UsedBy, Zone


class StorageRead(Output):
    """A place to deliver to. `error_code` is null while it is well."""

    id: uuid.UUID
    name: str
    kind: str
    path: str
    zone: str
    sentinel: uuid.UUID
    case_insensitive: bool
    paused_until: datetime | None
    error_code: str | None
    health: JsonObject
    used_by: list[UsedBy] = Field(default_factory=list, description="instruments, by name")
    revision: int
    created_at: datetime
    updated_at: datetime


class StoragePage(Page[StorageRead]):
    """A page of storage locations."""


class StorageCreate(Input):
    """A new storage location; the path must lie below the allowed roots."""

    name: Name = Field(examples=["archive"])
    kind: Literal["posix"] = "posix"
    path: PathText = Field(min_length=1, examples=["/srv/archive"])
    zone: Zone = "main"
    case_insensitive: bool = False


class StoragePatch(Patch):
    """What changes; the path stays, since files lie there."""

    name: Name = ""
    zone: Zone = "main"
