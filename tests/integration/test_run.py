"""Runs: when they end, and when they do not wait."""

import asyncio
import uuid
from datetime import timedelta

from sqlalchemy import select, update

from app.clock import utcnow
from app.config import get_settings
from app.harvest import run as engine_runs
from app.harvest.run import RunSettings
from app.models import Copy, Run, RunOutcome, Schedule, Worker
from app.services.reconciler import Reconciler
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]


async def _run(lab: Lab) -> engine_runs.Run:
    row = Run(
        kind="harvest", zone="main", instrument_id=lab.instrument, state="live",
        trigger="manual", requested_at=utcnow(),
    )  # fmt: skip
    async with lab.database.write() as session:
        session.add(row)
        await session.flush()
        run_id = row.id
    return engine_runs.Run(lab.engine, run_id, ["main"], RunSettings(heartbeat_seconds=0.2))


async def _row(lab: Lab, run_id: uuid.UUID) -> Run:
    async with lab.database.read() as session:
        return (await session.scalars(select(Run).where(Run.id == run_id))).one()


async def test_a_harvest_run_ends_when_its_copies_are_available(lab: Lab) -> None:
    for number in range(20):
        lab.write(f"{number}.raw", b"x")
    run = await _run(lab)
    assert await engine_runs.harvest(run, lab.instrument) is RunOutcome.COMPLETED
    assert len(lab.delivered()) == 20
    row = await _row(lab, run.id)
    assert (row.state, row.outcome, row.counters["new_files"]) == ("ended", "completed", 20)


async def test_a_harvest_run_does_not_wait_for_a_storage_that_is_away(lab: Lab) -> None:
    lab.write("a.raw", b"x")
    (lab.target / ".streamweave").rename(lab.target / "away")
    run = await _run(lab)
    async with asyncio.timeout(30):
        assert await engine_runs.harvest(run, lab.instrument) is RunOutcome.COMPLETED
    file = (await lab.files())["a.raw"]
    assert (file.state, file.reason_code) == ("held", "storage_unreachable")


async def test_a_run_that_another_process_holds_is_left_to_it(lab: Lab) -> None:
    run = await _run(lab)
    other = engine_runs.Run(lab.engine, run.id, ["main"], RunSettings())
    async with run.alive() as mine:
        assert mine
        async with other.alive() as also:
            assert not also


async def test_a_cancelled_run_stops_and_says_so(lab: Lab) -> None:
    lab.write("a.raw", b"x")
    run = await _run(lab)
    async with lab.database.write() as session:
        row = (await session.scalars(select(Run).where(Run.id == run.id))).one()
        row.cancel_requested = True
    outcome = await engine_runs.harvest(run, lab.instrument)
    row = await _row(lab, run.id)
    assert (outcome, row.outcome) in {
        (RunOutcome.CANCELLED, "cancelled"),
        (RunOutcome.COMPLETED, "completed"),  # it was done before it heard
    }
    assert row.state == "ended"


async def _serve_zone(lab: Lab) -> Reconciler:
    async with lab.database.write() as session:
        session.add(Worker(name="w", zone="main", until_ms=1 << 60, seen_at=utcnow()))
    return Reconciler(lab.database, get_settings())


async def _live(lab: Lab) -> list[Run]:
    async with lab.database.read() as session:
        return list(await session.scalars(select(Run).where(Run.state == "live")))


async def test_what_is_due_without_a_live_run_gets_a_drain_run_that_ends_by_itself(
    lab: Lab,
) -> None:
    for number in range(5):
        lab.write(f"{number}.raw", b"x")
    for _ in range(2):
        await lab.engine.scan(lab.instrument)
    reconciler = await _serve_zone(lab)
    await lab.database.run(reconciler._make_missing_runs)
    assert await _live(lab) == []  # it is due since a moment only
    async with lab.database.write() as session:
        await session.execute(update(Copy).values(due_at=utcnow() - timedelta(minutes=5)))
    await lab.database.run(reconciler._make_missing_runs)
    await lab.database.run(reconciler._make_missing_runs)
    (row,) = await _live(lab)
    assert (row.kind, row.zone) == ("drain", "main")
    run = engine_runs.Run(lab.engine, row.id, ["main"], RunSettings(heartbeat_seconds=0.2))
    assert await engine_runs.drain(run) is RunOutcome.COMPLETED
    assert len(lab.delivered()) == 5
    await reconciler.close()


async def test_a_run_without_heartbeat_is_lost_and_its_harvest_is_asked_for_again(
    lab: Lab,
) -> None:
    run = await _run(lab)
    async with lab.database.write() as session:
        await session.execute(
            update(Run).where(Run.id == run.id).values(lease_owner="dead/1", lease_until_ms=1)
        )
    reconciler = await _serve_zone(lab)
    await lab.database.run(reconciler._end_lost_runs)
    assert (await _row(lab, run.id)).outcome == "lost"
    await lab.database.run(reconciler._make_missing_runs)
    (again,) = await _live(lab)
    assert (again.kind, again.instrument_id) == ("harvest", lab.instrument)
    await reconciler.close()


async def test_a_watched_zone_has_one_watch_run(lab: Lab) -> None:
    reconciler = await _serve_zone(lab)
    async with lab.database.write() as session:
        session.add(
            Schedule(
                instrument_id=lab.instrument,
                kind="watch",
                created_at=utcnow(),
                updated_at=utcnow(),
            )
        )
    for _ in range(3):
        await lab.database.run(reconciler._make_missing_runs)
    assert [run.kind for run in await _live(lab)] == ["watch"]
    await reconciler.close()
