"""rsync as a mover, against real daemons and SSH servers: what each file and each trouble gives."""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from streamweave_sdk.transfers import Place, TransferError, Wanted
from tests.integration.engine_fixtures import OLD_NS
from tests.integration.rsync_fixtures import (
    KINDS,
    RsyncServers,
    fetched,
    opened,
    password_server,
    rsync_servers,
)

__all__ = ["rsync_servers"]
_libc = ctypes.CDLL(None, use_errno=True)
_DETACH = 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    point = tmp_path / "small"
    point.mkdir()
    if _libc.mount(b"small", os.fsencode(point), b"tmpfs", 0, b"size=2m") != 0:
        pytest.skip(f"no mounting here: {os.strerror(ctypes.get_errno())}")
    yield point
    _libc.umount2(os.fsencode(point), _DETACH)


@pytest.mark.parametrize("asks", [False, True])
async def test_a_password_is_offered_once_and_kept_in_no_file(asks: bool, tmp_path: Path) -> None:
    async with password_server("right horse", asks=asks) as (place, offered):
        (Path(place.root) / "a").write_bytes(b"1234")
        source = await opened(place, tmp_path / "landing")
        try:
            assert [e.name for e in await source.list_directory(b"")] == [b"a"]
            came = await fetched(source, [Wanted(b"a", 4)])
            assert came[0].path is not None
            assert came[0].path.read_bytes() == b"1234"
            assert offered == ["right horse"]
            mine = (tmp_path / "landing" / "run").iterdir()
            files = {p.name: p for p in mine if stat.S_ISREG(p.lstat().st_mode)}
            assert all(b"right horse" not in path.read_bytes() for path in files.values())
        finally:
            await source.close()


@pytest.mark.parametrize("asks", [False, True])
async def test_a_refused_password_is_offered_once_however_often_one_asks(
    asks: bool, tmp_path: Path
) -> None:
    async with password_server("right horse", asks=asks) as (place, offered):
        source = await opened(replace(place, secret="wrong"), tmp_path / "landing")
        try:
            for _ in range(3):
                with pytest.raises(TransferError) as refused:
                    await source.list_directory(b"")
                assert refused.value.code == "source_logon_failed"
        finally:
            await source.close()
        assert offered == ["wrong"]


