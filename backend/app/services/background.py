"""What the API process does beside answering; each under its lease.

Reconcile, dispatch, seal, write the words of new files' names.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import monotonic
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.services.audit import seal
from app.services.leases import give_lease_back, take_lease
from app.services.outbox import dispatch
from app.services.reconciler import Reconciler
from app.services.search import index_names

logger = logging.getLogger("streamweave.background")
_PAUSE_SECONDS = 0.05
_LEASE_SECONDS = 15.0


async def run_background(database: Database, settings: Settings, stop: asyncio.Event) -> None:
    """Run all services until `stop` is set."""
    reconciler = Reconciler(database, settings)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_service(database, "reconciler", 1.0, stop, reconciler.tick))
            group.create_task(
                _service(database, "dispatcher", 0.5, stop, _until_done(database, dispatch, stop))
            )
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
) -> None:
    """Do `work` again and again while this process has the lease."""
    owner = uuid.uuid4().hex
    while not stop.is_set():
        try:
            if await database.run(lambda s: take_lease(s, name, owner, _LEASE_SECONDS)):
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
