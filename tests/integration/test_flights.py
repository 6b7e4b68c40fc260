"""Flight checks: asked for, flown by a worker, followed; every station tells, nothing is kept."""

import shutil
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.harvest.flight import scratch_path
from app.models import Check, Copy, Instrument, SourceFile, StorageLocation, Worker, new_id
from app.services.flights import Flight, last_flight, read_flight, start_flight
from app.transfers.posix import PosixStorage
from app.worker.flights import Flights
from tests.integration.engine_fixtures import Lab, lab
from tests.integration.factories import make_storage
from tests.integration.rsync_fixtures import KINDS, RsyncServers, plain, rsync_servers
from tests.integration.source_fixtures import Supervisor

__all__ = ["lab", "plain", "rsync_servers"]
FAR_MS = 10**15
STATIONS = ["source", "file", "ready", "received", "proven", "published", "removed"]


async def _worker(lab: Lab, name: str = "tester") -> None:
    async with lab.database.write() as session:
        session.add(Worker(id=new_id(), name=name, zone="main", until_ms=FAR_MS, seen_at=utcnow()))


async def _fly(lab: Lab) -> Flight:
    await _worker(lab)
    asked = await start_flight(lab.database, lab.instrument, "user:test")
    assert (asked.state, asked.ok) == ("waiting", None)
    assert await Flights(lab.database, lab.engine.ports).fly_next(["main"])
    return await read_flight(lab.database, lab.instrument, asked.id)


def _names(flight: Flight) -> list[str]:
    return [station["station"] for station in flight.stations]


def _left(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and ".streamweave/" in str(p)]


async def test_the_smallest_complete_file_goes_the_whole_way(lab: Lab) -> None:
    lab.write("large.raw", b"x" * 1000)
    lab.write("deep/small.raw", b"small")
    lab.write("empty.raw", b"")
    lab.write("growing.raw", b"g", mtime_ns=time.time_ns() + 10**12)
    flight = await _fly(lab)
    assert (flight.state, flight.ok, _names(flight)) == ("over", True, STATIONS)
    by_name = {station["station"]: station for station in flight.stations}
    assert by_name["source"]["evidence"]["mover"] == "local"
    assert by_name["file"]["evidence"]["path"] == "deep/small.raw"
    received = by_name["received"]["evidence"]["received_sha256"]
    assert by_name["proven"]["evidence"]["read_back_sha256"] == received
    assert by_name["published"]["evidence"]["outcome"] == "published"
    assert all(station["seconds"] >= 0 for station in flight.stations)
    assert lab.delivered() == {}
    assert not (lab.target / ".streamweave" / "flight").exists() or not any(
        (lab.target / ".streamweave" / "flight").iterdir()
    )
    async with lab.database.read() as session:
        for model in (Copy, SourceFile):
            assert await session.scalar(select(func.count()).select_from(model)) == 0


async def test_each_destination_has_its_stations_and_its_own_trouble(
    lab: Lab, tmp_path: Path
) -> None:
    lab.write("a.raw", b"content")
    other = tmp_path / "other"
    other.mkdir()
    await make_storage(lab.database, other, lab.instrument)
    shutil.rmtree(lab.target / ".streamweave")
    flight = await _fly(lab)
    assert flight.ok is False
    places: dict[str, list[tuple[str, str | None]]] = {}
    for station in flight.stations[2:]:
        places.setdefault(station["storage_name"], []).append(
            (station["station"], station.get("code"))
        )
    assert sorted(places.values(), key=len) == [
        [("ready", "storage_unreachable")],
        [(name, None) for name in STATIONS[2:]],
    ]
    (broken,) = [station for station in flight.stations if not station["ok"]]
    assert broken["remedy"]


async def test_an_instrument_without_a_complete_file_says_so(lab: Lab) -> None:
    lab.write("empty.raw", b"")
    flight = await _fly(lab)
    assert _names(flight) == ["source", "file"]
    assert flight.stations[-1]["code"] == "flight_no_file"


