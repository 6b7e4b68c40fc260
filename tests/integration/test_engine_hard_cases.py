"""Rare orders of events, each of which once lost a file, stopped an instrument, or never ended."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.clock import utcnow
from app.config import get_settings
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.batch import BatchWork
from app.models import (
    Attempt,
    Copy,
    Instrument,
    Outbox,
    Run,
    ScanState,
    SourceFile,
    StorageLocation,
    Version,
    Worker,
)
from app.services.reconciler import Reconciler
from app.transfers.posix_batch import PosixBatch
from tests.integration.engine_fixtures import OLD_NS, Lab, lab
from tests.integration.factories import make_storage

__all__ = ["lab"]


async def _scan_twice(lab: Lab) -> None:
    for _ in range(2):
        result = await lab.engine.scan(lab.instrument)
        assert result is not None
        assert result.scan.error is None


async def _make_due(database: Database) -> None:
    """As if every wait were over."""
    async with database.write() as session:
        await session.execute(
            update(Copy).where(Copy.state.in_(["retry_wait", "queued"])).values(due_at=utcnow())
        )
        await session.execute(
            update(Copy).where(Copy.state == "publishing").values(lease_until_ms=0)
        )


async def _die_in_publishing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kill before `available` is committed, as far as the engine can tell."""

    async def die(self: BatchWork, proofs: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(BatchWork, "_commit_available", die)
        with pytest.raises(asyncio.CancelledError):
            await lab.engine.transfer(["main"])


async def test_a_file_touched_while_its_publishing_fails_is_delivered(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.write("a.raw", b"precious")
    await _scan_twice(lab)
    with monkeypatch.context() as patch:

        async def fail(self: PosixBatch, target: Any) -> None:
            raise StreamWeaveError("storage_error", "input/output error")

        patch.setattr(PosixBatch, "publish", fail)
        await lab.engine.transfer(["main"])
    os.utime(path, ns=(OLD_NS + 10**9, OLD_NS + 10**9))
    for _ in range(3):
        await _scan_twice(lab)
        await _make_due(lab.database)
        await lab.drain()
    assert len(lab.delivered()) == 1
    assert {copy.state for copy in (await lab.copies()).values()} == {"available"}


async def test_a_file_touched_while_its_dead_worker_was_publishing_gets_no_second_version(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.write("a.raw", b"precious")
    await _scan_twice(lab)
    await _die_in_publishing(lab, monkeypatch)
    os.utime(path, ns=(OLD_NS + 10**9, OLD_NS + 10**9))
    await _scan_twice(lab)
    await lab.drain()  # the lease of the dead one has not run out
    for _ in range(3):
        await _make_due(lab.database)
        await lab.drain()
        await _scan_twice(lab)
    async with lab.database.read() as session:
        versions = (await session.scalars(select(Version))).all()
    assert [(version.number, version.seen_mtime_ns) for version in versions] == [
        (1, OLD_NS + 10**9)
    ]
    assert [copy.state for copy in (await lab.copies()).values()] == ["available"]
    assert len(lab.delivered()) == 1


async def test_a_linked_file_is_found_though_storage_and_source_were_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lab.write("a.raw", b"precious")
    await _scan_twice(lab)
    await _die_in_publishing(lab, monkeypatch)
    assert [name for name in lab.delivered() if name.endswith("/a.raw")]
    await _make_due(lab.database)
    away = lab.target.with_name("away")
    lab.target.rename(away)
    lab.target.mkdir()  # an empty mount point
    await lab.engine.transfer(["main"])
    assert {copy.state for copy in (await lab.copies()).values()} == {"publishing"}
    lab.target.rmdir()
    away.rename(lab.target)
    path.unlink()
    await _make_due(lab.database)
    (location,) = {copy.storage_location_id for copy in (await lab.copies()).values()}
    await lab.database.run(lambda s: _let_go(s, location))
    await lab.drain()
    assert {copy.state for copy in (await lab.copies()).values()} == {"available"}


async def _let_go(session: Any, location: Any) -> None:
    from app.harvest.store.instruments import let_storage_go

    await let_storage_go(session, location)


async def test_other_content_at_equal_size_and_time_is_version_two(
    lab: Lab, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    await make_storage(lab.database, second, lab.instrument)
    lab.write("a.raw", b"content-1")
    await _scan_twice(lab)
    assert await lab.engine.transfer(["main"]) == 1
    lab.write("a.raw", b"content-2")
    # The proven copy is away, so that the second one comes from the source.
    async with lab.database.write() as session:
        await session.execute(
            update(StorageLocation)
            .where(StorageLocation.id == lab.storage)
            .values(paused_until=utcnow() + timedelta(hours=1))
        )
    for _ in range(4):
        await lab.drain()
        await _scan_twice(lab)
    async with lab.database.read() as session:
        numbers = list(await session.scalars(select(Version.number).order_by(Version.number)))
        attempts = await session.scalar(select(func.count()).select_from(Attempt))
    assert numbers == [1, 2]
    assert attempts is not None
    assert attempts < 10  # it is not read for ever


async def test_a_copy_is_filled_from_an_adopted_one_with_another_time(
    lab: Lab, tmp_path: Path
) -> None:
    async with lab.database.read() as session:
        slug = (await session.scalars(select(Instrument.slug))).one()
    (lab.target / slug).mkdir()
    (lab.target / slug / "a.raw").write_bytes(b"old archive")
    second = tmp_path / "second"
    second.mkdir()
    location = await make_storage(lab.database, second, lab.instrument)
    lab.write("a.raw", b"old archive")
    await _scan_twice(lab)
    shutil.move(second / ".streamweave", tmp_path / "hidden")
    await lab.drain()
    lab.write("a.raw", b"new content", OLD_NS + 10**9)
    await _scan_twice(lab)
    shutil.move(tmp_path / "hidden", second / ".streamweave")
    await lab.database.run(lambda s: _let_go(s, location))
    for _ in range(3):
        await _make_due(lab.database)
        await lab.drain()
        await _scan_twice(lab)
    assert {copy.state for copy in (await lab.copies()).values()} == {"available"}
    assert (second / slug / "a.raw").read_bytes() == b"old archive"


async def _places(lab: Lab, folder: Path) -> tuple[Path, Path]:
    """A second storage location; returns where a.raw goes at the first and at the second."""
    folder.mkdir()
    await make_storage(lab.database, folder, lab.instrument)
    async with lab.database.read() as session:
        slug = (await session.scalars(select(Instrument.slug))).one()
    return lab.target / slug / "a.raw", folder / slug / "a.raw"


async def test_a_file_touched_between_its_two_copies_gets_both(lab: Lab, tmp_path: Path) -> None:
    """The second copy must expect the time that the source has now."""
    places = await _places(lab, tmp_path / "second")
    path = lab.write("a.raw", b"precious")
    await _scan_twice(lab)
    await lab.engine.transfer(["main"])
    os.utime(path, ns=(OLD_NS + 10**9, OLD_NS + 10**9))
    for _ in range(3):
        await _scan_twice(lab)
        await lab.drain()
    assert [place.read_bytes() for place in places] == [b"precious", b"precious"]
    async with lab.database.read() as session:
        assert set(await session.scalars(select(Copy.state))) == {"available"}
        assert (await session.scalars(select(Version.number))).all() == [1]


async def test_a_version_is_not_taken_back_for_one_with_a_copy_given_up(
    lab: Lab, tmp_path: Path
) -> None:
    """Its worker died while it was published; until somebody looked, nothing was proven."""
    await _places(lab, tmp_path / "second")
    path = lab.write("a.raw", b"precious")
    await _scan_twice(lab)
    await lab.engine.transfer(["main"])
    async with lab.database.write() as session:
        await session.execute(
            update(Copy).where(Copy.state == "available").values(state="publishing")
        )
    os.utime(path, ns=(OLD_NS + 10**9, OLD_NS + 10**9))
    await _scan_twice(lab)
    await lab.drain()
    async with lab.database.read() as session:
        newest = await session.scalars(
            select(Copy.state)
            .join(Version, Version.id == Copy.version_id)
            .join(SourceFile, SourceFile.id == Copy.source_file_id)
            .where(Version.number == SourceFile.latest_version)
        )
        assert newest.all() == ["available", "available"]


async def test_a_file_with_an_impossible_time_is_refused_alone(lab: Lab) -> None:
    lab.write("good.raw", b"good")
    lab.write("bad.raw", b"bad", 330 * 31_556_952 * 10**9)  # the year 2300
    await lab.harvest()
    assert len(lab.delivered()) == 1
    assert (await lab.files())["bad.raw"].reason_code == "source_time_invalid"


async def test_files_left_out_by_a_start_time_come_when_it_is_cleared(lab: Lab) -> None:
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(start_from=utcnow()))
    lab.write("a.raw", b"x")
    await lab.harvest()
    assert (await lab.files())["a.raw"].state == "skipped"
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(start_from=None, rules_generation=2))
    await lab.harvest()
    assert len(lab.delivered()) == 1


async def test_without_the_journal_nothing_is_planned(lab: Lab) -> None:
    lab.write("a.raw", b"x")
    hidden = lab.target.with_name("hidden")
    (lab.target / ".streamweave").rename(hidden)
    await lab.engine.scan(lab.instrument)
    await lab.engine.scan(lab.instrument)
    file = (await lab.files())["a.raw"]
    assert (file.state, file.reason_code, file.ark) == ("held", "storage_unreachable", None)
    hidden.rename(lab.target / ".streamweave")
    async with lab.database.write() as session:
        await session.execute(update(type(file)).values(next_try_at=None))
    await lab.harvest()
    assert len(lab.delivered()) == 1


async def _serve_zone(lab: Lab) -> Reconciler:
    async with lab.database.write() as session:
        session.add(Worker(name="w", zone="main", until_ms=1 << 60, seen_at=utcnow()))
    return Reconciler(lab.database, get_settings())


async def test_a_request_in_quiet_hours_starts_no_run(lab: Lab) -> None:
    reconciler = await _serve_zone(lab)
    async with lab.database.write() as session:
        always = {"from": "00:00", "to": "24:00", "time_zone": "UTC"}
        await session.execute(update(Instrument).values(quiet_hours=always))
        await session.execute(update(ScanState).values(rescan_requested_at=utcnow()))
    await lab.database.run(reconciler._make_missing_runs)
    async with lab.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Run)) == 0
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(quiet_hours=None))
    await lab.database.run(reconciler._make_missing_runs)
    async with lab.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Run)) == 1
    await reconciler.close()


