"""Globus as a mover, through the engine: the real client library, a service built from its API."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest import run as engine_runs
from app.harvest.run import RunSettings
from app.harvest.store.instruments import let_go
from app.models import (
    Attempt,
    Copy,
    Instrument,
    InstrumentStorage,
    MoverTask,
    Run,
    RunOutcome,
    ServiceAccount,
    User,
)
from app.services.credentials import Vault
from app.services.sources import SourceOpener
from app.services.transfers import get_transfer
from app.transfers.base import ReadsAhead, Wanted, chunks_of
from tests.integration.engine_fixtures import OLD_NS, Lab, engine_for
from tests.integration.factories import make_instrument, make_storage
from tests.integration.fake_globus import (
    CLIENT_ID,
    SECRET,
    FakeGlobus,
    Task,
    error,
    globus_service,
)

__all__ = ["globus_service"]


@dataclass
class GlobusLab(Lab):
    """A lab whose instrument is a Globus collection."""

    service: FakeGlobus
    landing: Path
    opener: SourceOpener
    settings: Settings

    async def options(self, **changed: object) -> None:
        """Change the mover's options."""
        async with self.database.write() as session:
            instrument = await session.get_one(Instrument, self.instrument)
            instrument.mover_options = {**instrument.mover_options, **changed}

    async def states(self) -> dict[str, int]:
        """How many copies are in each state."""
        found: dict[str, int] = {}
        for copy in (await self.copies()).values():
            found[copy.state] = found.get(copy.state, 0) + 1
        return found

    async def let_go(self) -> None:
        """As if the instrument's rest were over."""
        await self.database.run(lambda s: let_go(s, [self.instrument]))

    async def tasks(self) -> list[MoverTask]:
        """What is remembered of submissions."""
        async with self.database.read() as session:
            return list(await session.scalars(select(MoverTask)))

    def wanted(self) -> dict[str, bytes]:
        """What stands on the instrument."""
        return {
            str(path.relative_to(self.source)): path.read_bytes()
            for path in self.source.rglob("*")
            if path.is_file()
        }

    def arrived(self) -> dict[str, bytes]:
        """What stands at the storage, below the instrument's folder."""
        return {
            name.partition("/")[2]: (self.target / name).read_bytes() for name in self.delivered()
        }


@pytest.fixture
async def globus(
    database: Database, tmp_path: Path, globus_service: FakeGlobus
) -> AsyncIterator[GlobusLab]:
    """The lab."""
    source, target, landing = (tmp_path / n for n in ("instrument", "archive", "landing"))
    for folder in (source, target, landing):
        folder.mkdir()
    settings = Settings(data=tmp_path / "data", local_roots=str(tmp_path), io_timeout_seconds=10)
    instrument = await make_instrument(database, quiet_seconds=0.0)
    storage = await make_storage(database, target, instrument)
    account = ServiceAccount(
        id=uuid.uuid4(),
        name="globus",
        username=CLIENT_ID,
        secret_encrypted=Vault.from_settings(settings).encrypt(SECRET),
        revision=1,
        created_at=utcnow(),
        updated_at=utcnow(),
    )
    async with database.write() as session:
        session.add(account)
        await session.flush()
        row = await session.get_one(Instrument, instrument)
        row.protocol, row.root, row.service_account_id = "globus", "/", account.id
        row.mover_options = {
            "source_collection": globus_service.collection(source),
            "landing_collection": globus_service.collection(tmp_path),
            "landing_folder": "/landing",
            "landing_path": str(landing),
            "poll_seconds": 0.05,
        }
    opener = SourceOpener(database, settings, None)
    engine = engine_for(database, opener)
    yield GlobusLab(
        database,
        engine,
        instrument,
        storage,
        source,
        target,
        globus_service,
        landing,
        opener,
        settings,
    )


async def test_files_come_by_one_task_and_are_proven_by_us(globus: GlobusLab) -> None:
    for number in range(300):
        globus.write(f"run/{number:03}.dat", os.urandom(number))
    await globus.harvest()
    assert globus.arrived() == globus.wanted()
    assert await globus.states() == {"available": 300}
    assert [len(task.data["DATA"]) for task in globus.service.tasks.values()] == [300]
    async with globus.database.read() as session:
        evidence = (await session.scalars(select(Attempt.evidence).limit(1))).one()
    assert evidence is not None
    assert evidence["adapter"] == "globus"
    assert evidence["mover_notes"]["mover_checksum"] == "verified"
    assert evidence["read_back_from"] in ("device", "page_cache")
    assert evidence["received_sha256"] == evidence["read_back_sha256"]
    assert list(globus.landing.iterdir()) == []
    assert await globus.tasks() == []


