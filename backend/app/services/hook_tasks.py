"""What post-transfer hooks are to be asked: filled from the outbox, claimed by workers in batches.

At least once: a task is done in the transaction that stores the answer; a worker that dies keeps
its claim only until its lease runs out. A hook's tasks are claimed in their order; one that has to
wait lets the others pass.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, exists, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import from_ns, utcnow
from app.database import lease_clock_ms, lease_now
from app.harvest.store.among import among
from app.harvest.store.bulk import insert_new_rows
from app.models import (
    Hook,
    HookKind,
    HookTask,
    Instrument,
    OutboxCursor,
    SourceFile,
    TaskState,
    Version,
    new_id,
)
from app.services.hook_asking import is_in_scope
from app.services.outbox import cursor_of, move_cursor, newest_seq, rows_after
from app.transfers.paths import display

CONSUMER = "hooks"
TASKS = cast(Table, HookTask.__table__)
VERSIONS = cast(Table, Version.__table__)
BATCH = 100
_READ_AT_ONCE = 1000
# Written out: a partial index is used only where the query has its own words.
_IS_WAITING = HookTask.state == literal_column(f"'{TaskState.WAITING}'")


@dataclass(frozen=True)
class ClaimedTask:
    """A version that a hook is asked about; `facts` are what the hook is told."""

    id: uuid.UUID
    version_id: uuid.UUID
    source_file_id: uuid.UUID
    instrument_id: uuid.UUID
    number: int
    failures: int
    delays: int
    facts: Mapping[str, Any]


def key_of(hook_id: uuid.UUID, version_id: uuid.UUID) -> str:
    """Return the idempotency key of a hook and a version: always the same."""
    return str(uuid.uuid5(hook_id, str(version_id)))


async def is_any_unread(session: AsyncSession) -> bool:
    """Return whether the outbox has rows that were not looked at for hooks."""
    known = await session.scalar(select(OutboxCursor.seq).where(OutboxCursor.consumer == CONSUMER))
    return int(known or 0) < await newest_seq(session)


async def enqueue(session: AsyncSession) -> int:
    """Make tasks of a batch of outbox rows; return how many rows. Call it under a lease."""
    begin = await cursor_of(session, CONSUMER)
    hooks = await enabled_hooks(session)
    if not hooks:
        await move_cursor(session, CONSUMER, max(begin, await newest_seq(session)))
        return 0
    rows = await rows_after(session, begin, _READ_AT_ONCE)
    if not rows:
        return 0
    made = [row.payload["version_id"] for row in rows if row.topic == "copy.available"]
    await add_tasks(session, hooks, [uuid.UUID(one) for one in dict.fromkeys(made)])
    assert rows[-1].seq is not None
    await move_cursor(session, CONSUMER, rows[-1].seq)
    return len(rows)


async def enabled_hooks(session: AsyncSession) -> list[Hook]:
    """Return the post-transfer hooks that are switched on, in their order."""
    query = select(Hook).where(Hook.kind == HookKind.POST_TRANSFER, Hook.enabled.is_(True))
    return list(await session.scalars(query.order_by(Hook.position, Hook.id)))


async def add_tasks(
    session: AsyncSession, hooks: Sequence[Hook], version_ids: Sequence[uuid.UUID]
) -> int:
    """Make the tasks of versions that are not there yet; return how many were made."""
    if not version_ids or not hooks:
        return 0
    found = await session.execute(
        select(Version.id, SourceFile.id, SourceFile.path_bytes, Instrument.id, Instrument.zone)
        .join(SourceFile, SourceFile.id == Version.source_file_id)
        .join(Instrument, Instrument.id == SourceFile.instrument_id)
        .where(among(VERSIONS.c.id, version_ids))
        .order_by(Version.id)
    )
    now = utcnow()
    rows = [
        {
            "id": new_id(),
            "hook_id": hook.id,
            "version_id": version_id,
            "source_file_id": file_id,
            "instrument_id": instrument_id,
            "zone": zone,
        }
        for version_id, file_id, path, instrument_id, zone in found.all()
        for hook in hooks
        if is_for(hook, instrument_id, path)
    ]
    same = {
        "state": TaskState.WAITING.value, "failures": 0, "delays": 0, "due_at": now,
        "lease_owner": None, "lease_until_ms": 0, "error_code": None, "error_detail": None,
        "created_at": now,
    }  # fmt: skip
    return len(await insert_new_rows(session, TASKS, rows, returning="id", constants=same))


def is_for(hook: Hook, instrument_id: uuid.UUID, path: bytes) -> bool:
    """Return whether a file is in a hook's scope."""
    is_mine = hook.instrument_id in (None, instrument_id)
    return is_mine and is_in_scope(hook.pattern, path)