@pytest.mark.parametrize(
    ("state", "minutes", "overdue"),
    [
        ("RUNNING", 5, True),
        ("PENDING", 5, True),
        ("RUNNING", 0, False),
        ("SCHEDULED", 5, False),
        ("CRASHED", 0, True),
        (None, 0, True),
    ],
)
async def test_a_flow_run_that_never_took_its_run_is_replaced(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str | None, minutes: int, overdue: bool
) -> None:
    reconciler = Reconciler(lab.database, get_settings())

    async def flow_run_state(flow_run_id: str) -> str | None:
        return state

    async def set_state(flow_run_id: str, kind: str, message: str) -> None:
        assert kind == "CRASHED"

    monkeypatch.setattr(reconciler._prefect, "flow_run_state", flow_run_state)
    monkeypatch.setattr(reconciler._prefect, "set_state", set_state)
    run = Run(flow_run_id="x", flow_run_at=utcnow() - timedelta(minutes=minutes))
    assert await reconciler._is_overdue(run) is overdue
    await reconciler.close()


async def test_a_day_counts_each_file_once_however_many_versions_it_gets(lab: Lab) -> None:
    async def told() -> int:
        async with lab.database.read() as session:
            rows = await session.scalars(select(Outbox).where(Outbox.topic == "files.planned"))
            return sum(int(row.payload["count"]) for row in rows)

    async def of_yesterday() -> None:
        async with lab.database.write() as session:
            await session.execute(update(Version).values(created_at=utcnow() - timedelta(days=1)))

    lab.write("a.raw", b"one")
    await lab.harvest()
    lab.write("a.raw", b"another content")
    await lab.harvest()
    assert await told() == 1
    await of_yesterday()
    os.utime(lab.source / "a.raw", ns=(1, 1_700_000_000_000_000_000))
    await lab.harvest()  # the same content: its version was counted, and taken back
    assert await told() == 1
    lab.write("a.raw", b"a third content of another size")
    await lab.harvest()
    assert await told() == 2