async def test_of_a_thousand_files_three_fail_and_are_explained(globus: GlobusLab) -> None:
    for number in range(1000):
        globus.write(f"{number // 100}/{number:04}.dat", number.to_bytes(4, "big") * 10)
    bad = {"/1/0100.dat", "/5/0555.dat", "/9/0999.dat"}
    globus.service.unreadable = bad
    await globus.harvest()
    assert await globus.states() == {"available": 997, "failed": 3}
    assert [len(task.data["DATA"]) for task in globus.service.tasks.values()][:1] == [1000]
    failed = [c for c in (await globus.copies()).values() if c.state == "failed"]
    assert {"/" + copy.dest_path.partition("/")[2] for copy in failed} == bad
    assert {copy.error_code for copy in failed} == {"source_permission_denied"}


async def test_a_worker_that_dies_finds_its_task_again(globus: GlobusLab) -> None:
    for name in ("a", "b"):
        globus.write(name, name.encode() * 100)
    globus.service.holds.set()
    for _ in range(2):
        assert await globus.engine.scan(globus.instrument) is not None
    dying = asyncio.create_task(globus.engine.transfer(["main"]))
    async with asyncio.timeout(20):
        while not [task for task in await globus.tasks() if task.record["task_id"]]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    globus.service.holds.clear()
    reborn = engine_for(globus.database, globus.opener, worker="reborn")
    while await reborn.transfer(["main"]):
        pass
    assert await globus.states() == {"available": 2}
    assert len(globus.service.tasks) == 1


async def test_a_submission_whose_answer_was_lost_is_not_made_twice(globus: GlobusLab) -> None:
    globus.write("a", b"content")
    globus.service.fails_after_accepting = 1
    await globus.harvest()
    assert await globus.states() == {"available": 1}
    assert len(globus.service.tasks) == 1
    assert globus.service.calls.count("POST /v0.10/transfer") == 2


async def test_a_task_that_expired_is_made_anew(globus: GlobusLab) -> None:
    globus.write("a", b"content")
    await globus.options(deadline_hours=1e-9)
    with pytest.raises(StreamWeaveError) as failed:
        await _bring(globus)
    assert failed.value.code == "globus_task_failed"
    assert "deadline" in failed.value.detail
    await globus.options(deadline_hours=1)
    await globus.harvest()
    assert await globus.states() == {"available": 1}
    assert list(globus.landing.iterdir()) == []


async def test_what_a_failed_task_had_brought_is_taken(globus: GlobusLab) -> None:
    for number in range(10):
        globus.write(f"{number}", bytes([number]) * 50)
    globus.service.fatal = {"code": "CANCELED", "description": "canceled by the owner"}
    for _ in range(2):
        assert await globus.engine.scan(globus.instrument) is not None
    await globus.engine.transfer(["main"])
    assert await globus.states() == {"available": 5, "retry_wait": 5}
    globus.service.fatal = None
    await globus.drain()
    assert await globus.states() == {"available": 10}


async def test_a_paused_collection_is_told_and_the_task_goes_on_later(globus: GlobusLab) -> None:
    globus.write("a", b"content")
    globus.service.holds.set()
    paused = asyncio.create_task(_bring(globus))
    task = await _first_task(globus)
    task.is_paused = True
    with pytest.raises(StreamWeaveError) as told:
        await paused
    assert told.value.code == "globus_endpoint_paused"
    task.is_paused = False
    globus.service.holds.clear()
    await globus.harvest()
    assert await globus.states() == {"available": 1}
    assert len(globus.service.tasks) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(403, "ConsentRequired", "c", required_scopes=["s"]), "globus_consent_required"),
        (
            error(403, "X", "m", authorization_parameters={"session_message": "log on"}),
            "globus_session_expired",
        ),
        (error(429, "TooManyRequests", "slow down"), "globus_throttled"),
        (error(502, "ExternalError.GCDisconnected", "off"), "source_unreachable"),
        (error(404, "EndpointNotFound", "gone"), "source_share_missing"),
        (
            error(403, "ExternalError.DirListingFailed.PermissionDenied", "no"),
            "source_permission_denied",
        ),
        (error(409, "ClientError.EndpointPaused", "paused"), "globus_endpoint_paused"),
    ],
)
async def test_what_the_service_refuses_is_catalogued(
    globus: GlobusLab, answer: tuple[int, dict[str, object]], code: str
) -> None:
    globus.service.refused["/ls"] = answer
    with pytest.raises(StreamWeaveError) as refused:
        await globus.opener(globus.instrument, concurrency=1)  # a new secret logs on and lists
    assert refused.value.code == code


