"""Files by rsync, from real daemons and SSH servers to proven copies."""

import asyncio
import hashlib
import os
import random

import pytest
from sqlalchemy import select

from app.errors import StreamWeaveError
from app.models import Copy, ServiceAccount
from app.services.movers import MoverOpener
from app.worker.checks import Checker
from app.worker.storage_checks import StorageChecker
from tests.integration.engine_fixtures import OLD_NS, opener_for
from tests.integration.rsync_fixtures import (
    KINDS,
    RsyncServers,
    plain,
    rsync_servers,
)
from tests.integration.source_fixtures import Supervisor, scan_error

__all__ = ["plain", "rsync_servers"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ODD_NAMES = (
    b"plain.raw",
    b"-rf",
    b"--delete",
    b"new\nline",
    b"back\\#012slash",
    b"[x]*?",
    b" spaces ",
    b"#hash",
    b"run 1/\xc3\xbc.raw",
    b"run 1/u\xcc\x88.raw",
    b"run 1/de:ep/'quote\"s$`.raw",
)


def copy_of(copies: dict[str, Copy], path: str) -> Copy:
    """The copy at a path, which must be there."""
    assert copies[path].error_code is None
    return copies[path]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_file_arrives_whole_and_proven_whatever_its_name(
    kind: str, rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    reach = rsync_servers.reach(kind)
    lab = await plain.lab(reach)
    contents = {name: os.urandom(2000 + len(name)) for name in ODD_NAMES}
    contents |= {b"empty.raw": b"", b"big.raw": os.urandom(5 << 20)}
    for name, content in contents.items():
        lab.write(name, content)
    (reach.folder / "link").symlink_to("plain.raw")
    (reach.folder / "elsewhere").symlink_to("/etc")
    os.mkfifo(reach.folder / "pipe")
    await lab.harvest()
    expected = {
        os.fsdecode(name): hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    assert lab.delivered() == expected
    for copy in (await lab.copies()).values():
        assert (copy.state, copy.error_code) == ("available", None)
        evidence = copy.intent
        assert evidence is not None
        assert (evidence["adapter"], evidence["protocol"]) == ("rsync", reach.protocol)
        assert evidence["received_sha256"] == evidence["read_back_sha256"]
        assert evidence["mover_notes"]["moved_bytes"] >= evidence["received_bytes"]
    result = await lab.engine.scan(lab.instrument)
    assert result is not None
    assert (result.scan.new_files, result.scan.changed_files, result.look.looked) == (0, 0, 0)
    assert list((plain.settings.data / "landing").iterdir()) == []


async def test_a_refused_log_on_to_the_daemon_stops_the_trying(
    rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    lab = await plain.lab(rsync_servers.reach("daemon").with_secret("wrong"))
    lab.write("a.raw", b"1")
    first = await scan_error(lab)
    again = await scan_error(lab)
    assert first is not None and again is not None
    assert (first.code, again.code) == ("source_logon_failed", "source_account_paused")


async def test_another_host_key_stops_the_harvest(
    rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPmP2mHqzjFQ9Q2Ik0wzYMwDVYk2sUOnv5H3a4kVRkJA"
    lab = await plain.lab(rsync_servers.reach("ssh"), host_key=other)
    error = await scan_error(lab)
    assert error is not None
    assert error.code == "source_host_key_mismatch"


async def test_a_file_that_changes_while_it_is_read_is_not_available(
    rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    reach = rsync_servers.reach("daemon")
    lab = await plain.lab(reach)
    lab.write("a.raw", b"x" * 1000)
    for _ in range(2):
        await lab.engine.scan(lab.instrument)
    lab.write("a.raw", b"y" * 2000, OLD_NS + 10**9)
    await lab.drain()
    assert lab.delivered() == {}
    await lab.harvest()
    assert list(lab.delivered().values()) == [hashlib.sha256(b"y" * 2000).hexdigest()]


async def test_a_daemon_killed_in_the_middle_costs_nothing_but_time(
    rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    """`--bwlimit` makes the middle long enough to be met."""
    reach = rsync_servers.reach("daemon")
    lab = await plain.lab(reach, bandwidth_bytes_per_second=4 << 20, connections=1)
    content = os.urandom(8 << 20)
    for name in ("a.raw", "b.raw"):
        lab.write(name, content)
    for _ in range(2):
        await lab.engine.scan(lab.instrument)
    work = asyncio.create_task(lab.engine.transfer(["main"]))
    async with asyncio.timeout(20):
        while not list((plain.settings.data / "landing").glob("*/in/*.tmp/*")):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    daemon = rsync_servers.daemon()
    daemon.kill()
    try:
        await work
    finally:
        daemon.start()
    states = {copy.state for copy in (await lab.copies()).values()}
    assert "retry_wait" in states
    async with asyncio.timeout(30):
        while len(lab.delivered()) < 2:
            await lab.drain()
            await asyncio.sleep(0.1)
    assert set(lab.delivered().values()) == {hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("kind", ["daemon", "ssh"])
async def test_a_large_file_that_grew_moves_only_what_is_new(
    kind: str, rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    lab = await plain.lab(rsync_servers.reach(kind))
    first = random.Random(5).randbytes(80 << 20)
    lab.write("big.raw", first)
    await lab.harvest()
    stored = lab.target / "big.raw"
    before = os.stat(stored)
    second = _grown(first)
    lab.write("big.raw", second, OLD_NS + 10**9)
    await lab.harvest()
    copy = copy_of(await lab.copies(), "big.v2.raw")
    assert copy.intent is not None
    assert copy.intent["received_sha256"] == hashlib.sha256(second).hexdigest()
    assert copy.intent["mover_notes"]["basis"] == "the version before"
    assert copy.intent["mover_notes"]["moved_bytes"] < len(second) // 10
    after = os.stat(stored)
    unchanged = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns", "st_mode", "st_nlink")
    assert [getattr(after, n) for n in unchanged] == [getattr(before, n) for n in unchanged]
    assert lab.delivered()["big.raw"] == hashlib.sha256(first).hexdigest()


async def test_every_byte_comes_from_the_instrument_where_that_is_wished(
    rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    lab = await plain.lab(rsync_servers.reach("daemon"), mover_options={"on_basis": False})
    first = random.Random(6).randbytes(70 << 20)
    lab.write("big.raw", first)
    await lab.harvest()
    second = _grown(first)
    lab.write("big.raw", second, OLD_NS + 10**9)
    await lab.harvest()
    copy = copy_of(await lab.copies(), "big.v2.raw")
    assert copy.intent is not None
    assert copy.intent["received_sha256"] == hashlib.sha256(second).hexdigest()
    assert "basis" not in copy.intent["mover_notes"]
    assert copy.intent["mover_notes"]["moved_bytes"] >= len(second)


def _grown(content: bytes) -> bytes:
    return content + os.urandom(len(content) // 100)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_source_is_tested_and_looked_around_on_before_it_is_saved(
    kind: str, rsync_servers: RsyncServers, plain: Supervisor
) -> None:
    reach = rsync_servers.reach(kind)
    await plain.lab(reach)
    (reach.folder / "2026").mkdir()
    (reach.folder / "2026" / "ü 1.raw").write_bytes(b"12345")
    async with plain.database.read() as session:
        account = (await session.scalars(select(ServiceAccount))).one()
    request = {
        "protocol": reach.protocol, "service_account_id": str(account.id), "host": None,
        "port": None, "url": None, "host_key": None, "options": {}, "mover_options": {},
        **reach.values,
    }  # fmt: skip
    storages = StorageChecker(plain.database, opener_for(plain.database, plain.settings))
    movers = MoverOpener(plain.database, plain.settings, plain.vault)
    checker = Checker(plain.database, movers, plain.daemon, "w", storages)
    assert await checker._answer("source", request) is not None
    root = await checker._answer("browse", {**request, "path": ""})
    below = await checker._answer("browse", {**request, "path": "2026"})
    assert [one["name"] for one in root["entries"]] == ["2026"]
    assert [(one["name"], one["size_bytes"]) for one in below["entries"]] == [("ü 1.raw", 5)]
    refused = {**request, "mover_options": {"no_such": 1}}
    with pytest.raises(StreamWeaveError) as error:
        await checker._answer("source", refused)
    assert error.value.code == "mover_unsuitable"
