"""What the API process does beside answering; each under its lease.

Reconcile, dispatch, seal, write the words of new files' names, count, prune,
forget the hooks' log, make tasks for post-transfer hooks.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.services.audit import seal
from app.services.hook_forgetting import forget_old_runs
from app.services.hook_tasks import enqueue, is_any_unread
from app.services.leases import give_lease_back, take_lease
from app.services.outbox import dispatch, is_any_unnumbered
from app.services.reconciler import Reconciler
from app.services.search import index_names
from app.services.tallies import count_news, forget_old, is_any_uncounted

logger = logging.getLogger("streamweave.background")
_PAUSE_SECONDS = 0.05
_LEASE_SECONDS = 15.0


# What was committed is on people's screens within a second: this, and the pages' tail.
_DISPATCH_SECONDS = 0.2
_PRUNE_SECONDS = 60.0
Look = Callable[[AsyncSession], Awaitable[bool]]


async def run_background(
    database: Database,
    settings: Settings,
    stop: asyncio.Event,
    dispatched: Callable[[], None] = lambda: None,
) -> None:
    """Run all services until `stop` is set; `dispatched` is called when there is news."""
    reconciler = Reconciler(database, settings)

    async def send() -> None:
        await _until_done(database, dispatch, stop)()
        dispatched()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_service(database, "reconciler", 1.0, stop, reconciler.tick))
            group.create_task(
                _service(database, "dispatcher", _DISPATCH_SECONDS, stop, send, is_any_unnumbered)
            )
            count = _until_done(database, count_news, stop)
            group.create_task(_service(database, "counter", 1.0, stop, count, is_any_uncounted))
            tasks = _until_done(database, enqueue, stop)
            group.create_task(
                _service(database, "hooks", _DISPATCH_SECONDS, stop, tasks, is_any_unread)
            )
            forget = _until_done(database, forget_old, stop)
            group.create_task(_service(database, "pruner", _PRUNE_SECONDS, stop, forget))
            runs = _until_done(
                database, partial(forget_old_runs, kept_days=settings.hook_runs_days), stop
            )
            group.create_task(_service(database, "hook-log", _PRUNE_SECONDS, stop, runs))
            group.create_task(
                _service(database, "sealer", 1.0, stop, _until_done(database, seal, stop))
            )
            group.create_task(
                _service(database, "indexer", 1.0, stop, _until_done(database, index_names, stop))
            )
    finally:
        await reconciler.close()


def _until_done(
    database: Database, step: Callable[[AsyncSession], Awaitable[int]], stop: asyncio.Event
) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        until = monotonic() + _LEASE_SECONDS / 2
        # The pause lets other processes write: SQLite's waiting writers look only now and then.
        while not stop.is_set() and monotonic() < until:
            if not await database.run(step):
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    return work


async def _service(
    database: Database,
    name: str,
    pause_seconds: float,
    stop: asyncio.Event,
    work: Callable[[], Awaitable[None]],
    look: Look | None = None,
) -> None:
    """Do `work` again and again while this process has the lease.

    `look` says by reading whether there is anything to do: taking the lease would write.
    """
    owner = uuid.uuid4().hex
    while not stop.is_set():
        try:
            idle = look is not None and not await database.ask(look)
            if not idle and await database.run(
                lambda s: take_lease(s, name, owner, _LEASE_SECONDS)
            ):
                await work()
        except (SQLAlchemyError, StreamWeaveError) as error:
            logger.warning("%s: %s; again soon", name, error)
        except Exception:
            logger.exception("%s failed unexpectedly; again soon", name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_seconds):
                await stop.wait()
    with contextlib.suppress(SQLAlchemyError):  # it runs out by itself
        await database.run(lambda s: give_lease_back(s, name, owner))
