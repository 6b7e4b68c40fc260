"""The log of what hooks said, newest first, and asking them again: replay.

A replay of a hook after a transfer asks it about the newest available version of each file, with
the same key as before. A replay of a hook before a transfer lets files that a hook left out, or
for which it failed, be looked at by the next harvest; what was copied stays as it is.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, cast

from sqlalchemy import Select, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.harvest.scan import BY_HOOK
from app.hooks.runner import HookRunner
from app.models import (
    Copy,
    CopyState,
    FileState,
    Hook,
    HookAnswer,
    HookKind,
    HookRun,
    HookTask,
    SourceFile,
    TaskState,
    Version,
)
from app.services import audit
from app.services.conditions import SLACK, id_at
from app.services.downloads import Sender
from app.services.edits import InvalidField, find
from app.services.file_filters import FileFilter
from app.services.hook_bench import Setting, Trial, setting_of, trials_of
from app.services.hook_tasks import add_tasks, ask_again, is_for
from app.services.instruments import Editor
from app.services.pagination import Keyset, Page, PageRequest, fetch_page

_NEWEST = Keyset((HookRun.id,), descending=True)
# Written out: a partial index is used only where the query has its own words.
_FAILED: Any = literal_column("'failed'")
_AT_ONCE = 500
_AT_MOST = 20_000  # files a replay
_TRIED = 20  # files of a dry run


@dataclass(frozen=True)
class RunFilter:
    """What the log is narrowed by."""

    hook: uuid.UUID | None = None
    instrument: uuid.UUID | None = None
    file: uuid.UUID | None = None
    outcome: str | None = None
    after: datetime | None = None
    before: datetime | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query with every condition."""
        for column, value in (
            (HookRun.hook_id, self.hook),
            (HookRun.instrument_id, self.instrument),
            (HookRun.source_file_id, self.file),
        ):
            query = query if value is None else query.where(column == value)
        if self.outcome is not None:
            wanted = _FAILED if self.outcome == "failed" else self.outcome
            query = query.where(HookRun.outcome == wanted)
        if self.after is not None:
            query = query.where(HookRun.at >= self.after, HookRun.id >= id_at(self.after, -SLACK))
        if self.before is not None:
            query = query.where(HookRun.at < self.before, HookRun.id <= id_at(self.before, SLACK))
        return query


async def list_runs(
    database: Database, request: PageRequest, narrowed: RunFilter
) -> Page[tuple[HookRun, str | None]]:
    """Return a page of the log with the hooks' names, where these are still there."""
    query = select(HookRun, Hook.name).outerjoin(Hook, Hook.id == HookRun.hook_id)
    async with database.read() as session:
        return await fetch_page(session, narrowed.apply(query), request, _NEWEST)


@dataclass(frozen=True)
class Replay:
    """Which hooks are asked again about which files; what is left out narrows nothing."""

    narrowed: FileFilter
    hook_id: uuid.UUID | None = None
    files: tuple[uuid.UUID, ...] = ()
    failed: bool = False
    since: datetime | None = None  # files of which a hook said something in this time
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self == Replay(FileFilter())


@dataclass(frozen=True)
class Change:
    """What a hook would say now, beside what it said."""

    file_id: uuid.UUID
    hook_id: uuid.UUID
    hook_name: str
    trial: Trial
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    changed: bool


@dataclass
class Replayed:
    """What a replay leads to."""

    files: int = 0
    asked: int = 0
    more: bool = False
    changes: list[Change] = field(default_factory=list)


async def replay(editor: Editor, wanted: Replay) -> Replayed:
    """Let hooks be asked again.

    Raises:
        StreamWeaveError: `invalid_request` when nothing narrows it or the hook is switched off;
            `not_found`.
    """
    hooks = await _hooks(editor.database, wanted)
    done, last = Replayed(), None
    while not done.more:
        ids = await _next_files(editor.database, wanted, last)
        if not ids:
            break
        done.files += len(ids)
        done.asked += await editor.database.run(lambda s, i=ids: _ask_again(s, hooks, i, wanted))  # type: ignore[misc]
        last, done.more = ids[-1], done.files >= _AT_MOST

    async def note(session: AsyncSession) -> None:
        await audit.record(
            session,
            actor=editor.actor,
            action="hooks.replayed",
            subject=f"hook:{wanted.hook_id}" if wanted.hook_id else "hooks:all",
            details={"files": done.files, "asked": done.asked},
        )

    await editor.database.run(note)
    return done


async def try_replay(editor: Editor, wanted: Replay, sender: Sender) -> Replayed:
    """Say what a replay would change, of its first 20 files; nothing is written.

    Raises:
        StreamWeaveError: as `replay` does.
    """
    hooks = await _hooks(editor.database, wanted)
    done = Replayed()
    ids = await _next_files(editor.database, wanted, None)
    async with editor.database.read() as session:
        counted = wanted_files(wanted).limit(_AT_MOST).subquery()
        done.files = int(await session.scalar(select(func.count()).select_from(counted)) or 0)
        query = select(SourceFile).where(SourceFile.id.in_(ids)).order_by(SourceFile.id)
        found = list(await session.scalars(query))
    theirs = (f for f in found if any(is_for(h, f.instrument_id, f.path_bytes) for h in hooks))
    files = list(islice(theirs, _TRIED))
    done.more = done.files > len(files)
    runner = HookRunner(editor.settings.hooks_folder)
    try:
        for hook in hooks:
            for file in files:
                if is_for(hook, file.instrument_id, file.path_bytes):
                    setting = await setting_of(editor, hook, file.instrument_id, runner, sender)
                    done.changes.append(await _change(setting, hook, file))
    finally:
        await runner.close()
    return done


