"""What is wrong at a source or a destination is said by its code, and stops nothing else."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from app.database import Database
from app.harvest.engine import Engine
from app.harvest.retry import RetryPolicy
from app.models import Attempt, Instrument, ServiceAccount, StorageLocation
from app.services.transfers import retry_transfer
from app.transfers.posix import PosixStorage
from simlab.servers import Login, SambaServer
from tests.faults.tcp_proxy import proxied
from tests.integration.engine_fixtures import OLD_NS, Lab, lab
from tests.integration.source_fixtures import (
    Reach,
    Servers,
    Supervisor,
    eventually,
    scan_error,
    servers,
    supervisor,
    worker,
)

__all__ = ["lab", "servers", "worker"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def with_retry(lab: Lab, retry: RetryPolicy) -> Lab:
    """The same lab, whose engine retries by this policy."""
    ports = lab.engine.ports
    ports = replace(ports, settings=replace(ports.settings, retry=retry))
    return replace(lab, engine=Engine(lab.database, ports))


async def outcomes(lab: Lab) -> list[tuple[str, str | None]]:
    """All attempts in their order: outcome and error code."""
    async with lab.database.read() as session:
        rows = await session.scalars(select(Attempt).order_by(Attempt.started_at, Attempt.number))
        return [(row.outcome, row.error_code) for row in rows]


# --- accounts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["smb", "sftp", "webdav", "s3"])
async def test_a_wrong_password_is_tried_once_and_then_never_again(
    kind: str, servers: Servers, worker: Supervisor
) -> None:
    reach = servers.fresh(kind)
    async with proxied(reach.server.port) as proxy:
        lab = await worker.lab(reach.at_port(proxy.port).with_secret("wrong-secret"))
        lab.write("a.raw", b"1")
        error = await scan_error(lab)
        assert error is not None
        assert error.code == "source_logon_failed"
        assert "wrong-secret" not in str(error)
        assert proxy.connections == 1
        for _ in range(3):
            error = await scan_error(lab)
            assert error is not None
            assert error.code == "source_account_paused"
        assert proxy.connections == 1
    async with lab.database.read() as session:
        account = (await session.scalars(select(ServiceAccount))).one()
    assert (account.proven_version, account.refused_version) == (0, 1)


async def test_a_password_changed_on_the_server_pauses_the_account_after_one_log_on(
    servers: Servers, worker: Supervisor
) -> None:
    """The secret had logged on before: the refusal comes in the middle of the work."""
    reach = servers.fresh("sftp")
    lab = await worker.lab(reach)
    lab.write("a.raw", b"1")
    await lab.harvest()
    async with lab.database.write() as session:
        account = (await session.scalars(select(ServiceAccount))).one()
        account.secret_encrypted = worker.vault.encrypt("no longer right")
        account.secret_version, account.proven_version = 2, 2
    async with proxied(reach.server.port) as proxy:
        async with lab.database.write() as session:
            instrument = (await session.scalars(select(Instrument))).one()
            instrument.port, instrument.source_generation = proxy.port, 2
        error = await scan_error(lab)
        assert error is not None
        assert error.code == "source_logon_failed"
        seen = proxy.connections
        error = await scan_error(lab)
        assert error is not None
        assert error.code == "source_account_paused"
        assert proxy.connections == seen == 1


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["smb", "sftp"])
async def test_an_unknown_host_is_told_from_a_silent_one(
    kind: str, servers: Servers, worker: Supervisor
) -> None:
    reach = servers.fresh(kind)
    # No name can look like this, so that no question leaves the machine.
    unknown = await worker.lab(reach, host="no..such.host")
    error = await scan_error(unknown)
    assert error is not None
    assert error.code == "source_host_unknown"
    silent = await worker.lab(reach, port=1)
    error = await scan_error(silent)
    assert error is not None
    assert error.code == "source_unreachable"


@pytest.mark.parametrize(
    ("kind", "root", "code"),
    [
        ("smb", "no-such-share", "source_share_missing"),
        ("s3", "no-such-bucket", "source_folder_missing"),
        ("smb", "data/no-such-folder", "source_folder_missing"),
        ("sftp", "no-such-folder", "source_folder_missing"),
        ("webdav", "no-such-folder", "source_folder_missing"),
    ],
)
async def test_a_missing_share_or_folder_is_named_and_marks_nothing_as_gone(
    kind: str, root: str, code: str, servers: Servers, worker: Supervisor
) -> None:
    reach = servers.fresh(kind)
    lab = await worker.lab(reach, root=root)
    error = await scan_error(lab)
    assert error is not None
    assert error.code == code


# --- names ---------------------------------------------------------------------------------------


async def test_a_name_too_long_for_the_destination_fails_alone(lab: Lab) -> None:
    long_name = "n" * 250 + ".raw"
    lab.write(long_name, b"one")
    await lab.harvest()
    lab.write(long_name, b"other", OLD_NS + 10**9)  # version 2 needs three bytes more than 255
    lab.write("next.raw", b"2")
    await lab.harvest()
    states = {path.rpartition("/")[2]: c for path, c in (await lab.copies()).items()}
    refused = states["n" * 250 + ".v2.raw"]
    assert (refused.state, refused.error_code) == ("failed", "storage_name_refused")
    assert states[long_name].state == states["next.raw"].state == "available"


@pytest.mark.parametrize("kind", ["sftp", "webdav"])
async def test_an_undecodable_name_is_refused_alone(
    kind: str, servers: Servers, worker: Supervisor
) -> None:
    lab = await worker.lab(servers.fresh(kind))
    lab.write(b"bad\xff.raw", b"x")
    lab.write("quoted\u201bname.raw", b"x")
    lab.write("good.raw", b"x")
    await lab.harvest()
    files = await lab.files()
    refused = {path for path, f in files.items() if f.state == "refused"}
    assert len(refused) == 2
    assert {files[path].reason_code for path in refused} == {"source_name_unreadable"}
    assert list(lab.delivered()) == ["good.raw"]


async def test_other_content_at_the_destination_stays_and_is_shown(
    servers: Servers, worker: Supervisor
) -> None:
    lab = await worker.lab(servers.fresh("smb"))
    lab.write("a.raw", b"one")
    lab.write("b.raw", b"two")
    (lab.target / "a.raw").write_bytes(b"ONE")
    await lab.harvest()
    copies = await lab.copies()
    assert (copies["a.raw"].state, copies["b.raw"].state) == ("conflict", "available")
    assert copies["a.raw"].error_code == "destination_conflict"
    assert (lab.target / "a.raw").read_bytes() == b"ONE"
    assert not list(lab.target.rglob("*-part"))
    (lab.target / "a.raw").rename(lab.target / "not ours.raw")
    await retry_transfer(lab.database, "user:tester", copies["a.raw"].id)
    await lab.drain()
    assert (await lab.copies())["a.raw"].state == "available"
    assert (lab.target / "a.raw").read_bytes() == b"one"


# --- rights --------------------------------------------------------------------------------------


class _OtherUserSamba(SambaServer):
    """A share that is read by a user who does not own the files."""

    def _write_config(self, port: int) -> Path:
        config = super()._write_config(port)
        if os.geteuid() == 0:
            config.write_text(config.read_text() + "force user = nobody\n")
        return config


@pytest.fixture
def closed_share(tmp_path: Path) -> Iterator[Reach]:
    files = tmp_path / "share"
    files.mkdir()
    for folder in (files, *files.parents[:-1]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    server = _OtherUserSamba(
        "closed",
        shares={"data": files},
        login=Login("instrument", "a-secret"),
        state=tmp_path / "s",
        logs=tmp_path / "logs",
    )
    server.start()
    values = {"host": server.host, "port": server.port, "root": "data"}
    yield Reach("smb", files, server, "instrument", "a-secret", values=values)
    server.close()


async def test_a_file_that_may_not_be_read_fails_alone_with_the_reason(
    closed_share: Reach, worker: Supervisor
) -> None:
    lab = await worker.lab(closed_share)
    lab.write("closed.raw", b"x").chmod(0)
    lab.write("open.raw", b"x")
    closed = lab.source / "closed folder"
    closed.mkdir()
    closed.chmod(0)
    for _ in range(3):
        await lab.engine.scan(lab.instrument)
        await lab.drain()
    assert list(lab.delivered()) == ["open.raw"]
    copies, files = await lab.copies(), await lab.files()
    reason = copies["closed.raw"].error_code if "closed.raw" in copies else None
    assert "source_permission_denied" in (reason, files["closed.raw"].reason_code)
    assert len(await outcomes(lab)) <= 3
    result = await lab.engine.scan(lab.instrument)
    assert result is not None
    assert result.scan.directory_errors == ["closed folder: source_permission_denied"]


# --- storage -------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size=4m,mode=0755,uid={os.geteuid()}"
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)], check=True)
    yield mount
    subprocess.run([*sudo, "umount", "-l", str(mount)], check=True)


@pytest.mark.parametrize("tells", [True, False])
async def test_a_full_destination_waits_for_space_and_needs_no_person(
    small_disk: Path,
    servers: Servers,
    worker: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
    tells: bool,
) -> None:
    if not tells:  # a storage that cannot say how much room there is, until it is full

        async def space(_: PosixStorage) -> None:
            return None

        monkeypatch.setattr(PosixStorage, "space", space)
    lab = await worker.lab(servers.fresh("smb"), target=small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (2 << 20))
    contents = {f"{n}.raw": os.urandom(700_000) for n in range(4)}
    for name, content in contents.items():
        lab.write(name, content)
    await lab.harvest()
    waiting = [c for c in (await lab.copies()).values() if c.state != "available"]
    assert waiting
    found_out = ("queued", None) if tells else ("retry_wait", "storage_full")
    assert {(c.state, c.error_code) for c in waiting} == {found_out}
    async with lab.database.read() as session:
        location = (await session.scalars(select(StorageLocation))).one()
    assert location.error_code == "storage_full"
    assert location.paused_until is not None
    assert await lab.engine.transfer(["main"]) == 0  # held back: nobody hammers a full disk
    assert not list(small_disk.rglob("*-part"))
    filler.unlink()

    async def all_there() -> bool:
        await lab.drain()
        return {c.state for c in (await lab.copies()).values()} == {"available"}

    await eventually(all_there)
    expected = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert lab.delivered() == expected
    async with lab.database.read() as session:
        location = (await session.scalars(select(StorageLocation))).one()
    assert (location.error_code, location.paused_until) == (None, None)


async def test_a_storage_that_is_not_mounted_gets_nothing_and_goes_on_when_it_is(
    lab: Lab,
) -> None:
    lab.write("a.raw", b"1")
    await lab.engine.scan(lab.instrument)  # planned while it was there
    await lab.engine.scan(lab.instrument)
    mounted = lab.target / ".streamweave"
    mounted.rename(lab.target.parent / "away")
    await lab.harvest()
    (copy,) = (await lab.copies()).values()
    assert (copy.state, copy.error_code) == ("retry_wait", "storage_unreachable")
    assert list(lab.target.iterdir()) == []
    (lab.target.parent / "away").rename(mounted)

    async def there() -> bool:
        await lab.drain()
        return len(lab.delivered()) == 1

    await eventually(there)


# --- connections ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["smb", "sftp"])
async def test_a_hung_server_costs_a_time_out_and_is_tried_again(
    kind: str, servers: Servers, database: Database, tmp_path: Path
) -> None:
    reach = servers.fresh(kind)
    async with supervisor(database, tmp_path, io_timeout_seconds=1.0) as worker:
        lab = await worker.lab(reach)
        lab = with_retry(lab, RetryPolicy(base_seconds=0.2, cap_seconds=0.5, max_attempts=50))
        content = os.urandom(3 << 20)
        lab.write("a.raw", content)
        for _ in range(2):
            assert await scan_error(lab) is None
        reach.server.freeze()
        try:
            await lab.drain()
            (copy,) = (await lab.copies()).values()
            assert (copy.state, copy.error_code) == ("retry_wait", "source_timeout")
            error = await scan_error(lab)
            assert error is not None
            assert error.code == "source_timeout"
        finally:
            reach.server.thaw()

        async def there() -> bool:
            await lab.drain()
            return len(lab.delivered()) == 1

        await eventually(there)
        assert lab.delivered() == {"a.raw": hashlib.sha256(content).hexdigest()}
        assert await scan_error(lab) is None


@pytest.mark.parametrize("kind", ["smb", "sftp", "webdav"])
async def test_a_connection_cut_in_mid_file_is_retried_and_ends_right(
    kind: str, servers: Servers, worker: Supervisor
) -> None:
    reach = servers.fresh(kind)
    async with proxied(reach.server.port) as proxy:
        lab = await worker.lab(reach.at_port(proxy.port))
        lab = with_retry(lab, RetryPolicy(base_seconds=0.05, cap_seconds=0.1, max_attempts=20))
        content = os.urandom(8 << 20)
        lab.write("a.raw", content)
        lab.write("b.raw", b"small")
        for _ in range(2):
            assert await scan_error(lab) is None
        proxy.cut(after_bytes=3 << 20, times=2)

        async def there() -> bool:
            await lab.drain()
            return {c.state for c in (await lab.copies()).values()} == {"available"}

        await eventually(there)
        assert proxy.cuts_left == 0
        assert lab.delivered()["a.raw"] == hashlib.sha256(content).hexdigest()
    tried = await outcomes(lab)
    assert {code for outcome, code in tried if outcome == "failed"} <= {
        "source_connection_lost",
        "source_timeout",
        "source_unreachable",
    }
