"""Several copies of each file: the instrument is read once, a missing copy is filled later."""

import shutil
import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.database import Database
from app.harvest.backfill import backfill
from app.harvest.room import Room
from app.models import (
    Attempt,
    Copy,
    Instrument,
    InstrumentStorage,
    StorageLocation,
)
from app.transfers.base import Source
from app.transfers.local import LocalSource
from app.transfers.posix import SENTINEL
from app.worker.samples import error_rates
from tests.integration.engine_fixtures import Lab, engine_for
from tests.integration.factories import make_instrument, make_storage


class CountedSource(LocalSource):
    """Counts how often each file is read."""

    reads: dict[bytes, int]

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        self.reads[path] = self.reads.get(path, 0) + 1
        async for chunk in super().read(path, size_bytes):
            yield chunk


class TwoPlaces(Lab):
    """A lab with a second storage location."""

    second: uuid.UUID
    second_target: Path
    reads: dict[bytes, int]

    async def states(self) -> dict[uuid.UUID, set[str]]:
        """The states of the copies at each location."""
        async with self.database.read() as session:
            rows = await session.execute(select(Copy.storage_location_id, Copy.state))
            found: dict[uuid.UUID, set[str]] = {}
            for place, state in rows:
                found.setdefault(place, set()).add(state)
            return found

    async def all_due(self) -> None:
        """As if time had passed: nothing rests, what waits for a retry is due."""
        async with self.database.write() as session:
            await session.execute(
                update(StorageLocation).values(paused_until=None, error_code=None)
            )
            await session.execute(
                update(Copy).where(Copy.due_at.is_not(None)).values(due_at=Copy.created_at)
            )


@pytest.fixture
async def two(database: Database, tmp_path: Path) -> TwoPlaces:
    """Two POSIX locations, both required."""
    places = [tmp_path / name for name in ("instrument", "one", "two")]
    for place in places:
        place.mkdir()
    source, one, other = places
    instrument = await make_instrument(database, quiet_seconds=0.0, slug="scope")
    rows = [await make_storage(database, place, instrument) for place in (one, other)]
    reads: dict[bytes, int] = {}

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        counted = CountedSource(source)
        counted.reads = reads
        return counted

    lab = TwoPlaces(database, engine_for(database, open_source), instrument, rows[0], source, one)
    lab.second, lab.second_target, lab.reads = rows[1], other, reads
    return lab


def content_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder, StreamWeave's own left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".streamweave" not in str(path)
    }


async def test_the_instrument_is_read_once_for_both_copies(two: TwoPlaces) -> None:
    for number in range(20):
        two.write(f"run/{number}.raw", b"content %d" % number)
    await two.harvest()
    assert content_of(two.target) == content_of(two.second_target)
    assert len(content_of(two.target)) == 20
    assert set(two.reads.values()) == {1}
    async with two.database.read() as session:
        evidence = (await session.scalars(select(Attempt.evidence))).all()
    filled = [one for one in evidence if one and "filled_from" in one]
    assert len(filled) == 20
    assert all(one["read_back_sha256"] == one["received_sha256"] for one in filled)


async def test_one_location_down_the_other_is_proven_and_the_first_filled_later(
    two: TwoPlaces,
) -> None:
    two.write("a.raw", b"one")
    two.write("b.raw", b"two")
    away = two.target.with_name("away")
    two.target.rename(away)
    await two.harvest()
    await two.drain()
    assert content_of(two.second_target) == {"scope/a.raw": b"one", "scope/b.raw": b"two"}
    assert (await two.states())[two.second] == {"available"}
    shutil.rmtree(two.source)  # the instrument is gone for good
    async with two.database.write() as session:
        await session.execute(update(Instrument).values(paused=True))
    away.rename(two.target)
    await two.all_due()
    await two.drain()
    assert content_of(two.target) == content_of(two.second_target)
    assert set(two.reads.values()) == {1}


async def test_a_conflict_at_the_first_place_does_not_keep_the_second(two: TwoPlaces) -> None:
    two.write("a.raw", b"content")
    (two.target / "scope").mkdir()
    (two.target / "scope" / "a.raw").write_bytes(b"somebody else's")
    (two.second_target / "scope").mkdir()
    await two.harvest()
    places = await two.states()
    assert sorted(state for states in places.values() for state in states) == [
        "available", "conflict",
    ]  # fmt: skip
    assert (two.target / "scope" / "a.raw").read_bytes() == b"somebody else's"


