"""An engine in a process of its own, to be killed: harvests one local folder until all is done.

`crash_at` kills it at a crash point (as STREAMWEAVE_CRASH_AT does in any process); a file called
`poison` kills it each time it is read.
"""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from app.database import Database
from app.harvest import crash
from app.harvest.engine import Engine
from app.harvest.store import instruments
from app.harvest.sweep import sweep
from app.models import Copy, CopyState
from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.integration.engine_fixtures import engine_for

_MOVING = [state for state in CopyState if not state.is_final]


@dataclass(frozen=True)
class Options:
    """What a process works on, and how."""

    url: str
    instrument: uuid.UUID
    folder: Path
    log: Path
    worker: str = "child"
    lease_seconds: float = 2.0
    delay_seconds: float = 0.0
    scans: int = 2
    crash_at: str = ""
    stops: bool = False  # once, at its first file, until somebody lets it go on


class PoisonedSource(LocalSource):
    """A folder with a file that kills whoever reads it; it may answer slowly or stop its reader."""

    def __init__(self, options: Options) -> None:
        super().__init__(options.folder)
        self._delay = options.delay_seconds
        self._stops = options.stops

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        if path.rpartition(b"/")[2] == b"poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._stops:
            self._stops = False
            os.kill(os.getpid(), signal.SIGSTOP)
        await asyncio.sleep(self._delay)
        async for chunk in super().read(path, size_bytes):
            yield chunk


async def _left(database: Database) -> int:
    async with database.read() as session:
        found = await session.scalar(
            select(func.count()).select_from(Copy).where(Copy.state.in_(_MOVING))
        )
    return int(found or 0)


async def _sweep(engine: Engine) -> None:
    async with engine.database.read() as session:
        locations = await instruments.open_locations(session, ["main"])
        rows = [await instruments.storage_location(session, one) for one in locations]
    for row in rows:
        await sweep(engine.database, await engine.storage(row))


async def work(options: Options) -> None:
    """Scan, plan, transfer until nothing moves, sweep."""
    database = Database(options.url)

    source = PoisonedSource(options)

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return source

    engine = engine_for(
        database, open_source, lease_seconds=options.lease_seconds, worker=options.worker
    )
    for _ in range(options.scans):
        # A scan that a dead process held is taken over when its lease has run out.
        while await engine.scan(options.instrument) is None:  # noqa: ASYNC110  a row says when
            await asyncio.sleep(0.05)
    while await _left(database):
        if not await engine.transfer(["main"]):
            await asyncio.sleep(0.05)
    await _sweep(engine)
    await database.close()


def run(options: Options) -> None:
    """The life of the process."""
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    crash.arm(options.crash_at)
    asyncio.run(work(options))
