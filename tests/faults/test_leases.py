"""Workers that are stopped, wake up, share, and die again and again."""

import asyncio
import hashlib
import os
import random
import uuid
from typing import Any

import pytest
from sqlalchemy import select, update

from app.harvest.engine import Engine
from app.models import Attempt, Copy, CopyState, InstrumentStorage, Outbox
from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.faults.processes import Children, go_on, has_stopped, leases_run_out
from tests.faults.wrappers import watch_storage
from tests.integration.engine_fixtures import Lab, engine_for, lab
from tests.integration.factories import make_instrument
from tests.integration.source_fixtures import eventually

__all__ = ["lab"]

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def fill(lab: Lab, count: int) -> dict[str, str]:
    """Write files; return what must arrive."""
    expected = {}
    for number in range(count):
        content = os.urandom(500 + number)
        lab.write(f"run {number % 7}/{number}.raw", content)
        expected[f"run {number % 7}/{number}.raw"] = hashlib.sha256(content).hexdigest()
    return expected


def delivered(lab: Lab) -> dict[str, str]:
    return {path.partition("/")[2]: digest for path, digest in lab.delivered().items()}


async def attempts(lab: Lab) -> dict[uuid.UUID, list[str]]:
    """The outcomes of each copy's attempts, in their order."""
    tried: dict[uuid.UUID, list[str]] = {}
    async with lab.database.read() as session:
        for row in await session.scalars(select(Attempt).order_by(Attempt.number)):
            tried.setdefault(row.copy_id, []).append(row.outcome)
    return tried


async def settle(lab: Lab) -> None:
    for _ in range(2):
        assert await lab.engine.scan(lab.instrument) is not None


def an_engine(lab: Lab, worker: str, *, lease_seconds: float = 1.0) -> Engine:
    """An engine of its own name, whose leases are short."""

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(lab.source)

    return engine_for(lab.database, open_source, lease_seconds=lease_seconds, worker=worker)


async def _no_renewal(*_: Any) -> None:
    """What a stopped process does about its lease."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("step", ["make_durable", "read_back"])
async def test_a_worker_that_wakes_up_before_publishing_writes_nothing(
    step: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fill(lab, 3)
    await settle(lab)
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def sleep(*_: Any) -> None:
        asleep.set()
        await awake.wait()

    sleeper = an_engine(lab, "sleeper")
    watch_storage(sleeper, **{step: sleep})
    monkeypatch.setattr("app.harvest.hold.BatchHold._keep", _no_renewal)
    sleeping = asyncio.create_task(sleeper.transfer(["main"]))
    await asleep.wait()
    await leases_run_out(lab)
    other = an_engine(lab, "other")

    async def all_there() -> bool:
        await other.transfer(["main"])
        return {c.state for c in (await lab.copies()).values()} == {"available"}

    await eventually(all_there)
    before = {c.id: (c.attempt, c.state_since, c.intent) for c in (await lab.copies()).values()}
    inodes = {path: path.stat().st_ino for path in lab.target.rglob("*.raw")}
    awake.set()
    await sleeping
    after = {c.id: (c.attempt, c.state_since, c.intent) for c in (await lab.copies()).values()}
    assert after == before
    assert {path: path.stat().st_ino for path in lab.target.rglob("*.raw")} == inodes
    assert delivered(lab) == expected
    assert set(map(tuple, (await attempts(lab)).values())) == {("lost", "published")}
    assert not list(lab.target.rglob("*-part"))
    async with lab.database.read() as session:
        topics = (await session.scalars(select(Outbox.topic))).all()
    events = [topic for topic in topics if topic.startswith("copy.")]
    assert events == ["copy.available"] * 3


async def test_a_worker_that_wakes_up_after_its_intent_changes_nothing_of_the_result(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may still link its own proven object; the row is the other's, and is true."""
    expected = fill(lab, 3)
    await settle(lab)
    asleep, awake = asyncio.Event(), asyncio.Event()
    sleeper = an_engine(lab, "sleeper")

    async def sleep(*_: Any) -> None:
        asleep.set()
        await awake.wait()

    watch_storage(sleeper, sync_names=sleep)
    monkeypatch.setattr("app.harvest.hold.BatchHold._keep", _no_renewal)
    sleeping = asyncio.create_task(sleeper.transfer(["main"]))
    await asleep.wait()
    await leases_run_out(lab)
    other = an_engine(lab, "other")

    async def all_there() -> bool:
        await other.transfer(["main"])
        return {c.state for c in (await lab.copies()).values()} == {"available"}

    await eventually(all_there)
    before = {c.id: (c.attempt, c.state_since) for c in (await lab.copies()).values()}
    awake.set()
    await sleeping
    after = {c.id: (c.attempt, c.state_since) for c in (await lab.copies()).values()}
    assert after == before
    assert delivered(lab) == expected
    assert set(map(tuple, (await attempts(lab)).values())) == {("resumed",)}


