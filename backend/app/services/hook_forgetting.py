"""Forgetting the log of hooks: what is older than its days and nobody needs any more.

Kept whatever their age: lines of a task that is not done (waiting, replayed, or failed and left to
a person), and of a file that is held.
"""

from datetime import timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.store.among import among
from app.models import FileState, HookRun, HookTask, SourceFile, TaskState
from app.services.conditions import SLACK, id_at
from app.services.hook_asking import HOOK_RUNS

AT_ONCE = 1000


async def forget_old_runs(session: AsyncSession, kept_days: int, limit: int = AT_ONCE) -> int:
    """Delete the oldest lines of the log, at most `limit`; return how many."""
    before = utcnow() - timedelta(days=kept_days)
    is_open = exists().where(
        HookTask.hook_id == HookRun.hook_id,
        HookTask.version_id == HookRun.version_id,
        HookTask.state != TaskState.DONE,
    )
    is_held = exists().where(
        SourceFile.id == HookRun.source_file_id, SourceFile.state == FileState.HELD
    )
    old = list(
        await session.scalars(
            select(HookRun.id)
            .where(HookRun.id <= id_at(before, SLACK), HookRun.at < before, ~is_open, ~is_held)
            .order_by(HookRun.id)
            .limit(limit)
        )
    )
    if old:
        await session.execute(delete(HOOK_RUNS).where(among(HOOK_RUNS.c.id, old)))
    return len(old)
