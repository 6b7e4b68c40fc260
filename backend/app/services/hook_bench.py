"""The test bench: what a draft of a hook would have done with real files. Nothing is written.
A hook that acts elsewhere does so here too, with a key that begins with `test-`.

Past files are the newest of the catalogue; their first bytes and contents come from the nearest
proven copy. Files of the live share are asked about by name, size and time alone.
"""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.clock import from_ns, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.plan import Destination
from app.harvest.ports import Complete, Decision
from app.harvest.store.instruments import InstrumentFacts, load
from app.hooks.frames import clean
from app.hooks.runner import Answered, HookRunner, HookSpec
from app.models import FailurePolicy, Hook, HookKind, Instrument, SourceFile
from app.services.checks import ask_instrument
from app.services.downloads import Sender, content_of
from app.services.edits import InvalidField, find
from app.services.hook_asking import decide, is_in_scope, places_of, spec_of
from app.services.hook_posting import without_preview
from app.services.hook_reading import Reading, Room, VersionReader
from app.services.hook_secrets import opened
from app.services.hook_tasks import version_facts
from app.services.hooks import checked
from app.services.instruments import Editor
from app.transfers.base import FileFacts
from app.transfers.paths import display
from streamweave_sdk.hooks import SourceFacts

_TIMEOUT_SECONDS = 10.0  # a person waits


@dataclass(frozen=True)
class Draft:
    """A hook as somebody thinks of configuring it, and what it is tried with."""

    hook: str
    config: Mapping[str, Any]
    instrument_id: uuid.UUID
    pattern: str | None = None
    hook_id: uuid.UUID | None = None  # whose stored secrets the placeholders stand for
    live: bool = False
    limit: int = 20


@dataclass(frozen=True)
class Trial:
    """What the draft would have done with one file."""

    path: str
    origin: str  # catalogue | live
    size_bytes: int
    modified_at: datetime | None
    outcome: str  # continue | skip | redirect | failed | not_asked | answered | later
    rule: str = ""
    reason: str = ""
    answer: Mapping[str, Any] | None = None
    error_code: str | None = None
    error_detail: str | None = None
    log: Sequence[str] = ()
    duration_ms: float = 0.0


@dataclass(frozen=True)
class _File:
    origin: str
    complete: Complete
    row: SourceFile | None = None


@dataclass(frozen=True)
class Setting:
    """What all files of a trial share."""

    editor: Editor
    spec: HookSpec
    runner: HookRunner
    sender: Sender
    instrument: InstrumentFacts
    places: Mapping[str, Destination] = field(default_factory=dict)


async def try_draft(editor: Editor, draft: Draft, sender: Sender) -> list[Trial]:
    """Ask a draft about the newest files of an instrument.

    Raises:
        StreamWeaveError: see `services.hooks.checked`; `not_found`; `zone_not_served` when the
            live share was asked for and no worker reaches it.
    """
    stored: Hook | None = None
    async with editor.database.read() as session:
        instrument = await load(session, draft.instrument_id)
        if instrument is None:
            raise InvalidField("/instrument_id", "There is no such instrument.")
        places = await places_of(session, instrument)
        if draft.hook_id is not None:
            stored = await find(session, Hook, draft.hook_id)
    fits = await checked(editor, draft.hook, draft.config, stored)
    files = await _past_files(editor.database, draft)
    if draft.live:
        files += await _live_files(editor.database, draft)
    config = opened(fits.config, fits.secrets, editor.vault)
    spec = HookSpec(uuid.uuid4(), 0, draft.hook, config, _TIMEOUT_SECONDS)
    runner = HookRunner(editor.settings.hooks_folder)
    setting = Setting(editor, spec, runner, sender, instrument, places)
    try:
        asked = [one for one in files if is_in_scope(draft.pattern, one.complete.path)]
        if fits.kind == HookKind.PRE_TRANSFER:
            found = await _before(setting, asked)
        else:
            asked = [one for one in asked if one.row is not None]
            found = await _after(setting, asked)
        trials = dict(zip(map(id, asked), found, strict=True))
    finally:
        await runner.close()
    return [trials.get(id(one)) or _trial(one, "not_asked") for one in files]


async def setting_of(
    editor: Editor, hook: Hook, instrument_id: uuid.UUID, runner: HookRunner, sender: Sender
) -> Setting:
    """Return what a configured hook is tried with, as it is configured now."""
    async with editor.database.read() as session:
        instrument = await load(session, instrument_id)
        assert instrument is not None  # it has files
        places = await places_of(session, instrument)
    return Setting(editor, spec_of(hook, editor.vault), runner, sender, instrument, places)


async def trials_of(setting: Setting, kind: str, rows: Sequence[SourceFile]) -> list[Trial]:
    """Ask a hook about files of the catalogue; nothing is written."""
    files = [_past(row) for row in rows]
    if kind == HookKind.PRE_TRANSFER:
        return await _before(setting, files)
    return await _after(setting, files)


async def _past_files(database: Database, draft: Draft) -> list[_File]:
    query = (
        select(SourceFile)
        .where(SourceFile.instrument_id == draft.instrument_id)
        .order_by(SourceFile.id.desc())
        .limit(draft.limit)
    )
    async with database.read() as session:
        rows = list(await session.scalars(query))
    return [_past(row) for row in rows]


def _past(row: SourceFile) -> _File:
    facts = FileFacts(row.size_bytes, row.mtime_ns)
    return _File("catalogue", Complete(row.id, row.path_bytes, facts), row)


