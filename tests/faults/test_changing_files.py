"""Files that change while they are read, and bytes that change at the destination."""

import hashlib
import os
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.models import Attempt, Copy, Version
from app.transfers.base import Source, Target
from tests.faults.wrappers import SourceWithMoments, temporary_of, watch_storage
from tests.integration.engine_fixtures import OLD_NS, Lab, engine_for, lab
from tests.integration.source_fixtures import Servers, Supervisor, eventually, servers, worker

__all__ = ["lab", "servers", "worker"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SIZE = 6 << 20
OLD, NEW = os.urandom(SIZE), os.urandom(SIZE)
LATER_NS = OLD_NS + 5 * 10**9


def _put(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
    os.utime(path, ns=(LATER_NS, LATER_NS))


def grow(path: Path) -> bytes:
    _put(path, OLD + b"and more")
    return OLD + b"and more"


def truncate(path: Path) -> bytes:
    _put(path, OLD[: SIZE // 2])
    return OLD[: SIZE // 2]


def rewrite_in_place(path: Path) -> bytes:
    _put(path, NEW)
    return NEW


def replace_by_rename(path: Path) -> bytes:
    other = path.with_name("being-written.tmp")
    other.write_bytes(NEW)
    os.utime(other, ns=(LATER_NS, LATER_NS))
    other.replace(path)
    return NEW


CHANGES = (grow, truncate, rewrite_in_place, replace_by_rename)


def interfere(lab: Lab, act: Callable[[], None]) -> None:
    """Let the first read of a.raw be interrupted once by `act`, after the first chunk."""
    done = False

    async def once(path: bytes) -> None:
        nonlocal done
        if path == b"a.raw" and not done:
            done = True
            act()

    real = lab.engine.ports.open_source

    async def open_source(instrument: uuid.UUID, *, concurrency: int) -> Source:
        return SourceWithMoments(await real(instrument, concurrency=concurrency), once)

    lab.engine = engine_for(lab.database, open_source)


async def settle(lab: Lab) -> None:
    for _ in range(2):
        result = await lab.engine.scan(lab.instrument)
        assert result is not None
        assert result.scan.error is None


async def only_copy(lab: Lab, name: str = "a.raw") -> Copy:
    (copy,) = [c for path, c in (await lab.copies()).items() if path.endswith(name)]
    return copy


async def failures(lab: Lab) -> list[str | None]:
    async with lab.database.read() as session:
        rows = await session.scalars(
            select(Attempt).where(Attempt.outcome == "failed").order_by(Attempt.number)
        )
        return [row.error_code for row in rows]


def temporaries(lab: Lab) -> list[Path]:
    return list(lab.target.rglob("*-part"))


def contents(lab: Lab) -> dict[str, str]:
    return {path.rpartition("/")[2]: digest for path, digest in lab.delivered().items()}


async def _changed_while_read(lab: Lab, change: Callable[[Path], bytes]) -> None:
    path = lab.write("a.raw", OLD)
    lab.write("b.raw", b"a neighbour")
    final: list[bytes] = []
    interfere(lab, lambda: final.append(change(path)))
    await settle(lab)
    await lab.drain()
    copy = await only_copy(lab)
    assert final
    # Nothing of the torn read counts; the file is observed again, its neighbour is there.
    assert (copy.state, copy.error_code) == ("queued", "source_file_changed")
    assert (await lab.files())["a.raw"].state == "settling"
    assert list(contents(lab)) == ["b.raw"]
    assert temporaries(lab) == []
    await lab.harvest()
    copy = await only_copy(lab)
    assert copy.state == "available"
    assert contents(lab)["a.raw"] == hashlib.sha256(final[0]).hexdigest()
    async with lab.database.read() as session:
        versions = (
            await session.scalars(select(Version).where(Version.id == copy.version_id))
        ).all()
    assert [(v.number, v.aim, v.sha256) for v in versions] == [
        (1, 2, hashlib.sha256(final[0]).digest())
    ]
    assert await failures(lab) == ["source_file_changed"]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_local_file_that_changes_while_it_is_read_is_observed_again(
    change: Callable[[Path], bytes], lab: Lab
) -> None:
    await _changed_while_read(lab, change)


@pytest.mark.parametrize("change", CHANGES)
async def test_an_smb_file_that_changes_while_it_is_read_is_observed_again(
    change: Callable[[Path], bytes], servers: Servers, worker: Supervisor
) -> None:
    lab = await worker.lab(servers.fresh("smb"))
    await _changed_while_read(lab, change)


@pytest.mark.parametrize("kind", ["local", "smb"])
async def test_a_file_deleted_while_it_is_read_is_not_made_available(
    kind: str, lab: Lab, servers: Servers, worker: Supervisor
) -> None:
    if kind == "smb":
        lab = await worker.lab(servers.fresh("smb"))
    path = lab.write("a.raw", OLD)
    for number in range(5):
        lab.write(f"{number}.raw", b"x")
    interfere(lab, path.unlink)
    await settle(lab)
    await lab.drain()
    copy = await only_copy(lab)
    assert (copy.state, copy.error_code) == ("queued", "source_file_missing")
    assert temporaries(lab) == []
    assert "a.raw" not in contents(lab)
    await settle(lab)
    assert (await lab.files())["a.raw"].absent_since is not None
    lab.write("a.raw", NEW, LATER_NS)
    await lab.harvest()
    assert contents(lab)["a.raw"] == hashlib.sha256(NEW).hexdigest()


async def test_a_file_that_never_rests_is_never_available(lab: Lab) -> None:
    path = lab.write("a.raw", b"x")
    for round_ in range(1, 6):
        path.write_bytes(b"x" * (round_ + 1))
        await lab.engine.scan(lab.instrument)
        path.write_bytes(b"y" * (round_ + 1))
        os.utime(path, ns=(OLD_NS + round_, OLD_NS + round_))
        await lab.drain()
    assert lab.delivered() == {}
    assert {c.state for c in (await lab.copies()).values()} <= {"queued"}


# --- the destination -----------------------------------------------------------------------------


def _damage(path: bytes, how: str) -> None:
    with open(path, "r+b") as file:
        if how == "flip":
            file.seek(1000)
            byte = file.read(1)
            file.seek(1000)
            file.write(bytes([byte[0] ^ 1]))
        elif how == "cut":
            file.truncate(5000)
        else:
            file.seek(0, 2)
            file.write(b"x")


def once_for(lab: Lab, name: bytes, act: Callable[[bytes], None]) -> Callable[..., Awaitable[None]]:
    """A callback that is given the path of this file's temporary, the first time."""
    done: set[bytes] = set()

    async def after(batch: Any, targets: Any, *_: Any) -> None:
        for target in [targets] if isinstance(targets, Target) else targets:
            if target.dest_path.endswith(name) and name not in done:
                done.add(name)
                folder = os.fsencode(lab.target) + b"/" + os.path.dirname(target.dest_path)
                act(folder + b"/" + temporary_of(batch, target))

    return after


@pytest.mark.parametrize("how", ["flip", "cut", "append"])
async def test_bytes_that_change_on_the_disk_are_found_and_the_file_is_made_again(
    how: str, lab: Lab
) -> None:
    lab.write("a.raw", OLD)
    lab.write("b.raw", b"a neighbour")
    watch_storage(lab.engine, make_durable=once_for(lab, b"a.raw", lambda path: _damage(path, how)))
    await lab.harvest()
    assert await failures(lab) == ["read_back_mismatch"]
    copy = await only_copy(lab)
    assert (copy.state, copy.attempt) == ("available", 2)
    assert contents(lab)["a.raw"] == hashlib.sha256(OLD).hexdigest()
    assert temporaries(lab) == []


async def test_another_object_under_the_temporary_name_is_not_published(lab: Lab) -> None:
    def swap(path: bytes) -> None:
        os.rename(path, path + b"-away")
        with open(path, "wb") as file:
            file.write(OLD)  # the same bytes: but not the object that was synced
        os.unlink(path + b"-away")

    lab.write("a.raw", OLD)
    watch_storage(lab.engine, make_durable=once_for(lab, b"a.raw", swap))
    await lab.harvest()
    assert await failures(lab) == ["read_back_mismatch"]
    assert (await only_copy(lab)).state == "available"


@pytest.mark.parametrize("how", ["swapped", "rewritten"])
async def test_bytes_that_change_between_read_back_and_publication_are_not_available(
    how: str, lab: Lab
) -> None:
    def change(path: bytes) -> None:
        if how == "swapped":  # the inode's number may well be used again
            os.unlink(path)
        with open(path, "wb" if how == "swapped" else "r+b") as file:
            file.write(NEW)

    lab.write("a.raw", OLD)
    watch_storage(lab.engine, read_back=once_for(lab, b"a.raw", change))
    await lab.harvest()
    assert (await failures(lab))[0] == "read_back_mismatch"

    async def seen() -> bool:
        await lab.drain()
        return (await only_copy(lab)).state != "publishing"

    await eventually(seen)
    copy = await only_copy(lab)
    # What was put there got the name: other content stands there, which a person must see.
    assert (copy.state, copy.error_code) == ("conflict", "destination_conflict")


async def test_a_source_that_lies_about_its_bytes_is_only_as_good_as_one_read(lab: Lab) -> None:
    """Same size, same time, other bytes: nobody can see it, and the evidence says `one read`."""
    path = lab.write("a.raw", OLD)

    def lie() -> None:
        with path.open("r+b") as file:
            file.seek(SIZE - 100)
            file.write(b"z" * 100)
        os.utime(path, ns=(OLD_NS, OLD_NS))

    interfere(lab, lie)
    await lab.harvest()
    copy = await only_copy(lab)
    assert copy.intent is not None
    assert (copy.state, copy.intent["double_read"]) == ("available", "no")
    assert contents(lab)["a.raw"] == copy.intent["received_sha256"]
