"""Files of every protocol, from real servers through the supervisor's daemon to proven copies."""

import hashlib
import os
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.models import ServiceAccount
from app.services.movers import MoverOpener
from app.worker.checks import Checker
from app.worker.storage_checks import StorageChecker
from simlab.servers import load_or_make_key
from tests.integration.engine_fixtures import opener_for
from tests.integration.source_fixtures import (
    Servers,
    Supervisor,
    eventually,
    scan_error,
    servers,
    worker,
)

__all__ = ["servers", "worker"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

KINDS = ("smb", "sftp", "sftp-key", "s3", "webdav")
NAMES = (
    "plain.raw",
    "with space.raw",
    "a#b%41&c+d;e=f,g@h!i.raw",
    "run 1/deep/er/ü.raw",  # NFC
    "run 1/u\u0308.raw",  # NFD, another file
    "run 1/'quotes' (and) [brackets]{}$~^.raw",
    "日本語：写真？＊１．raw．",  # full-width signs are no stand-ins for what Windows forbids
)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_file_arrives_byte_identical_with_true_evidence(
    kind: str, servers: Servers, worker: Supervisor
) -> None:
    reach = servers.fresh(kind)
    lab = await worker.lab(reach)
    contents = {name: os.urandom(2000 + len(name)) for name in NAMES}
    contents["empty.raw"] = b""
    contents["big.raw"] = os.urandom(5 << 20)
    for name, content in contents.items():
        lab.write(name, content)
    await lab.harvest()
    files = await lab.files()
    assert {f.reason_code for f in files.values()} == {None}
    expected = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert lab.delivered() == expected
    for path, copy in (await lab.copies()).items():
        assert (copy.state, copy.error_code) == ("available", None)
        evidence = copy.intent
        assert evidence is not None
        assert (evidence["adapter"], evidence["protocol"]) == ("rclone", reach.protocol)
        assert evidence["received_sha256"] == evidence["read_back_sha256"] == expected[path]
        assert evidence["received_bytes"] == evidence["read_back_bytes"] == len(contents[path])
        assert evidence["read_back_from"] in ("device", "page_cache")
        assert (evidence["double_read"], evidence["outcome"]) == ("no", "published")
        before, after = evidence["source_before"], evidence["source_after"]
        assert (before["size_bytes"], before["mtime_ns"]) == (
            after["size_bytes"],
            after["mtime_ns"],
        )
    result = await lab.engine.scan(lab.instrument)
    assert result is not None
    assert result.scan.directories == result.scan.unchanged_directories > 0
    assert (result.scan.new_files, result.scan.changed_files, result.look.looked) == (0, 0, 0)
    assert await lab.engine.transfer(["main"]) == 0


async def test_a_secret_proves_itself_by_one_log_on_and_stays_out_of_the_log(
    servers: Servers, worker: Supervisor
) -> None:
    reach = servers.fresh("sftp")
    lab = await worker.lab(reach)
    lab.write("a.raw", b"1")
    await lab.harvest()
    async with lab.database.read() as session:
        account = (await session.scalars(select(ServiceAccount))).one()
    assert (account.proven_version, account.refused_version) == (1, 0)
    assert reach.secret not in account.secret_encrypted
    log = (worker.settings.data / "logs" / "rclone.log").read_text()
    assert reach.secret not in log


async def test_another_host_key_than_the_pinned_one_stops_the_harvest(
    servers: Servers, worker: Supervisor, tmp_path: Path
) -> None:
    reach = servers.fresh("sftp-key")
    _, other = load_or_make_key(tmp_path / "other")
    lab = await worker.lab(reach, host_key=other)
    lab.write("a.raw", b"1")
    error = await scan_error(lab)
    assert error is not None
    assert error.code == "source_host_key_mismatch"
    assert await lab.files() == {}


async def test_a_corrected_secret_makes_a_new_remote_and_goes_on(
    servers: Servers, worker: Supervisor
) -> None:
    lab = await worker.lab(servers.fresh("smb"))
    lab.write("a.raw", b"1")
    await lab.harvest()
    async with lab.database.write() as session:
        await session.execute(
            update(ServiceAccount).values(secret_version=ServiceAccount.secret_version + 1)
        )
    lab.write("b.raw", b"2")
    await lab.harvest()
    assert sorted(lab.delivered()) == ["a.raw", "b.raw"]
    listed = await worker.daemon.client.call("config/listremotes", "listing remotes")
    assert [name[-2:] for name in listed["remotes"]] == ["v2"]


async def test_a_killed_daemon_is_restarted_and_its_remotes_are_made_again(
    servers: Servers, worker: Supervisor
) -> None:
    lab = await worker.lab(servers.fresh("smb"))
    lab.write("a.raw", b"1")
    await lab.harvest()
    process = worker.daemon.child.process
    assert process is not None
    process.kill()
    lab.write("b.raw", b"2")

    async def delivered() -> bool:
        await scan_error(lab)
        await lab.drain()
        return len(lab.delivered()) == 2

    await eventually(delivered)
    assert worker.daemon.child.starts == 2
    assert {c.state for c in (await lab.copies()).values()} == {"available"}


@pytest.mark.parametrize("kind", ["smb", "sftp", "s3", "webdav"])
async def test_a_source_is_looked_around_on_before_it_is_saved(
    worker: Supervisor, servers: Servers, kind: str
) -> None:
    reach = servers.fresh(kind)
    await worker.lab(reach)
    (reach.folder / "2026").mkdir()
    (reach.folder / "2026" / "ü 1.raw").write_bytes(b"12345")
    (reach.folder / "top.raw").write_bytes(b"1")
    async with worker.database.read() as session:
        account = (await session.scalars(select(ServiceAccount))).one()
    request = {
        "protocol": reach.protocol, "service_account_id": str(account.id), "host": None,
        "port": None, "url": None, "root": "", "host_key": None, "options": {}, **reach.values,
    }  # fmt: skip
    storages = StorageChecker(worker.database, opener_for(worker.database, worker.settings))
    movers = MoverOpener(worker.database, worker.settings, worker.vault)
    checker = Checker(worker.database, movers, worker.daemon, "w", storages)
    root = await checker._answer("browse", {**request, "path": ""})
    below = await checker._answer("browse", {**request, "path": "2026"})
    newest = await checker._answer("sample", request)
    assert [one["name"] for one in root["entries"]] == ["2026", "top.raw"]
    assert [(one["name"], one["size_bytes"]) for one in below["entries"]] == [("ü 1.raw", 5)]
    assert {one["path"] for one in newest["files"]} == {"2026/ü 1.raw", "top.raw"}
    remotes = await worker.daemon.client.call("config/listremotes", "looking")
    assert not remotes.get("remotes"), "what was made for a look is gone"
