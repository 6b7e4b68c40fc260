"""Metadata of files: what is shown, what hooks said, what people say."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.models import TaskState
from app.schemas.base import JsonObject, Output, Patch
from app.schemas.hooks import is_storable

Tag = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["calibrated"]),
]
Fields = Annotated[dict[str, Any], AfterValidator(is_storable)]
Tags = Annotated[list[Tag], Field(max_length=100)]


class NamedPersonRead(Output):
    """Somebody whom a hook named as one who may see the file."""

    email: str
    granted: bool = Field(description="whether there is a person with exactly this address here")


class NoticeRead(Output):
    """Something that people should read."""

    text: str = Field(examples=["The stage drifted by 12 nm."])
    level: str = Field(examples=["info"])


class HookAnswerRead(Output):
    """What a hook said of a file's newest version, and when."""

    hook_id: uuid.UUID
    hook_name: str = Field(examples=["NMR metadata"])
    hook_version: str = Field(examples=["1"])
    hook_revision: int = Field(examples=[1])
    at: datetime
    fields: JsonObject
    tags: list[str]
    access: list[NamedPersonRead]
    notices: list[NoticeRead]
    preview: JsonObject | None = Field(
        description="kind image: media_type and alt, its bytes under previews/{hook_id}; "
        "kind curve: x, y and their labels"
    )


class FileNoteRead(Output):
    """What people say of a file; it goes before what hooks said."""

    fields: JsonObject = Field(description="null hides what hooks say")
    tags_added: list[str]
    tags_removed: list[str]
    edited_by: uuid.UUID
    updated_at: datetime


class WaitingHookRead(Output):
    """A hook that did not answer yet."""

    hook_id: uuid.UUID
    hook_name: str = Field(examples=["NMR metadata"])
    version: int = Field(examples=[1])
    state: TaskState
    failures: int
    due_at: datetime
    error_code: str | None
    error_detail: str | None
    remedy: str | None


class MetadataRead(Output):
    """What is known of a file. `fields` and `tags` are shown: hooks in their order, then people."""

    file_id: uuid.UUID
    version: int | None = Field(description="of which hooks said something")
    fields: JsonObject
    tags: list[str]
    answers: list[HookAnswerRead]
    note: FileNoteRead | None
    waiting: list[WaitingHookRead]
    problems: list[str] = Field(description="addresses that nobody here has, hooks that fail")


class MetadataPatch(Patch):
    """What people say of a file; each part that is sent replaces that part."""

    fields: Fields = Field(default_factory=dict, description="null hides what hooks say")
    tags_added: Tags = Field(default_factory=list)
    tags_removed: Tags = Field(default_factory=list, description="tags of hooks that do not hold")