async def _hooks(database: Database, wanted: Replay) -> list[Hook]:
    if wanted.is_everything:
        raise InvalidField("/files", "Say which hook, which files, which time, or 'failed'.")
    if wanted.narrowed.search or wanted.narrowed.shared:
        raise InvalidField("/search", "A replay is not narrowed by words or by what is shared.")
    async with database.read() as session:
        if wanted.hook_id is None:
            query = select(Hook).where(Hook.enabled.is_(True), Hook.stopped_reason.is_(None))
            return list(await session.scalars(query.order_by(Hook.position, Hook.id)))
        hook = await find(session, Hook, wanted.hook_id)
    if not hook.enabled:
        raise InvalidField("/hook_id", f"'{hook.name}' is switched off.")
    if hook.stopped_reason is not None:
        raise InvalidField("/hook_id", f"'{hook.name}' stopped itself: {hook.stopped_reason}")
    return [hook]


def wanted_files(wanted: Replay) -> Select[Any]:
    """Return the ids of the files of a replay."""
    query = wanted.narrowed.apply(select(SourceFile.id))
    if wanted.files:
        query = query.where(SourceFile.id.in_(wanted.files))
    if wanted.since is not None or wanted.until is not None:
        said = RunFilter(wanted.hook_id, after=wanted.since, before=wanted.until)
        query = query.where(SourceFile.id.in_(said.apply(select(HookRun.source_file_id))))
    if wanted.failed:
        tasks = select(HookTask.source_file_id).where(*_failing(wanted))
        query = query.where(or_(SourceFile.id.in_(tasks), _held()))
    return query


def _failing(wanted: Replay) -> list[Any]:
    conditions = [HookTask.state != TaskState.DONE, HookTask.error_code.is_not(None)]
    if wanted.hook_id is not None:
        conditions.append(HookTask.hook_id == wanted.hook_id)
    return conditions


def _held() -> Any:
    by_hook = SourceFile.reason_code.like("hook/_%", escape="/")
    return (SourceFile.state == FileState.HELD) & by_hook


async def _next_files(
    database: Database, wanted: Replay, last: uuid.UUID | None
) -> list[uuid.UUID]:
    query = wanted_files(wanted)
    if last is not None:
        query = query.where(SourceFile.id > last)
    async with database.read() as session:
        return list(await session.scalars(query.order_by(SourceFile.id).limit(_AT_ONCE)))


async def _ask_again(
    session: AsyncSession, hooks: Sequence[Hook], ids: Sequence[uuid.UUID], wanted: Replay
) -> int:
    """Let all hooks be asked again about some files; return how often they will be."""
    after = [hook for hook in hooks if hook.kind == HookKind.POST_TRANSFER]
    asked = 0
    if after and wanted.failed:
        mine = HookTask.hook_id.in_([hook.id for hook in after])
        conditions = [HookTask.source_file_id.in_(ids), mine, *_failing(wanted)]
        asked += await ask_again(session, conditions)
    elif after:
        versions = await _newest_versions(session, ids)
        mine = HookTask.hook_id.in_([hook.id for hook in after])
        asked += await ask_again(session, [HookTask.version_id.in_(versions), mine])
        asked += await add_tasks(session, after, versions)
    if len(after) < len(hooks):
        asked += await _look_again(session, ids, wanted)
    return asked


async def _newest_versions(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    here = (
        select(Copy.id)
        .where(Copy.version_id == Version.id, Copy.state == CopyState.AVAILABLE)
        .correlate(Version)
        .exists()
    )
    rows = await session.execute(
        select(Version.source_file_id, Version.id)
        .where(Version.source_file_id.in_(ids), here)
        .order_by(Version.number)
    )
    return list({file: version for file, version in rows.all()}.values())


async def _look_again(session: AsyncSession, ids: Sequence[uuid.UUID], wanted: Replay) -> int:
    """Let the next harvest ask about files that hooks left out, or for which one failed."""
    skipped = (SourceFile.state == FileState.SKIPPED) & (SourceFile.reason_code == BY_HOOK)
    changed = await session.execute(
        update(SourceFile)
        .where(SourceFile.id.in_(ids), _held() if wanted.failed else or_(skipped, _held()))
        .values(state=FileState.SETTLING, reason_code=None, reason=None, next_try_at=None)
        .execution_options(synchronize_session=False)
    )
    return int(cast(Any, changed).rowcount)


async def _change(setting: Setting, hook: Hook, file: SourceFile) -> Change:
    trial = (await trials_of(setting, hook.kind, [file]))[0]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    async with setting.editor.database.read() as session:
        if hook.kind == HookKind.POST_TRANSFER:
            query = (
                select(HookAnswer)
                .join(Version, Version.id == HookAnswer.version_id)
                .where(HookAnswer.source_file_id == file.id, HookAnswer.hook_id == hook.id)
                .order_by(Version.number.desc())
                .limit(1)
            )
            said = await session.scalar(query)
            before = _said(said) if said is not None else None
            after = _answered(trial.answer) if trial.answer else None
        else:
            run = (
                select(HookRun.answer)
                .where(HookRun.source_file_id == file.id, HookRun.hook_id == hook.id)
                .order_by(HookRun.id.desc())
                .limit(1)
            )
            before, after = await session.scalar(run), trial.answer
    return Change(file.id, hook.id, hook.name, trial, before, after, before != after)


def _said(answer: HookAnswer) -> dict[str, Any]:
    return {
        "metadata": answer.fields,
        "tags": answer.tags,
        "access": answer.access,
        "notices": answer.notices,
        "preview": answer.preview["kind"] if answer.preview else None,
    }


def _answered(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {**answer, "access": [one["email"] for one in answer["access"]]}