async def test_a_server_without_rsync_is_told_as_such(
    rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    place, _ = rsync_servers.place("ssh")
    source = await opened(place, tmp_path / "landing", program="/no/such/rsync")
    try:
        with pytest.raises(TransferError) as refused:
            await source.list_directory(b"")
    finally:
        await source.close()
    assert refused.value.code == "source_protocol_mismatch", refused.value


@pytest.mark.parametrize("kind", KINDS)
async def test_each_file_that_cannot_come_is_told_with_its_own_reason(
    kind: str, rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    place, folder = rsync_servers.place(kind)
    for name in ("a", "grown", "z"):
        (folder / name).write_bytes(b"12345678")
    (folder / "link").symlink_to("a")
    source = await opened(place, tmp_path / "landing")
    try:
        names = ("a", "gone", "grown", "link", "no/such/x", "z")
        files = [Wanted(n.encode(), 3 if n == "grown" else 8) for n in names]
        came = await fetched(source, files)
    finally:
        await source.close()
    codes = {names[n]: arrival.error.code if arrival.error else "" for n, arrival in came.items()}
    missing = "source_file_missing"
    assert codes == {
        "a": "", "gone": missing, "grown": "source_file_changed", "link": missing,
        "no/such/x": missing, "z": "",
    }  # fmt: skip


async def test_a_path_exchanged_by_a_link_is_not_followed_out_of_the_root(
    rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    place, folder = rsync_servers.place("local")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (folder / "sub").symlink_to(outside)
    source = await opened(place, tmp_path / "landing")
    try:
        (came,) = (await fetched(source, [Wanted(b"sub/secret", 6)])).values()
        (facts,) = await source.stat([b"sub/secret"])
    finally:
        await source.close()
    assert came.error is not None and came.error.code == "source_file_missing"
    assert isinstance(facts, TransferError) and facts.code == "source_file_missing"


async def test_a_bound_of_bandwidth_is_kept_by_rsync_itself(
    rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    place, folder = rsync_servers.place("ssh")
    (folder / "a").write_bytes(os.urandom(3 << 20))
    slow = replace(place, bandwidth_bytes_per_second=2 << 20)
    source = await opened(slow, tmp_path / "landing")
    try:
        await source.list_directory(b"")
        began = asyncio.get_running_loop().time()
        await fetched(source, [Wanted(b"a", 3 << 20)])
        took = asyncio.get_running_loop().time() - began
    finally:
        await source.close()
    assert took > 0.9


async def test_without_a_pinned_key_any_server_is_accepted(
    rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    """As rclone does."""
    place, folder = rsync_servers.place("ssh")
    (folder / "a").write_bytes(b"1")
    source = await opened(replace(place, host_key=""), tmp_path / "landing")
    try:
        assert [entry.name for entry in await source.list_directory(b"")] == [b"a"]
    finally:
        await source.close()


async def test_a_silent_server_is_given_up_in_time(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    base = Place(
        "rsync", root="data", host="127.0.0.1", port=port, username="u", timeout_seconds=2.0
    )
    try:
        for number, place in enumerate((base, replace(base, protocol="sftp", root="/"))):
            source = await opened(place, tmp_path / f"landing{number}")
            try:
                async with asyncio.timeout(8):
                    with pytest.raises(TransferError) as refused:
                        await source.list_directory(b"")
            finally:
                await source.close()
            assert refused.value.code in ("source_timeout", "source_unreachable")
    finally:
        server.close()


async def test_a_changed_file_with_the_old_size_and_time_is_read_anew(
    rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    place, folder = rsync_servers.place("daemon")
    kept = tmp_path / "kept.raw"
    kept.write_bytes(b"a" * 100_000)
    (folder / "big.raw").write_bytes(b"b" * 100_000)
    for path in (kept, folder / "big.raw"):
        os.utime(path, ns=(OLD_NS, OLD_NS))
    source = await opened(place, tmp_path / "landing")
    try:
        files = [Wanted(b"big.raw", 100_000, mtime_ns=OLD_NS, previous=kept)]
        (came,) = (await fetched(source, files)).values()
        assert came.path is not None
        assert came.path.read_bytes() == b"b" * 100_000
    finally:
        await source.close()
    assert kept.read_bytes() == b"a" * 100_000


async def test_no_room_where_files_land_waits_and_harms_nothing(
    rsync_servers: RsyncServers, small_disk: Path
) -> None:
    place, folder = rsync_servers.place("daemon")
    (folder / "a").write_bytes(os.urandom(4 << 20))
    source = await opened(place, small_disk / "landing")
    try:
        with pytest.raises(TransferError) as refused:
            await fetched(source, [Wanted(b"a", 4 << 20)])
        assert refused.value.code == "landing_full"
        (folder / "a").write_bytes(b"small")
        (came,) = (await fetched(source, [Wanted(b"a", 5)])).values()
        assert came.error is None
    finally:
        await source.close()


async def test_a_killed_worker_leaves_neither_rsync_nor_ssh_behind(
    rsync_servers: RsyncServers, tmp_path: Path
) -> None:
    """A process opens and starts to bring; SIGKILL ends it, and its programs with it."""
    place, folder = rsync_servers.place("ssh")
    (folder / "a").write_bytes(os.urandom(8 << 20))
    slow = replace(place, bandwidth_bytes_per_second=1 << 20)
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_bring_slowly, args=(slow, tmp_path / "landing"))
    await asyncio.to_thread(worker.start)
    started: list[psutil.Process] = []
    async with asyncio.timeout(120):
        while {"rsync", "ssh"} - {_name(process) for process in started}:
            await asyncio.sleep(0.05)
            started = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
    async with asyncio.timeout(60):
        while any(map(_runs, started)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.to_thread(worker.join)
    assert worker.exitcode == -signal.SIGKILL
    assert [process.pid for process in started if _runs(process)] == []


def _name(process: psutil.Process) -> str:
    """Its program; nothing when it ended meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _bring_slowly(place: Place, folder: Path) -> None:
    async def work() -> None:
        source = await opened(place, folder)
        await fetched(source, [Wanted(b"a", 8 << 20)])

    asyncio.run(work())
