"""Hooks: the kinds there are, and those that are configured."""

import json
import math
import uuid
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.models import FailurePolicy, HookKind
from app.schemas.base import Input, JsonObject, Name, Output, Page, Patch, UtcTime

_CONFIG_BYTES = 256 << 10
_INTEGER = 1 << 63


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _parts(part)


def is_storable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what not both databases can hold."""
    for part in _parts(value):
        if isinstance(part, str) and ("\x00" in part or not _is_unicode(part)):
            raise ValueError("a text holds NUL or half a character")
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError("a number is not finite")
        if isinstance(part, int) and abs(part) >= _INTEGER:
            raise ValueError("a number is too large")
    if len(json.dumps(value)) > _CONFIG_BYTES:
        raise ValueError("it is longer than 256 KiB")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


HookName = Annotated[
    str, Field(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["file-filter"])
]
HookConfig = Annotated[
    dict[str, Any],
    AfterValidator(is_storable),
    Field(description="as the hook's schema says; a secret that stays is sent as '**********'"),
]
Pattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=400,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="a glob: without '/' for the name, with it for the path; null: all files",
        examples=["raw/**"],
    ),
]
Position = Annotated[int, Field(ge=0, le=1_000_000, description="hooks are asked in this order")]
Timeout = Annotated[float, Field(ge=0.1, le=3600, description="seconds, for a batch or a version")]
Memory = Annotated[int, Field(ge=64 << 20, le=64 << 30)]


class HookOutcome(StrEnum):
    """What came of asking a hook about one file."""

    CONTINUE = "continue"
    SKIP = "skip"
    REDIRECT = "redirect"
    ANSWERED = "answered"
    LATER = "later"
    FAILED = "failed"


class HookType(Output):
    """A kind of hook that this installation has."""

    hook: HookName
    kind: HookKind
    version: str = Field(examples=["1"])
    description: str
    config_schema: JsonObject = Field(description="JSON Schema of its configuration")


class HookTypeList(Output):
    """The kinds of hooks; `problems` says of scripts and packages why they cannot be used."""

    items: list[HookType]
    problems: JsonObject = Field(description="where to why")


class HookRead(Output):
    """A configured hook. Secrets in `config` are shown as '**********'."""

    id: uuid.UUID
    name: str
    hook: HookName
    kind: HookKind
    position: int = Field(examples=[10])
    enabled: bool
    stopped_reason: str | None = Field(
        description="why it stopped itself; saving its configuration or switching it on goes on"
    )
    stopped_at: datetime | None
    failure_policy: FailurePolicy
    instrument_id: uuid.UUID | None = Field(description="null: of all instruments")
    pattern: str | None
    config: JsonObject
    timeout_seconds: float = Field(examples=[30.0])
    memory_bytes: int = Field(examples=[1 << 30])
    warnings: list[str] = Field(
        default_factory=list, description="what was saved and cannot work beside other hooks"
    )
    revision: int
    created_at: datetime
    updated_at: datetime


class HookPage(Page[HookRead]):
    """A page of configured hooks, in the order in which they are asked."""


class HookScope(Output):
    """A hook that holds for an instrument, without its configuration."""

    id: uuid.UUID
    name: str
    hook: HookName
    kind: HookKind
    enabled: bool
    failure_policy: FailurePolicy
    pattern: str | None


class HookScopeList(Output):
    """The hooks that hold for an instrument, in the order in which they are asked."""

    items: list[HookScope]


class HookCreate(Input):
    """A hook with its configuration."""

    name: Name = Field(examples=["No temporary files"])
    hook: HookName
    config: HookConfig = Field(default_factory=dict)
    instrument_id: uuid.UUID | None = Field(default=None, description="null: all instruments")
    pattern: Pattern | None = None
    failure_policy: FailurePolicy = Field(
        default=FailurePolicy.BLOCK,
        description="block: what fails waits and is tried again; warn: it goes on, and is shown",
    )
    enabled: bool = True
    position: Position | None = Field(default=None, description="null: after the others")
    timeout_seconds: Timeout = 30.0
    memory_bytes: Memory = 1 << 30


class HookDraft(Input):
    """A hook as somebody thinks of configuring it, and what it is tried with."""

    hook: HookName
    config: HookConfig = Field(default_factory=dict)
    instrument_id: uuid.UUID
    pattern: Pattern | None = None
    hook_id: uuid.UUID | None = Field(
        default=None, description="the configured hook whose secrets '**********' stands for"
    )
    live: bool = Field(default=False, description="also the newest files on the instrument")
    limit: int = Field(default=20, ge=1, le=100, description="so many files of each at most")


class HookTrial(Output):
    """What a draft would have done with one file."""

    path: str
    origin: str = Field(description="catalogue | live", examples=["catalogue"])
    size_bytes: int
    modified_at: datetime | None
    outcome: str = Field(
        description="continue, skip, redirect, answered, later, failed, or not_asked (out of its "
        "pattern)",
        examples=["skip"],
    )
    rule: str = Field(description="what decided", examples=["temporary"])
    reason: str
    answer: JsonObject | None
    error_code: str | None
    error_detail: str | None
    log: list[str]
    duration_ms: float = Field(examples=[0.4])


class HookTrialList(Output):
    """What a draft would have done, file by file, the newest first."""

    items: list[HookTrial]


class HookPatch(Patch):
    """What changes; which hook it is stays."""

    name: Name = ""
    config: HookConfig = Field(default_factory=dict)
    instrument_id: uuid.UUID | None = None
    pattern: Pattern | None = None
    failure_policy: FailurePolicy = FailurePolicy.BLOCK
    enabled: bool = True
    position: Position = 0
    timeout_seconds: Timeout = 30.0
    memory_bytes: Memory = 1 << 30


class HookRunRead(Output):
    """What a hook said of one file, once."""

    id: uuid.UUID
    hook_id: uuid.UUID
    hook_name: str | None = Field(description="null: the hook was removed")
    hook_version: str = Field(examples=["1"])
    hook_revision: int = Field(description="of its configuration", examples=[3])
    instrument_id: uuid.UUID
    source_file_id: uuid.UUID
    version_id: uuid.UUID | None
    at: datetime
    outcome: HookOutcome
    facts: JsonObject = Field(description="what it was told")
    answer: JsonObject | None
    duration_ms: float = Field(examples=[12.5])
    log: list[str]
    error_code: str | None
    error_detail: str | None
    remedy: str | None


class HookRunPage(Page[HookRunRead]):
    """A page of the log, newest first."""


class HookReplay(Input):
    """Which hooks are asked again about which files; the query narrows by the words of files."""

    hook_id: uuid.UUID | None = Field(default=None, description="null: all that are switched on")
    files: list[uuid.UUID] = Field(default_factory=list, max_length=500)
    failed: bool = Field(default=False, description="only what failed or waits")
    since: UtcTime | None = Field(default=None, description="of which a hook said something since")
    until: UtcTime | None = None
    dry_run: bool = Field(default=False, description="say what would change, of 20 files")


class HookChange(Output):
    """What a hook would say of a file now, beside what it said."""

    file_id: uuid.UUID
    path: str
    hook_id: uuid.UUID
    hook_name: str = Field(examples=["NMR metadata"])
    outcome: str = Field(examples=["answered"])
    before: JsonObject | None
    after: JsonObject | None
    changed: bool
    error_code: str | None
    error_detail: str | None


class HookReplayed(Output):
    """What a replay leads to."""

    files: int = Field(description="of the selection", examples=[12])
    asked: int = Field(description="so often a hook will be asked; 0 in a dry run", examples=[12])
    more: bool = Field(description="whether the selection has more than were asked or tried")
    changes: list[HookChange] = Field(description="of a dry run")
