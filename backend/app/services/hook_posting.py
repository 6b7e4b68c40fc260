"""Asking post-transfer hooks, in a worker: one task at a time a hook, all hooks side by side.

A hook that hangs holds up nobody but itself. What was answered is stored with what follows from
it in one transaction, each second at the latest; what was not is asked again.
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.store.bulk import insert_rows, update_rows
from app.harvest.store.news import tell
from app.hooks.frames import clean
from app.hooks.runner import Answered, HookRunner, HookSpec
from app.models import FailurePolicy, Hook, TaskState, new_id
from app.services import audit
from app.services.credentials import Vault
from app.services.hook_answers import Said, save
from app.services.hook_asking import HOOK_RUNS, spec_of
from app.services.hook_reading import Reading, VersionReader
from app.services.hook_tasks import (
    TASKS,
    ClaimedTask,
    claim,
    due_hooks,
    give_back,
    keep,
    wait,
)

logger = logging.getLogger("streamweave.hooks")
WARN_TRIES = 5  # so often a `warn` hook is asked that fails
_STORE_SECONDS = 1.0
_LOOK_SECONDS = 0.5
_RESTING_SECONDS = 10.0
_SOONEST_SECONDS, _LATEST_SECONDS = 1.0, 86_400.0


@dataclass(frozen=True)
class PostSettings:
    """Who asks, for which zones; times in seconds."""

    worker: str
    zones: Sequence[str]
    lease_seconds: float = 60.0
    retry_base_seconds: float = 5.0
    retry_cap_seconds: float = 3600.0


@dataclass
class _Batch:
    """What was claimed of a hook, and what was answered and is not stored yet."""

    hook: Hook
    owner: str
    answered: list[tuple[ClaimedTask, Answered]] = field(default_factory=list)
    stored_at: float = field(default_factory=monotonic)


class PostHooks:
    """Asks the post-transfer hooks that have something to be asked."""

    def __init__(
        self, reading: Reading, runner: HookRunner, vault: Vault, settings: PostSettings
    ) -> None:
        self._reading = reading
        self._database: Database = reading.database
        self._runner = runner
        self._vault = vault
        self._settings = settings
        self._working: dict[uuid.UUID, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look for work until cancelled. A disk without room for hooks' files ends no worker."""
        try:
            while True:
                try:
                    with self._reading.room.opened():
                        await self._look_on()
                except OSError as error:
                    logger.warning("no room for the files of hooks: %s", error)
                await asyncio.sleep(_RESTING_SECONDS)
        finally:
            await self.stop()

    async def _look_on(self) -> None:
        while True:
            try:
                await self.look()
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> int:
        """Begin with each hook that has work and is not at it; return how many are at work."""
        zones = list(self._settings.zones)
        for hook in await self._database.ask(lambda s: due_hooks(s, zones)):
            known = self._working.get(hook.id)
            if (known is None or known.done()) and not self._runner.rests(hook.id):
                self._working[hook.id] = asyncio.create_task(self._work(hook), name=hook.name)
        self._working = {key: one for key, one in self._working.items() if not one.done()}
        return len(self._working)

    async def drain(self) -> None:
        """Work until nothing is due."""
        while await self.look():
            await asyncio.wait(list(self._working.values()))

    async def stop(self) -> None:
        """End all work; what was not stored is asked again."""
        tasks = list(self._working.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._runner.close()

    async def _work(self, hook: Hook) -> None:
        try:
            await self.batch(hook)
        except SQLAlchemyError as error:
            logger.warning("hook %s: the database is away: %s", hook.name, type(error).__name__)
        except Exception:
            logger.exception("hook %s: its work failed unexpectedly; again soon", hook.name)

    async def batch(self, hook: Hook) -> int:
        """Claim a batch of a hook's tasks and ask; return how many were claimed."""
        zones, seconds = list(self._settings.zones), self._settings.lease_seconds
        batch = _Batch(hook, f"{self._settings.worker}:{new_id()}")
        tasks = await self._database.run(lambda s: claim(s, hook, batch.owner, zones, seconds))
        if not tasks:
            return 0
        keeper = asyncio.create_task(self._keep(batch.owner))
        try:
            await self._ask_all(batch, tasks)
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        await self._database.run(lambda s: give_back(s, batch.owner))
        return len(tasks)

    async def _ask_all(self, batch: _Batch, tasks: Sequence[ClaimedTask]) -> None:
        try:
            spec = spec_of(batch.hook, self._vault)
        except StreamWeaveError as error:
            batch.answered = [(task, Answered(None, error)) for task in tasks]
            await self._store(batch)
            return
        for task in tasks:
            asking = asyncio.create_task(self._ask(spec, task))
            try:
                # What others were told is not held up by one that takes long.
                await asyncio.wait({asking}, timeout=_STORE_SECONDS)
                if not asking.done():
                    await self._store(batch)
                answered = await asking
            finally:
                if not asking.done():
                    asking.cancel()
                    await asyncio.gather(asking, return_exceptions=True)
            if not answered.asked:
                break
            batch.answered.append((task, answered))
            if answered.stops:
                break
            if monotonic() - batch.stored_at > _STORE_SECONDS:
                await self._store(batch)
        await self._store(batch)

    async def _ask(self, spec: HookSpec, task: ClaimedTask) -> Answered:
        name = str(task.facts["path"]).rpartition("/")[2]
        reader = VersionReader(self._reading, task.source_file_id, task.number, name)
        try:
            return await self._runner.ask_version(spec, task.facts, reader.serve)
        finally:
            await reader.close()

    async def _keep(self, owner: str) -> None:
        seconds = self._settings.lease_seconds
        while True:
            await asyncio.sleep(seconds / 3)
            try:
                await self._database.run(lambda s: keep(s, owner, seconds))
            except SQLAlchemyError as error:
                logger.warning("the database is away: %s", type(error).__name__)

    async def _store(self, batch: _Batch) -> None:
        answered, batch.answered = batch.answered, []
        batch.stored_at = monotonic()
        if answered:
            await self._database.run(lambda s: self._finish(s, batch, answered))

    async def _finish(
        self,
        session: AsyncSession,
        batch: _Batch,
        answered: Sequence[tuple[ClaimedTask, Answered]],
    ) -> None:
        """Store answers with what becomes of their tasks; whoever lost its lease stores nothing."""
        hook = batch.hook
        rows = [
            {"id": task.id, "lease_owner": batch.owner, **self._outcome(hook, task, one)}
            for task, one in answered
        ]
        held = await update_rows(
            session, TASKS, rows, keys=["id", "lease_owner"], constants={"lease_until_ms": 0}
        )
        mine = [(task, one) for task, one in answered if task.id in held]
        await insert_rows(session, HOOK_RUNS, [run_row(hook, task, one) for task, one in mine])
        for _, one in mine:
            if one.stops and one.error is not None:
                await stop(session, hook, self._settings.worker, one.error.detail)
        said = [said_by(hook, task, one) for task, one in mine if one.answer is not None]
        await save(session, said)
        for instrument_id in sorted({task.instrument_id for task, _ in mine}):
            failed = sum(
                one.error is not None and task.instrument_id == instrument_id for task, one in mine
            )
            await tell(session, "hook.asked", instrument_id, hook_id=str(hook.id), failed=failed)

    def _outcome(self, hook: Hook, task: ClaimedTask, one: Answered) -> dict[str, Any]:
        settings, now = self._settings, utcnow()
        state, failures, delays, due = TaskState.WAITING, task.failures, task.delays, now
        code = detail = None
        if one.later is not None:
            delays += 1
            wish = one.later.get("after_seconds")
            if wish is None:
                due += wait(delays, settings.retry_base_seconds, settings.retry_cap_seconds)
            else:
                due += timedelta(seconds=min(_LATEST_SECONDS, max(_SOONEST_SECONDS, float(wish))))
            code, detail = "hook_later", clean(str(one.later["reason"]))
        elif one.stops and one.error is not None:
            code, detail = one.error.code, clean(one.error.detail)
        elif one.error is not None:
            failures += 1
            due += wait(failures, settings.retry_base_seconds, settings.retry_cap_seconds)
            code, detail = one.error.code, clean(one.error.detail)
            if hook.failure_policy == FailurePolicy.WARN and failures >= WARN_TRIES:
                state = TaskState.FAILED
        else:
            state, failures, delays = TaskState.DONE, 0, 0
        return {
            "state": state.value, "failures": failures, "delays": delays, "due_at": due,
            "error_code": code, "error_detail": detail,
        }  # fmt: skip


async def stop(session: AsyncSession, hook: Hook, worker: str, reason: str) -> None:
    """Ask a hook no more until a person has looked; not if one has changed it meanwhile."""
    done = await session.execute(
        update(Hook)
        .where(Hook.id == hook.id, Hook.revision == hook.revision, Hook.stopped_reason.is_(None))
        .values(stopped_reason=clean(reason), stopped_at=utcnow())
        .execution_options(synchronize_session=False)
    )
    if cast(Any, done).rowcount:
        await audit.record(
            session,
            actor=f"worker:{worker}",
            action="hook.stopped",
            subject=f"hook:{hook.id}",
            details={"name": hook.name, "reason": clean(reason)},
            instrument_id=hook.instrument_id,
        )


def said_by(hook: Hook, task: ClaimedTask, one: Answered) -> Said:
    """Return what is kept of an answer."""
    return Said(
        task.version_id,
        task.source_file_id,
        hook.id,
        hook.name,
        one.version,
        hook.revision,
        hook.position,
        one.answer or {},
    )


def run_row(hook: Hook, task: ClaimedTask, one: Answered) -> dict[str, Any]:
    """Return the line of the log: what was asked, what was said."""
    error = one.error
    outcome = "later" if one.later else "failed" if one.answer is None else "answered"
    return {
        "id": new_id(),
        "hook_id": hook.id,
        "hook_revision": hook.revision,
        "hook_version": one.version,
        "instrument_id": task.instrument_id,
        "source_file_id": task.source_file_id,
        "version_id": task.version_id,
        "at": utcnow(),
        "outcome": outcome,
        "facts": dict(task.facts),
        "answer": clean(without_preview(one.answer) or one.later),
        "duration_ms": round(one.duration_ms, 3),
        "log": clean(list(one.log)),
        "error_code": error.code if error else None,
        "error_detail": clean(error.detail) if error else None,
    }


def without_preview(answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an answer as it stands in the log: of a preview, its kind alone."""
    if answer is None:
        return None
    preview = answer.get("preview")
    return {**answer, "preview": preview["kind"] if preview else None}
