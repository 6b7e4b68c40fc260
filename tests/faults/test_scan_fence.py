"""A scanner that was stopped and wakes up writes nothing over what another one saw."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import update

from app.models import ScanState, Slot
from app.transfers.base import Entry, Source
from app.transfers.local import LocalSource
from tests.integration.engine_fixtures import Lab, engine_for, lab

__all__ = ["lab"]


class SleepingSource(LocalSource):
    """Falls asleep with the listing in its hands."""

    asleep: asyncio.Event
    awake: asyncio.Event

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        found = await super().list_directory(directory)
        self.asleep.set()
        await self.awake.wait()
        return found


async def _no_renewal(*_: object) -> None:
    await asyncio.Event().wait()


async def test_a_scanner_that_wakes_up_writes_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("a.raw", b"old")
    source = SleepingSource(lab.source)
    source.asleep, source.awake = asyncio.Event(), asyncio.Event()

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return source

    sleeper = engine_for(lab.database, open_source, worker="sleeper", lease_seconds=0.5)
    monkeypatch.setattr("app.harvest.scanner.Scanner._keep_scan", _no_renewal)
    sleeping = asyncio.create_task(sleeper.scan(lab.instrument))
    await source.asleep.wait()
    async with lab.database.write() as session:  # time passes
        await session.execute(update(ScanState).values(lease_until_ms=0))
        await session.execute(update(Slot).values(until_ms=0))
    lab.write("a.raw", b"new content", mtime_ns=1_800_000_000_000_000_000)
    await lab.harvest()
    before = (await lab.files())["a.raw"]
    source.awake.set()
    woken = await sleeping
    assert woken is not None
    assert woken.scan.error is not None
    assert woken.scan.error.code == "lease_lost"
    after = (await lab.files())["a.raw"]
    assert (after.listed_size_bytes, after.state) == (before.listed_size_bytes, before.state)
    assert (after.listed_size_bytes, after.state) == (11, "planned")
    assert {copy.state for copy in (await lab.copies()).values()} == {"available"}
