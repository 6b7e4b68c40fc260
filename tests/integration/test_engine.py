"""The way of a file, from a folder to proven copies, on both databases."""

import hashlib
import os

from sqlalchemy import func, select, update

from app.models import (
    Attempt,
    AuditEvent,
    Identifier,
    Instrument,
    InstrumentStorage,
    Outbox,
    StorageLocation,
    Version,
)
from app.services.identifiers.ark import is_check_valid
from tests.integration.engine_fixtures import OLD_NS, Lab, lab

__all__ = ["lab"]


async def _no_prefix(lab: Lab) -> None:
    async with lab.database.write() as session:
        await session.execute(update(InstrumentStorage).values(prefix=""))


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
        assert await session.scalar(select(func.count()).select_from(Outbox)) == 5
        roots = await session.scalar(
            select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "copies.proven")
        )
    assert roots == 1


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
