"""Workers that stand still before every effect, until a test lets them make one step.

A worker is an engine whose database, sources and storages are behind gates. Between two steps it
can be killed: from then on nothing that it still runs (`finally` blocks too) has any effect, as
after kill -9.
"""

import asyncio
import contextlib
import inspect
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.engine import Engine
from app.harvest.opened import Opened, OpenInstruments
from app.harvest.store import instruments
from app.harvest.store.instruments import InstrumentFacts
from app.harvest.sweep import sweep
from app.models import StorageLocation
from app.transfers.base import Entry, FileFacts, Source
from app.transfers.calls import STALL_SECONDS, calls_of
from app.transfers.local import LocalSource
from tests.integration.engine_fixtures import engine_for

T = TypeVar("T")
# Turns of the event loop in which whatever waits for no effect gets as far as it can.
_TURNS = 30


class Killed(BaseException):
    """The worker's process does not exist any more."""


@dataclass
class _Waiting:
    name: str
    released: asyncio.Future[None]


class Gates:
    """The gates of one worker: who stands before which effect, and who is in one."""

    def __init__(self) -> None:
        self.dead = False
        self.waiting: deque[_Waiting] = deque()
        self._busy = 0
        self._rest = asyncio.Event()

    @contextlib.asynccontextmanager
    async def effect(self, name: str) -> AsyncIterator[None]:
        """Wait for the permission to have an effect, then have it."""
        if self.dead:
            raise Killed
        one = _Waiting(name, asyncio.get_running_loop().create_future())
        self.waiting.append(one)
        try:
            await one.released
        finally:
            with contextlib.suppress(ValueError):
                self.waiting.remove(one)
        if self.dead:
            raise Killed
        self._busy += 1
        self._rest.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._rest.set()

    def release(self, number: int) -> str:
        """Let one of those that wait go on; return before what it stood."""
        one = self.waiting[number % len(self.waiting)]
        if not one.released.done():
            one.released.set_result(None)
        return one.name

    def kill(self) -> None:
        """Nothing has an effect any more."""
        self.dead = True
        for one in list(self.waiting):
            if not one.released.done():
                one.released.set_exception(Killed())

    async def settle(self) -> None:
        """Wait until every part of the worker stands before a gate, or has ended."""
        quiet = 0
        while quiet < _TURNS:
            await asyncio.sleep(0)
            quiet += 1
            if self._busy:
                await self._rest.wait()
                quiet = 0


class Gated:
    """Any adapter object, with a gate before each of its asynchronous calls."""

    def __init__(self, inner: Any, gates: Gates) -> None:
        self._inner = inner
        self._gates = gates

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if inspect.isasyncgenfunction(found):
            return lambda *args, **kwargs: self._stream(name, found(*args, **kwargs))
        if not inspect.iscoroutinefunction(found):
            return found

        async def gated(*args: Any, **kwargs: Any) -> Any:
            async with self._gates.effect(name):
                answer = await found(*args, **kwargs)
            return GatedTemporary(answer, self._gates) if name == "create" else answer

        return gated

    async def _stream(self, name: str, items: AsyncGenerator[Any, None]) -> AsyncIterator[Any]:
        async with contextlib.aclosing(items):
            while True:
                async with self._gates.effect(name):
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        return
                yield item


class GatedTemporary(Gated):
    """A file being written; a dead worker's is closed as the kernel does it, and stays."""

    async def abandon(self) -> None:
        if self._gates.dead:
            await self._inner.finish(0)
        else:
            async with self._gates.effect("abandon"):
                await self._inner.abandon()


class GatedStorage(Gated):
    """A storage whose batches are gated too."""

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator[Any]:
        async with self._gates.effect("open_batch"):
            stack = contextlib.AsyncExitStack()
            inner = await stack.enter_async_context(self._inner.batch())
        async with stack:
            yield Gated(inner, self._gates)


