"""The sweep removes what nobody works on, and spares what somebody does."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.clock import utcnow
from app.harvest.run import Run as EngineRun
from app.harvest.run import RunSettings, drain
from app.harvest.sweep import sweep
from app.models import Run, StorageLocation
from tests.faults.processes import Children, leases_run_out
from tests.faults.wrappers import watch_storage
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def swept(lab: Lab) -> int:
    async with lab.database.read() as session:
        location = await session.get(StorageLocation, lab.storage)
    assert location is not None
    return await sweep(lab.database, await lab.engine.storage(location))


def temporaries(lab: Lab) -> list[Path]:
    return list(lab.target.rglob("*-part"))


async def test_a_sweep_beside_the_work_takes_nothing_from_it(lab: Lab) -> None:
    removed, standing = [], []
    for number in range(5):
        lab.write(f"{number}.raw", b"x" * number)

    async def sweep_now(*_: Any) -> None:
        standing.append(len(temporaries(lab)))
        removed.append(await swept(lab))

    watch_storage(lab.engine, make_durable=sweep_now)
    await lab.harvest()
    assert (standing, removed) == ([5], [0])
    assert {copy.attempt for copy in (await lab.copies()).values()} == {1}
    assert {copy.state for copy in (await lab.copies()).values()} == {"available"}


async def test_a_sweep_spares_what_an_intent_speaks_of_and_takes_the_rest(
    lab: Lab, database_url: str
) -> None:
    for number in range(4):
        lab.write(f"{number}.raw", b"x" * number)
    with Children(lab, database_url) as children:
        assert children.run(crash_at="after_receive", lease_seconds=0.5) == -9
        await leases_run_out(lab)
        assert (len(temporaries(lab)), await swept(lab)) == (4, 4)
        assert children.run(crash_at="after_intent", lease_seconds=0.5) == -9
        await leases_run_out(lab)
        # What was lost together is tried in halves.
        assert (len(temporaries(lab)), await swept(lab)) == (2, 0)
        assert children.run(scans=0) == 0
    outcomes = sorted(str((c.intent or {})["outcome"]) for c in (await lab.copies()).values())
    assert outcomes == ["published", "published", "resumed", "resumed"]
    assert temporaries(lab) == []


async def test_a_full_location_that_rests_is_swept_when_a_run_starts(lab: Lab) -> None:
    """It may be full of what dead workers left: nobody else would ever free it."""
    orphan = lab.target / f".streamweave-01234567-{'0' * 32}-1-part"
    orphan.write_bytes(b"in the way")
    async with lab.database.write() as session:
        location = await session.get(StorageLocation, lab.storage)
        assert location is not None
        location.swept_at = utcnow()
        location.paused_until = utcnow() + timedelta(hours=1)
        location.error_code = "storage_full"
        row = Run(kind="drain", zone="main", state="live", trigger="drain", requested_at=utcnow())
        session.add(row)
        await session.flush()
        run_id = row.id
    await drain(EngineRun(lab.engine, run_id, ["main"], RunSettings()))
    assert not orphan.exists()