async def due_hooks(session: AsyncSession, zones: Sequence[str]) -> list[Hook]:
    """Return the enabled hooks that have something to be asked now and did not stop themselves."""
    is_due = exists().where(HookTask.hook_id == Hook.id, *_claimable(session, zones))
    query = select(Hook).where(
        Hook.kind == HookKind.POST_TRANSFER,
        Hook.enabled.is_(True),
        Hook.stopped_reason.is_(None),
        is_due,
    )
    return list(await session.scalars(query.order_by(Hook.position, Hook.id)))


def _claimable(session: AsyncSession, zones: Sequence[str]) -> tuple[Any, ...]:
    return (
        _IS_WAITING,
        HookTask.due_at <= utcnow(),
        HookTask.lease_until_ms < lease_now(session),
        HookTask.zone.in_(zones),
    )


async def claim(
    session: AsyncSession, hook: Hook, owner: str, zones: Sequence[str], lease_seconds: float
) -> list[ClaimedTask]:
    """Claim the next tasks of a hook, in their order."""
    ids = list(
        await session.scalars(
            select(HookTask.id)
            .where(HookTask.hook_id == hook.id, *_claimable(session, zones))
            .order_by(HookTask.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )
    if not ids:
        return []
    until = await lease_clock_ms(session) + int(lease_seconds * 1000)
    await session.execute(
        update(TASKS).where(among(TASKS.c.id, ids)).values(lease_owner=owner, lease_until_ms=until)
    )
    rows = await session.execute(
        select(HookTask, Version, SourceFile, Instrument.slug)
        .join(Version, Version.id == HookTask.version_id)
        .join(SourceFile, SourceFile.id == HookTask.source_file_id)
        .join(Instrument, Instrument.id == HookTask.instrument_id)
        .where(among(TASKS.c.id, ids))
        .order_by(HookTask.id)
    )
    return [
        ClaimedTask(
            task.id,
            version.id,
            file.id,
            task.instrument_id,
            version.number,
            task.failures,
            task.delays,
            version_facts(hook.id, version, file, slug),
        )
        for task, version, file, slug in rows.all()
    ]


def version_facts(
    hook_id: uuid.UUID, version: Version, file: SourceFile, slug: str
) -> dict[str, Any]:
    """Return what a hook is told of a version (`streamweave_sdk.hooks.VersionFacts`)."""
    return {
        "instrument": slug,
        "path": display(file.path_bytes),
        "size_bytes": version.size_bytes,
        "modified_at": _time(version.mtime_ns),
        "version": version.number,
        "identifier": f"{file.ark}.v{version.number}" if file.ark else "",
        "sha256": (version.sha256 or b"").hex(),
        "key": key_of(hook_id, version.id),
    }


def _time(mtime_ns: int) -> str:
    try:
        return from_ns(mtime_ns).isoformat()
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, tz=utcnow().tzinfo).isoformat()


async def keep(session: AsyncSession, owner: str, lease_seconds: float) -> None:
    """Renew the lease of what an owner holds."""
    until = await lease_clock_ms(session) + int(lease_seconds * 1000)
    await session.execute(
        update(TASKS)
        .where(TASKS.c.lease_owner == owner, _IS_WAITING, TASKS.c.lease_until_ms > 0)
        .values(lease_until_ms=until)
    )


async def give_back(session: AsyncSession, owner: str) -> None:
    """Let others have what an owner claimed and did not ask about."""
    await session.execute(
        update(TASKS).where(TASKS.c.lease_owner == owner, _IS_WAITING).values(lease_until_ms=0)
    )


async def ask_again(session: AsyncSession, conditions: Sequence[Any]) -> int:
    """Let tasks be asked at once, whatever became of them; return how many.

    What a worker has in its hands now is left to it.
    """
    done = await session.execute(
        update(HookTask)
        .where(
            *conditions,
            or_(HookTask.lease_owner.is_(None), HookTask.lease_until_ms < lease_now(session)),
        )
        .values(
            state=TaskState.WAITING, due_at=utcnow(), failures=0, delays=0, lease_until_ms=0,
            error_code=None, error_detail=None,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return int(cast(Any, done).rowcount)


def wait(number: int, base_seconds: float, cap_seconds: float) -> timedelta:
    """Return how long to wait after the n-th failure: twice as long each time, up to a cap."""
    return timedelta(seconds=min(cap_seconds, base_seconds * 2 ** min(number - 1, 30)))