async def _live_files(database: Database, draft: Draft) -> list[_File]:
    found = await ask_instrument(database, draft.instrument_id, "sample")
    if not found.get("ok", True):
        raise StreamWeaveError(str(found["code"]), str(found.get("detail") or ""))
    return [
        _File(
            "live",
            Complete(
                uuid.uuid4(),
                str(one["path"]).encode("utf-8", "surrogateescape"),
                FileFacts(int(one["size_bytes"]), int(one["mtime_ns"])),
            ),
        )
        for one in list(found.get("files", ()))[: draft.limit]
    ]


async def _before(setting: Setting, files: Sequence[_File]) -> list[Trial]:
    """Ask a hook before a transfer about all files at once."""
    wanted = await setting.runner.first_bytes(setting.spec) if files else 0
    slug = setting.instrument.destinations[0].instrument if setting.instrument.destinations else ""
    facts: dict[int, SourceFacts] = {}
    failed: dict[int, StreamWeaveError] = {}
    for number, one in enumerate(files):
        try:
            first = await _first_bytes(setting, one, wanted) if wanted else b""
            facts[number] = SourceFacts(
                instrument=slug,
                path=display(one.complete.path),
                size_bytes=one.complete.facts.size_bytes,
                modified_at=_time(one),
                asked_at=utcnow(),
                first_bytes=first,
            )
        except StreamWeaveError as error:
            failed[number] = error
    answers = iter(await setting.runner.ask(setting.spec, list(facts.values())) if facts else [])
    return [
        _judged(setting, one, Answered(None, failed[n]) if n in failed else next(answers))
        for n, one in enumerate(files)
    ]


async def _after(setting: Setting, files: Sequence[_File]) -> list[Trial]:
    """Ask a hook after a transfer about the newest proven versions, one by one."""
    settings, database = setting.editor.settings, setting.editor.database
    folder = settings.data / "hook-files" / f"test-{uuid.uuid4().hex}"
    room = Room(folder, settings.hooks_room_bytes)
    reading = Reading(database, setting.sender, room)
    with room.opened():
        return [await _after_one(setting, reading, one) for one in files]


async def _after_one(setting: Setting, reading: Reading, one: _File) -> Trial:
    assert one.row is not None
    try:
        async with reading.database.read() as session:
            version = (await content_of(session, one.row)).version
            slug = (await session.get_one(Instrument, one.row.instrument_id)).slug
    except StreamWeaveError as error:
        return replace(_trial(one, "failed"), error_code=error.code, error_detail=error.detail)
    facts = version_facts(setting.spec.id, version, one.row, slug)
    facts["key"] = f"test-{facts['key']}"  # whoever it tells can see that it is a test
    name = facts["path"].rpartition("/")[2]
    reader = VersionReader(reading, one.row.id, version.number, name)
    try:
        answered = await setting.runner.ask_version(setting.spec, facts, reader.serve)
    finally:
        await reader.close()
    failure = answered.error
    outcome = "later" if answered.later else "answered" if answered.answer else "failed"
    return replace(
        _trial(one, outcome),
        reason=str((answered.later or {}).get("reason") or ""),
        answer=clean(without_preview(answered.answer)),
        error_code=failure.code if failure else None,
        error_detail=clean(failure.detail) if failure else None,
        log=clean(list(answered.log)),
        duration_ms=round(answered.duration_ms, 3),
    )


def _time(one: _File) -> datetime:
    try:
        return from_ns(one.complete.facts.mtime_ns)
    except (OverflowError, ValueError, OSError) as error:
        raise StreamWeaveError("source_time_invalid") from error


async def _first_bytes(setting: Setting, one: _File, wanted: int) -> bytes:
    """Return the beginning of a past file from its newest proven copy.

    Raises:
        StreamWeaveError: `no_proven_copy`, or it lies on the live share only.
    """
    if one.row is None:
        detail = "The hook wants the file's first bytes; the live share is not read for a test."
        raise StreamWeaveError("no_proven_copy", detail)
    async with setting.editor.database.read() as session:
        content = await content_of(session, one.row)
    size, first = min(wanted, content.version.size_bytes), b""
    if size == 0:
        return first
    async with aclosing(setting.sender.stream(content, size_bytes=size)) as chunks:
        async for chunk in chunks:
            first += chunk
    return first


def _judged(setting: Setting, one: _File, answered: Answered) -> Trial:
    """Say what would follow: also a redirect that cannot be is a failure."""
    draft = Hook(name="draft", failure_policy=FailurePolicy.BLOCK)
    decision = decide(draft, Decision(), one.complete, answered, dict(setting.places))
    error = answered.error or decision.error
    answer = answered.answer
    base = _trial(one, "failed" if error else str(answer["kind"]) if answer else "failed")
    return replace(
        base,
        rule=str(answer.get("rule") or "") if answer else "",
        reason=str(answer.get("reason") or "") if answer else "",
        answer=answer,
        error_code=error.code if error else None,
        error_detail=error.detail if error else None,
        log=list(answered.log),
        duration_ms=round(answered.duration_ms, 3),
    )


def _trial(one: _File, outcome: str) -> Trial:
    try:
        modified_at = _time(one)
    except StreamWeaveError:
        modified_at = None
    complete = one.complete
    size = complete.facts.size_bytes
    return Trial(display(complete.path), one.origin, size, modified_at, outcome)