class GatedDatabase(Database):
    """A database whose transactions are behind gates; nobody stands still inside of one."""

    def __init__(self, url: str, gates: Gates) -> None:
        super().__init__(url, pool_size=1)
        self._gates = gates

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with self._gates.effect("read_rows"), super().read() as session:
            yield session

    async def run(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async with self._gates.effect("write_rows"):
            return await super().run(work)

    async def ask(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async with self._gates.effect("read_rows"):
            return await super().ask(work)


class SourceThatMayBeAway:
    """A folder as a source; while `is_away` its server does not answer."""

    def __init__(self, root: Path, is_away: Callable[[], bool]) -> None:
        self._folder = LocalSource(root)
        self._is_away = is_away
        self.capabilities = self._folder.capabilities

    def _ask(self) -> None:
        if self._is_away():
            raise StreamWeaveError("source_unreachable", "switched off")

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        self._ask()
        return await self._folder.list_directory(directory)

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        self._ask()
        return await self._folder.stat(paths)

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        self._ask()
        async for chunk in self._folder.read(path, size_bytes):
            yield chunk
            self._ask()

    async def close(self) -> None:
        await self._folder.close()


class Impatient(OpenInstruments):
    """It does not wait for connections: others may stand still."""

    @contextlib.asynccontextmanager
    async def hold(
        self, facts: InstrumentFacts, *, patience_seconds: float = 0.0
    ) -> AsyncIterator[Opened | None]:
        async with super().hold(facts, patience_seconds=0.0) as opened:
            yield opened


class SteppedEngine(Engine):
    """An engine behind gates."""

    gates: Gates

    async def storage(self, row: StorageLocation) -> Any:
        # Copies are filled from here without a gate: at once, as from any disk that was looked at.
        calls_of(Path(row.path), "source_unreachable", STALL_SECONDS).look()
        return GatedStorage(await super().storage(row), self.gates)


class Worker:
    """One worker: idle, or standing still somewhere in a job."""

    def __init__(
        self, name: str, url: str, instrument: uuid.UUID, source: SourceThatMayBeAway
    ) -> None:
        self.name = name
        self.job = ""
        self.gates = Gates()
        self._instrument = instrument
        self._task: asyncio.Task[Any] | None = None
        self._database = GatedDatabase(url, self.gates)

        async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
            return cast(Source, Gated(source, self.gates))

        plain = engine_for(self._database, open_source, worker=name)
        self._engine = SteppedEngine(plain.database, plain.ports)
        self._engine.gates = self.gates
        self._engine.opened = Impatient(plain.database, plain.ports)

    @property
    def is_idle(self) -> bool:
        """Whether it has no job."""
        return self._task is None

    async def start(self, job: str) -> None:
        """Begin a job and stand before its first effect."""
        self.job = job
        self._engine._reaped_at = float("-inf")  # as if some seconds had passed
        self._task = asyncio.create_task(self._work(job))
        await self.gates.settle()

    async def _work(self, job: str) -> None:
        if job == "scan":
            result = await self._engine.scan(self._instrument)
            code = result.scan.error.code if result and result.scan.error else None
            assert code != "internal_error", result
        elif job == "look":
            await self._engine.look(self._instrument)
        elif job == "transfer":
            await self._engine.transfer(["main"])
        else:
            await self._sweep()

    async def _sweep(self) -> None:
        async with self._database.read() as session:
            ids = await instruments.open_locations(session, ["main"])
            rows = [await instruments.storage_location(session, one) for one in ids]
        for row in rows:
            with contextlib.suppress(StreamWeaveError):
                await sweep(self._database, await self._engine.storage(row))

    async def step(self, which: int = 0) -> str:
        """Have one effect; return its name, or nothing when the job has ended."""
        if self._task is None:
            return ""
        name = self.gates.release(which) if self.gates.waiting else ""
        await self.gates.settle()
        if self._task.done():
            task, self._task, self.job = self._task, None, ""
            task.result()
        else:
            assert self.gates.waiting, f"{self.name} hangs after {name}"
        return name

    async def finish(self) -> None:
        """Go on to the end of the job."""
        while self._task is not None:
            await self.step()

    async def kill(self) -> None:
        """End it where it stands."""
        self.gates.kill()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._database.close()
