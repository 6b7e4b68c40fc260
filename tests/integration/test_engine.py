"""The way of a file, from a folder to proven copies, on both databases."""

import hashlib
import os
import uuid
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, func, select, update

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.harvest.explain import explain
from app.harvest.journal import read_journals
from app.harvest.opened import OpenInstruments
from app.harvest.store import instruments
from app.models import (
    Attempt,
    AuditEvent,
    Copy,
    Directory,
    Identifier,
    Instrument,
    InstrumentStorage,
    Outbox,
    ScanState,
    SourceFile,
    StorageLocation,
    Version,
)
from app.services.identifiers.ark import is_check_valid
from app.transfers.base import Source
from tests.integration.engine_fixtures import OLD_NS, Lab, lab
from tests.integration.factories import make_storage

__all__ = ["lab"]


async def _no_prefix(lab: Lab) -> None:
    async with lab.database.write() as session:
        await session.execute(update(InstrumentStorage).values(prefix=""))


async def _quiet(lab: Lab, seconds: float) -> None:
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(quiet_seconds=seconds))


async def test_every_file_arrives_whole_proven_and_identified(lab: Lab) -> None:
    await _no_prefix(lab)
    contents = {
        "a.raw": b"x" * 100_000,
        "empty.txt": b"",
        "run 1/fid": os.urandom(3_000_000),
        "run 1/ü ä#%+&'.txt": b"nfc",
        "run 1/u\u0308.txt": b"nfd",
    }
    for name, content in contents.items():
        lab.write(name, content)
    await lab.harvest()
    expected = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert lab.delivered() == expected
    copies = await lab.copies()
    assert {copy.state for copy in copies.values()} == {"available"}
    for path, copy in copies.items():
        assert copy.intent is not None
        assert copy.intent["received_sha256"] == copy.intent["read_back_sha256"] == expected[path]
        assert copy.intent["outcome"] == "published"
    files = await lab.files()
    assert len({file.ark for file in files.values()}) == len(contents)
    assert all(is_check_valid(str(file.ark).removeprefix("ark:")) for file in files.values())
    async with lab.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Identifier)) == 5
        assert await session.scalar(select(func.count()).select_from(Attempt)) == 5
        told = list(await session.scalars(select(Outbox.topic).order_by(Outbox.id)))
        roots = await session.scalar(
            select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "copies.proven")
        )
    assert roots == 1
    assert told.count("copy.available") == 5
    assert {"files.seen", "files.planned", "copies.claimed", "scan.finished"} < set(told)
    assert len(told) < 5 + 10, "one row a batch, not one a file"


async def test_a_second_harvest_of_an_unchanged_source_writes_nothing(lab: Lab) -> None:
    lab.write("a.raw", b"1")
    await lab.harvest()
    before = await lab.copies()
    result = await lab.engine.scan(lab.instrument)
    assert result is not None
    assert (result.scan.unchanged_directories, result.look.looked) == (1, 0)
    assert await lab.engine.transfer(["main"]) == 0
    assert {p: c.state_since for p, c in (await lab.copies()).items()} == {
        p: c.state_since for p, c in before.items()
    }


async def test_changed_content_becomes_version_two_beside_version_one(lab: Lab) -> None:
    await _no_prefix(lab)
    lab.write("a.raw", b"one")
    await lab.harvest()
    lab.write("a.raw", b"two!", OLD_NS + 10**9)
    await lab.harvest()
    assert lab.delivered() == {
        "a.raw": hashlib.sha256(b"one").hexdigest(),
        "a.v2.raw": hashlib.sha256(b"two!").hexdigest(),
    }


async def test_a_new_time_with_the_same_content_is_no_version(lab: Lab) -> None:
    await _no_prefix(lab)
    lab.write("a.raw", b"one")
    await lab.harvest()
    lab.write("a.raw", b"one", OLD_NS + 10**9)
    await lab.harvest()
    await lab.harvest()
    assert list(lab.delivered()) == ["a.raw"]
    async with lab.database.read() as session:
        versions = (await session.scalars(select(Version))).all()
    assert [(v.number, v.seen_mtime_ns) for v in versions] == [(1, OLD_NS + 10**9)]