async def test_a_stopped_process_that_wakes_up_leaves_the_others_result(
    lab: Lab, database_url: str
) -> None:
    """The same with a real SIGSTOP, in the middle of the first file."""
    expected = fill(lab, 60)
    await settle(lab)
    with Children(lab, database_url) as children:
        stopped = children.start(scans=0, stops=True, lease_seconds=1.0)
        await has_stopped(stopped)
        await leases_run_out(lab)
        assert children.run(scans=0, worker="other") == 0
        assert delivered(lab) == expected
        before = {c.id: (c.attempt, c.intent) for c in (await lab.copies()).values()}
        go_on(stopped)
        assert children.end_of(stopped) == 0
    assert {c.id: (c.attempt, c.intent) for c in (await lab.copies()).values()} == before
    assert delivered(lab) == expected
    assert not list(lab.target.rglob("*-part"))


async def test_two_engines_share_the_work_and_double_none(lab: Lab, database_url: str) -> None:
    """Of two instruments, so that there is a connection for each of them."""
    expected = fill(lab, 150)
    second = await make_instrument(lab.database)
    async with lab.database.write() as session:
        session.add(InstrumentStorage(instrument_id=second, storage_location_id=lab.storage))
    for _ in range(2):
        for instrument in (lab.instrument, second):
            assert await lab.engine.scan(instrument) is not None
    async with lab.database.write() as session:
        # Small batches, so that there are many to share.
        await session.execute(update(Copy).values(batch_files=10))
    with Children(lab, database_url) as children:
        both = [
            children.start(scans=0, worker=name, lease_seconds=20.0, delay_seconds=0.01)
            for name in ("one", "two")
        ]
        assert [children.end_of(child) for child in both] == [0, 0]
    assert delivered(lab) == expected
    assert len(lab.delivered()) == 300
    tried = await attempts(lab)
    assert {tuple(way) for way in tried.values()} == {("published",)}
    async with lab.database.read() as session:
        workers = set(await session.scalars(select(Attempt.worker)))
        of_copies = Outbox.topic == "copy.available"
        events = (await session.scalars(select(Outbox.id).where(of_copies))).all()
    assert workers == {"one", "two"}
    assert len(events) == len(tried) == 300


async def test_a_scan_gets_its_turn_while_another_worker_transfers(lab: Lab) -> None:
    """It holds all connections of the instrument, and always has more to do."""
    fill(lab, 60)
    await settle(lab)
    async with lab.database.write() as session:
        for copy in await session.scalars(select(Copy)):
            copy.batch_files = 5
    busy, scanner = (an_engine(lab, name, lease_seconds=20.0) for name in ("busy", "scanner"))
    asleep = asyncio.Event()

    async def slowly(*_: Any) -> None:
        asleep.set()
        await asyncio.sleep(0.05)

    watch_storage(busy, make_durable=slowly)

    async def hand() -> None:
        while len(lab.delivered()) < 60:
            await busy.transfer(["main"])
            await busy.opened.keep()

    hands = [asyncio.create_task(hand()) for _ in range(2)]
    await asleep.wait()
    result = await scanner.scan(lab.instrument)
    assert result is not None
    assert result.scan.error is None
    await asyncio.gather(*hands)
    assert {tuple(way) for way in (await attempts(lab)).values()} == {("published",)}


@ON_SQLITE
async def test_a_file_that_kills_its_worker_each_time_fails_alone(
    lab: Lab, database_url: str
) -> None:
    expected = fill(lab, 11)
    lab.write("run 0/poison", b"x")
    await settle(lab)
    with Children(lab, database_url) as children:
        for _ in range(12):
            if children.run(scans=0, lease_seconds=0.5) == 0:
                break
            await leases_run_out(lab)
        else:
            pytest.fail("it kills its workers for ever")
    copies = await lab.copies()
    (poison,) = [c for path, c in copies.items() if path.endswith("poison")]
    assert (poison.state, poison.error_code) == ("failed", "lost_repeatedly")
    assert poison.losses == 3
    assert delivered(lab) == expected
    others = [c for c in copies.values() if c is not poison]
    assert {(c.state, c.failures) for c in others} == {("available", 0)}


@ON_SQLITE
async def test_engines_killed_at_any_moment_finish_all_in_the_end(
    lab: Lab, database_url: str
) -> None:
    expected = fill(lab, 250)
    moments = random.Random(612)
    with Children(lab, database_url) as children:
        for _ in range(8):
            child = children.start(lease_seconds=1.0, delay_seconds=0.002)
            child.join(0.05 + moments.random() * 0.9)
            child.kill()
            child.join()
        assert children.run(lease_seconds=2.0) == 0
    assert delivered(lab) == expected
    assert {c.state for c in (await lab.copies()).values()} == {CopyState.AVAILABLE}
    assert not list(lab.target.rglob("*-part"))
    done = [way for way in (await attempts(lab)).values()]
    assert all(way[-1] in ("published", "resumed", "adopted") for way in done)
    assert all(set(way[:-1]) <= {"lost"} for way in done)