async def test_a_wrong_secret_is_tried_once(globus: GlobusLab) -> None:
    async with globus.database.write() as session:
        wrong = Vault.from_settings(globus.settings).encrypt("wrong")
        await session.execute(update(ServiceAccount).values(secret_encrypted=wrong))
    for code in ("source_logon_failed", "source_account_paused"):
        with pytest.raises(StreamWeaveError) as refused:
            await globus.opener(globus.instrument, concurrency=1)
        assert refused.value.code == code
    assert globus.service.calls.count("POST token") == 1


async def test_a_file_damaged_on_the_way_is_never_available(globus: GlobusLab) -> None:
    """Globus's checksum would find it; without it, at least a wrong length is found here."""
    globus.write("a", b"x" * 100)

    def cut(landed: Path) -> None:
        landed.write_bytes(landed.read_bytes()[:50])

    globus.service.damages = cut
    await globus.harvest()
    assert "available" not in await globus.states()
    assert globus.arrived() == {}


async def test_a_file_that_changed_comes_again_under_its_new_time(globus: GlobusLab) -> None:
    globus.write("a", b"first")
    await globus.harvest()
    globus.write("a", b"second", mtime_ns=OLD_NS + 10**10)
    await globus.harvest()
    assert sorted(globus.arrived().values()) == [b"first", b"second"]
    assert len(globus.service.tasks) == 2


async def test_links_and_odd_names(globus: GlobusLab, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not the instrument's")
    globus.write("ein süßer Name #1.dat", b"1")
    globus.write("deep/er/%20.dat", b"2")
    (globus.source / "link").symlink_to(tmp_path / "secret")
    await globus.harvest()
    assert sorted(globus.arrived()) == ["deep/er/%20.dat", "ein süßer Name #1.dat"]


async def _first_task(globus: GlobusLab) -> Task:
    async with asyncio.timeout(20):
        while not globus.service.tasks:  # noqa: ASYNC110  the service is another thread
            await asyncio.sleep(0.02)
    return next(iter(globus.service.tasks.values()))


async def _bring(globus: GlobusLab) -> bytes:
    """Bring the file `a`, as the engine would."""
    source = await globus.opener(globus.instrument, concurrency=1)
    try:
        (facts,) = await source.stat([b"a"])
        assert not isinstance(facts, StreamWeaveError)
        assert isinstance(source, ReadsAhead)
        wanted = Wanted(b"a", facts.size_bytes, mtime_ns=facts.mtime_ns)
        return b"".join([chunk async for chunk in chunks_of(source.read_many([wanted]))])
    finally:
        await source.close()


async def test_waiting_tasks_keep_no_other_instrument_waiting(
    globus: GlobusLab, tmp_path: Path
) -> None:
    """Two thousand files wait for Globus; a file of a local instrument is there meanwhile."""
    near = tmp_path / "near"
    near.mkdir()
    other = await make_instrument(globus.database, root=str(near))
    async with globus.database.write() as session:
        session.add(InstrumentStorage(instrument_id=other, storage_location_id=globus.storage))
    for number in range(20):
        globus.write(f"{number}", b"x")
    globus.service.holds.set()
    for _ in range(2):
        assert await globus.engine.scan(globus.instrument) is not None
    row = Run(kind="drain", zone="main", state="live", trigger="manual", requested_at=utcnow())
    async with globus.database.write() as session:
        session.add(row)
        await session.flush()
    run = engine_runs.Run(globus.engine, row.id, ["main"], RunSettings(heartbeat_seconds=0.2))
    draining = asyncio.create_task(engine_runs.drain(run))
    await _first_task(globus)
    (near / "mine").write_bytes(b"mine")
    os.utime(near / "mine", ns=(OLD_NS, OLD_NS))
    for _ in range(2):
        assert await globus.engine.scan(other) is not None
    async with asyncio.timeout(20):
        while await globus.states() != {"transferring": 20, "available": 1}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    globus.service.holds.clear()
    assert await asyncio.wait_for(draining, 30) == RunOutcome.COMPLETED
    assert await globus.states() == {"available": 21}


async def test_a_copy_says_why_this_mover(globus: GlobusLab) -> None:
    globus.write("a", b"content")
    await globus.harvest()
    async with globus.database.read() as session:
        copy_id = (await session.scalars(select(Copy.id))).one()
    admin = User(id=uuid.uuid4(), is_superuser=True)
    view, _ = await get_transfer(globus.database, admin, copy_id)
    assert view.why_mover == "Globus is the default for globus."