async def test_a_source_that_is_away_says_so(lab: Lab) -> None:
    shutil.rmtree(lab.source)
    flight = await _fly(lab)
    assert (_names(flight), flight.stations[0]["code"]) == (["source"], "source_folder_missing")


async def test_a_flight_under_way_is_joined_and_one_whose_worker_died_is_not(lab: Lab) -> None:
    await _worker(lab)
    first = await start_flight(lab.database, lab.instrument, "user:test")
    assert (await start_flight(lab.database, lab.instrument, "user:test")).id == first.id
    async with lab.database.write() as session:
        await session.execute(update(Check).values(claimed_by="died"))
    assert (await read_flight(lab.database, lab.instrument, first.id)).state == "lost"
    # It had published its scratch object.
    scratch = lab.target / scratch_path(first.id).decode()
    scratch.parent.mkdir(parents=True)
    scratch.write_bytes(b"left behind")
    lab.write("a.raw", b"content")
    second = await start_flight(lab.database, lab.instrument, "user:test")
    assert second.id != first.id
    assert await Flights(lab.database, lab.engine.ports).fly_next(["main"])
    assert not scratch.exists()
    last = await last_flight(lab.database, lab.instrument)
    assert last is not None
    assert (last.id, last.ok) == (second.id, True)


async def test_nobody_serves_the_zone(lab: Lab) -> None:
    with pytest.raises(StreamWeaveError) as refused:
        await start_flight(lab.database, lab.instrument, "user:test")
    assert refused.value.code == "zone_not_served"
    with pytest.raises(StreamWeaveError) as unknown:
        await read_flight(lab.database, lab.instrument, uuid.uuid4())
    assert unknown.value.code == "not_found"


async def test_an_instrument_without_storage_says_so(lab: Lab) -> None:
    lab.write("a.raw", b"content")
    async with lab.database.write() as session:
        row = await session.get_one(StorageLocation, lab.storage)
        row.state = "retired"
        (await session.get_one(Instrument, lab.instrument)).quiet_seconds = 0
    flight = await _fly(lab)
    assert flight.stations[-1]["code"] == "storage_not_configured"


async def test_what_could_not_be_removed_is_removed_by_the_next_flight(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("a.raw", b"content")

    async def refused(_self: PosixStorage, path: bytes) -> None:
        raise StreamWeaveError("storage_permission_denied")

    with monkeypatch.context() as patched:
        patched.setattr(PosixStorage, "remove", refused)
        flight = await _fly(lab)
    assert (flight.ok, _names(flight)) == (False, STATIONS)
    assert flight.stations[-1]["code"] == "storage_permission_denied"
    scratch = lab.target / scratch_path(flight.id).decode()
    assert scratch.exists()
    await start_flight(lab.database, lab.instrument, "user:test")
    assert await Flights(lab.database, lab.engine.ports).fly_next(["main"])
    assert not scratch.exists()


async def test_a_strange_error_ends_a_flight_and_no_worker(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strange(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.worker.flights.smallest", strange)
    flight = await _fly(lab)
    assert (flight.state, flight.ok) == ("over", False)
    assert flight.stations[-1]["code"] == "internal_error"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flight_by_rsync_goes_the_whole_way(
    kind: str, rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    reach = rsync_servers.reach(kind)
    lab = await plain.lab(reach)
    lab.write("run 1/-n [a].raw", b"content")
    flight = await _fly(lab)
    assert (flight.ok, _names(flight)) == (True, STATIONS)
    by_name = {station["station"]: station for station in flight.stations}
    assert by_name["source"]["evidence"]["mover"] == "rsync"
    assert by_name["received"]["evidence"]["protocol"] == reach.protocol
    assert lab.delivered() == {}
    assert list((plain.settings.data / "landing").iterdir()) == []