async def test_the_same_content_that_stands_there_is_adopted(lab: Lab) -> None:
    await _no_prefix(lab)
    lab.write("a.raw", b"one")
    (lab.target / "a.raw").write_bytes(b"one")
    inode = (lab.target / "a.raw").stat().st_ino
    await lab.harvest()
    copy = (await lab.copies())["a.raw"]
    assert (copy.state, copy.intent and copy.intent["outcome"]) == ("available", "adopted")
    assert (lab.target / "a.raw").stat().st_ino == inode


async def test_other_content_that_stands_there_is_a_conflict_and_stays(lab: Lab) -> None:
    await _no_prefix(lab)
    lab.write("a.raw", b"one")
    lab.write("b.raw", b"two")
    (lab.target / "a.raw").write_bytes(b"ONE")
    await lab.harvest()
    copies = await lab.copies()
    assert (copies["a.raw"].state, copies["a.raw"].error_code) == (
        "conflict",
        "destination_conflict",
    )
    assert copies["b.raw"].state == "available"
    assert (lab.target / "a.raw").read_bytes() == b"ONE"
    assert not list(lab.target.glob(".streamweave-*"))


async def test_names_that_are_one_name_there_are_found_before_the_copy(lab: Lab) -> None:
    await _no_prefix(lab)
    async with lab.database.write() as session:
        await session.execute(update(StorageLocation).values(case_insensitive=True))
    lab.write("up.txt", b"lower")
    lab.write("UP.txt", b"upper")
    await lab.harvest()
    states = sorted(copy.state for copy in (await lab.copies()).values())
    assert states == ["available", "conflict"]


async def test_an_emptied_source_marks_nothing_as_gone(lab: Lab) -> None:
    for number in range(6):
        lab.write(f"{number}.raw", b"x")
    await lab.harvest()
    for path in lab.source.iterdir():
        path.unlink()
    result = await lab.engine.scan(lab.instrument)
    assert result is not None
    assert result.scan.suspicions
    assert all(file.absent_since is None for file in (await lab.files()).values())


async def test_one_deleted_file_is_seen_as_absent_and_stays_available(lab: Lab) -> None:
    for number in range(6):
        lab.write(f"{number}.raw", b"x")
    await lab.harvest()
    (lab.source / "3.raw").unlink()
    await lab.engine.scan(lab.instrument)
    files = await lab.files()
    assert [path for path, file in files.items() if file.absent_since] == ["3.raw"]
    assert {copy.state for copy in (await lab.copies()).values()} == {"available"}


async def test_a_name_that_comes_back_is_a_new_file_by_policy(lab: Lab) -> None:
    await _no_prefix(lab)
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(incarnation_policy="new_file"))
    for number in range(6):
        lab.write(f"{number}.raw", b"x")
    await lab.harvest()
    (lab.source / "3.raw").unlink()
    await lab.engine.scan(lab.instrument)
    lab.write("3.raw", b"another sample", OLD_NS + 10**9)
    await lab.harvest()
    assert (lab.target / "3.i2.v1.raw").read_bytes() == b"another sample"
    async with lab.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Identifier)) == 7


async def test_an_undecodable_name_is_carried_byte_for_byte(lab: Lab) -> None:
    await _no_prefix(lab)
    lab.write(b"bad\xff.raw", b"x")
    await lab.harvest()
    assert os.listdir(os.fsencode(lab.target)).count(b"bad\xff.raw") == 1


async def test_a_reserved_name_is_refused_alone(lab: Lab) -> None:
    lab.write(".streamweave-x.part", b"x")
    lab.write("ok.raw", b"x")
    await lab.harvest()
    files = await lab.files()
    assert files[".streamweave-x.part"].reason_code == "source_name_reserved"
    assert [copy.state for copy in (await lab.copies()).values()] == ["available"]