async def test_a_location_that_comes_later_is_filled_from_proven_copies(
    two: TwoPlaces, tmp_path: Path
) -> None:
    two.write("a.raw", b"first")
    await two.harvest()
    two.write("a.raw", b"second", mtime_ns=1_700_000_100_000_000_000)
    two.write("b.raw", b"other")
    await two.harvest()
    third = tmp_path / "three"
    third.mkdir()
    row = await make_storage(two.database, third, two.instrument)
    async with two.database.write() as session:
        await session.execute(
            update(InstrumentStorage)
            .where(InstrumentStorage.storage_location_id == row)
            .values(backfill_pending=True)
        )
    shutil.rmtree(two.source)
    async with two.database.write() as session:
        await session.execute(update(Instrument).values(paused=True))
    while await backfill(two.database) >= 0:
        pass
    await two.drain()
    assert content_of(third) == content_of(two.target)
    assert set(content_of(third)) == {"scope/a.raw", "scope/a.v2.raw", "scope/b.raw"}
    assert sum(two.reads.values()) == 3


async def test_a_damaged_origin_is_not_copied_on(two: TwoPlaces, tmp_path: Path) -> None:
    two.write("a.raw", b"content")
    await two.harvest()
    for folder in (two.target, two.second_target):
        (folder / "scope" / "a.raw").write_bytes(b"rotten!")
    third = tmp_path / "three"
    third.mkdir()
    row = await make_storage(two.database, third, two.instrument)
    async with two.database.write() as session:
        await session.execute(
            update(InstrumentStorage)
            .where(InstrumentStorage.storage_location_id == row)
            .values(backfill_pending=True)
        )
    while await backfill(two.database) >= 0:
        pass
    await two.drain()
    assert content_of(third) == {}
    assert (await two.states())[row] <= {"retry_wait", "failed"}


async def test_a_location_without_its_sentinel_gets_nothing(two: TwoPlaces) -> None:
    (two.second_target / SENTINEL).unlink()
    two.write("a.raw", b"content")
    await two.harvest()
    assert content_of(two.target) == {"scope/a.raw": b"content"}
    assert content_of(two.second_target) == {}


async def test_what_does_not_fit_is_not_begun(two: TwoPlaces) -> None:
    async with two.database.write() as session:
        await session.execute(
            update(StorageLocation).where(StorageLocation.id == two.storage).values(quota_bytes=25)
        )
    for number in range(3):
        two.write(f"{number}.raw", b"ten bytes.")
    await two.harvest()
    assert len(content_of(two.target)) == 2
    async with two.database.read() as session:
        full = await session.get_one(StorageLocation, two.storage)
        failures = await session.scalars(select(Copy.failures))
        assert set(failures) == {0}
    assert full.error_code == "storage_full"
    await two.drain()
    assert len(content_of(two.second_target)) == 3
    async with two.database.write() as session:
        await session.execute(update(StorageLocation).values(quota_bytes=None))
    await two.all_due()
    two.engine.room = Room(two.database)  # as after some seconds
    await two.drain()
    assert len(content_of(two.target)) == 3


async def test_free_space_is_kept(two: TwoPlaces) -> None:
    async with two.database.write() as session:
        await session.execute(
            update(StorageLocation)
            .where(StorageLocation.id == two.second)
            .values(keep_free_bytes=1 << 60)
        )
    two.write("a.raw", b"content")
    await two.harvest()
    await two.drain()
    assert content_of(two.target) == {"scope/a.raw": b"content"}
    assert content_of(two.second_target) == {}


async def test_the_error_rate_of_a_place_counts_only_what_failed_by_its_doing(
    two: TwoPlaces,
) -> None:
    two.write("a.raw", b"one")
    two.write("b.raw", b"two")
    await two.harvest()
    async with two.database.write() as session:
        there = select(Copy.id).where(Copy.storage_location_id == two.second)
        one, other = (await session.scalars(there)).all()
        for copy, code in ((one, "storage_stalled"), (other, "source_unreadable")):
            await session.execute(
                update(Attempt).where(Attempt.copy_id == copy).values(error_code=code)
            )
    assert await two.database.ask(error_rates) == {two.storage: (2, 0), two.second: (2, 1)}
    async with two.database.write() as session:
        await session.execute(update(Attempt).values(ended_at=utcnow() - timedelta(hours=2)))
    assert await two.database.ask(error_rates) == {}
