"""Runs: when they end, and when they do not wait."""

import asyncio
import uuid

from sqlalchemy import select

from app.clock import utcnow
from app.harvest import run as engine_runs
from app.harvest.run import RunSettings
from app.models import Run, RunOutcome
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
