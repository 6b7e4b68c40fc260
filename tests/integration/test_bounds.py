"""The instrument comes first: connections are bounded over all workers, quiet hours are kept."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from sqlalchemy import update

from app.errors import StreamWeaveError
from app.harvest.ports import OpenSource
from app.models import Instrument
from app.transfers.base import Entry, FileFacts, Source
from app.transfers.local import LocalSource
from tests.integration.engine_fixtures import Lab, engine_for, lab

__all__ = ["lab"]


class Counter:
    """How many calls are in flight now, and were at most."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def __exit__(self, *_error: object) -> None:
        self.now -= 1


class CountedSource(LocalSource):
    """A local source whose calls are counted; each yields to the others while it is in flight."""

    def __init__(self, root: Path, counter: Counter) -> None:
        super().__init__(root)
        self._counter = counter

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        with self._counter:
            await asyncio.sleep(0)
            return await super().list_directory(directory)

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        with self._counter:
            await asyncio.sleep(0)
            return await super().stat(paths)

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        with self._counter:
            async with aclosing(super().read(path, size_bytes)) as chunks:
                async for chunk in chunks:
                    await asyncio.sleep(0)
                    yield chunk


def _opener(root: Path, counter: Counter) -> OpenSource:
    async def open_source(instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        return CountedSource(root, counter)

    return open_source


async def test_two_workers_never_have_more_calls_in_flight_than_the_instrument_bears(
    lab: Lab,
) -> None:
    counter = Counter()
    opener = _opener(lab.source, counter)
    first, second = engine_for(lab.database, opener), engine_for(lab.database, opener)
    for number in range(300):
        lab.write(f"{number}.raw", b"x" * 1000)
    for _ in range(2):
        await first.scan(lab.instrument)

    async def drain(engine: object) -> None:
        assert engine in (first, second)
        worker = first if engine is first else second
        for _ in range(200):
            await worker.transfer(["main"])
            states = {copy.state for copy in (await lab.copies()).values()}
            if states == {"available"}:
                return
        raise AssertionError(states)

    await asyncio.gather(drain(first), drain(second), first.scan(lab.instrument))
    assert len(lab.delivered()) == 300
    assert 1 <= counter.most <= 4  # the factory's instruments bear four connections


async def test_in_quiet_hours_the_instrument_is_left_alone(lab: Lab) -> None:
    counter = Counter()
    engine = engine_for(lab.database, _opener(lab.source, counter))
    lab.write("a.raw", b"x")
    await lab.engine.scan(lab.instrument)
    always = {"from": "00:00", "to": "24:00", "time_zone": "UTC"}
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(quiet_hours=always))
    assert await engine.scan(lab.instrument) is None
    assert await engine.look(lab.instrument) is None
    await engine.transfer(["main"])
    assert (counter.most, lab.delivered()) == (0, {})
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(quiet_hours=None))
    await lab.harvest()
    assert len(lab.delivered()) == 1


async def test_a_paused_instrument_is_left_alone(lab: Lab) -> None:
    lab.write("a.raw", b"x")
    await lab.engine.scan(lab.instrument)
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(paused=True))
    assert await lab.engine.scan(lab.instrument) is None
    assert await lab.engine.transfer(["main"]) == 0
