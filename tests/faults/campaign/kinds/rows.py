"""The database: locked by somebody else, killed, restarted."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.kinds.processes import STEPS
from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import Setting


class SqliteLocked(Kind):
    """Another process holds the one write lock, also longer than a lease."""

    name = "sqlite_locked"

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.database == "sqlite"

    async def act(self, round_: Round) -> None:
        round_.new_work()
        moments = tuple((step, 1) for step in ("list", *STEPS))
        worker = round_.start(lease_seconds=0.6, moments=moments)
        while await worker.moment(2.0) is not None:
            if round_.chance(0.4):
                await self._lock(round_, worker.go_on)
            else:
                worker.go_on()
        await round_.over(worker)

    async def _lock(self, round_: Round, go_on: Callable[[], None]) -> None:
        path = round_.url.partition("///")[2]
        with contextlib.closing(
            sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        ) as connection:
            go_on()  # first: where it stands still it may hold the lock itself
            try:
                await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return  # the worker was quicker all the time
            # The length of the lock is the fault itself; nothing is waited for.
            await asyncio.sleep(round_.rng.choice((0.1, 0.3, 0.9)))
            connection.execute("ROLLBACK")
        round_.injected(self.name)


class OnPostgresql(Kind):
    """Kinds that need PostgreSQL."""

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.database == "postgresql"


class BackendKilled(OnPostgresql):
    """kill -9 of one server process: PostgreSQL throws all connections out and recovers."""

    name = "postgresql_backend_killed"

    async def act(self, round_: Round) -> None:
        postgresql = round_.services.postgresql()
        round_.new_work()
        moments = tuple((round_.rng.choice(STEPS), n) for n in (1, 2))
        worker = round_.start(moments=moments)
        while await worker.moment(2.0) is not None:
            if await asyncio.to_thread(postgresql.kill_backend, round_.rng.random()):
                round_.injected(self.name)
            worker.go_on()
            await asyncio.to_thread(postgresql.wait_until_up)
        await round_.over(worker, within_seconds=4.0)


class ServerKilled(OnPostgresql):
    """kill -9 of all of PostgreSQL; it is started again after a while."""

    name = "postgresql_killed"

    async def act(self, round_: Round) -> None:
        postgresql = round_.services.postgresql()
        round_.new_work()
        worker = round_.start(moments=((round_.rng.choice(STEPS), 1),))
        if await worker.moment(3.0) is not None:
            await asyncio.to_thread(postgresql.kill)
            worker.go_on()
            await worker.end(0.2)
            await asyncio.to_thread(postgresql.start)
            round_.injected(self.name)
        await round_.over(worker, within_seconds=4.0)


KINDS = [SqliteLocked, BackendKilled, ServerKilled]