async def test_after_an_older_backup_every_ark_stays_and_nothing_is_doubled(lab: Lab) -> None:
    await _no_prefix(lab)
    lab.write("a.raw", b"one")
    lab.write("b.raw", b"two")
    await lab.harvest()
    lab.write("a.raw", b"ONE!", OLD_NS + 10**9)
    await lab.harvest()
    arks = {path: file.ark for path, file in (await lab.files()).items()}
    delivered = lab.delivered()
    async with lab.database.write() as session:  # the backup was made before the first harvest
        for table in (Attempt, Copy, Version, Identifier, SourceFile, Directory):
            await session.execute(delete(table))
    async with lab.database.read() as session:
        row = (await session.scalars(select(StorageLocation))).one()
    assert await read_journals(lab.database, row.id, await lab.engine.storage(row)) == 3
    await lab.harvest()
    assert {path: file.ark for path, file in (await lab.files()).items()} == arks
    assert lab.delivered() == delivered
    copies = await lab.copies()
    assert {c.intent and c.intent["outcome"] for c in copies.values()} == {"adopted"}
    assert sorted(copies) == ["a.v2.raw", "b.raw"]


async def test_every_path_can_be_explained(lab: Lab) -> None:
    lab.write("a.raw", b"one")
    await _quiet(lab, 600)
    await lab.engine.scan(lab.instrument)
    await _quiet(lab, 0)
    async with lab.database.read() as session:
        settling = await explain(session, lab.instrument, "a.raw")
        unknown = await explain(session, lab.instrument, "nowhere/b.raw")
    await lab.harvest()
    async with lab.database.read() as session:
        available = await explain(session, lab.instrument, "a.raw")
    assert (settling.status, unknown.status, available.status) == (
        "settling",
        "unknown",
        "available",
    )
    assert unknown.cause_code == "source_file_missing"
    assert available.facts["copies"][0]["state"] == "available"


async def test_a_missing_copy_of_an_earlier_version_is_filled_from_a_proven_one(
    lab: Lab, tmp_path: Path
) -> None:
    second = tmp_path / "mirror"
    second.mkdir()
    location = await make_storage(lab.database, second, lab.instrument)
    await _no_prefix(lab)
    await lab.engine.scan(lab.instrument)  # reads the journals of both
    (second / ".streamweave" / "sentinel.json").rename(second / "unplugged")
    lab.write("a.raw", b"one")
    await lab.harvest()
    lab.write("a.raw", b"two!", OLD_NS + 10**9)
    await lab.harvest()
    (second / "unplugged").rename(second / ".streamweave" / "sentinel.json")
    async with lab.database.write() as session:
        await session.execute(
            update(StorageLocation).where(StorageLocation.id == location).values(paused_until=None)
        )
        await session.execute(
            update(Copy).where(Copy.state == "retry_wait").values(due_at=utcnow())
        )
    await lab.drain()
    assert (second / "a.raw").read_bytes() == b"one"
    assert (second / "a.v2.raw").read_bytes() == b"two!"


async def test_an_instrument_that_is_off_uses_up_no_attempts(lab: Lab) -> None:
    for number in range(30):
        lab.write(f"{number}.raw", b"x")
    for _ in range(2):
        await lab.engine.scan(lab.instrument)
    reached = lab.engine.opened

    async def away(instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        raise StreamWeaveError("source_unreachable", "connection refused")

    ports = replace(lab.engine.ports, open_source=away)
    lab.engine.opened = OpenInstruments(lab.database, ports)
    for _ in range(5):
        async with lab.database.write() as session:  # as if its rest were over
            await session.execute(update(ScanState).values(held_until=None))
            await session.execute(update(Copy).values(due_at=utcnow()))
        assert await lab.engine.transfer(["main"]) > 0
        assert await lab.engine.transfer(["main"]) == 0  # it rests
    copies = (await lab.copies()).values()
    assert {copy.failures for copy in copies} == {0}
    assert {copy.state for copy in copies} <= {"queued", "retry_wait"}
    async with lab.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Attempt)) == 5
    lab.engine.opened = reached
    await lab.database.run(lambda s: instruments.let_go(s, [lab.instrument]))
    await lab.drain()
    assert len(lab.delivered()) == 30
