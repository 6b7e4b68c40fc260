"""Receiving when daemon, storage or connections fail in awkward moments: an error stays a value."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.errors import StreamWeaveError
from app.harvest.transfer import receive
from app.harvest.work import ClaimedCopy
from app.transfers.base import Entry, FileFacts, SourceCapabilities, Wanted
from app.transfers.posix import SENTINEL, PosixStorage
from app.transfers.posix_batch import PosixBatch, PosixTemporary
from app.transfers.rclone.rc import RcAddress
from app.transfers.rclone.source import RcloneSource, RemoteAddress
from app.transfers.rclone.stream import VfsReader
from app.transfers.sentinel import sentinel_bytes

MIB = 1 << 20
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def a_storage(folder: Path) -> PosixStorage:
    """A folder with its sentinel."""
    sentinel = uuid.uuid4()
    (folder / SENTINEL).parent.mkdir(exist_ok=True)
    (folder / SENTINEL).write_bytes(sentinel_bytes(sentinel))
    return PosixStorage(folder, installation="i" * 16, sentinel=sentinel, worker="worker")


def a_copy(path: bytes, size: int) -> ClaimedCopy:
    ids = [uuid.uuid4() for _ in range(3)]
    return ClaimedCopy(
        ids[0], 1, ids[1], ids[2], 1, 1, None, FileFacts(size, 10**9), path, 1, path, "", 0,
        datetime.now(UTC),
    )  # fmt: skip


@contextlib.asynccontextmanager
async def a_reader(folder: Path, answer: Answer) -> AsyncIterator[Path]:
    """A server in the place of rclone's, at a socket."""
    socket = folder / "vfs.sock"
    async with await asyncio.start_unix_server(answer, str(socket)):
        yield socket


def without_daemon(socket: Path) -> RcloneSource:
    """A source whose files can be read, and whose daemon does not answer."""
    rc = RcAddress(socket.with_name("rc.sock"), "user", "password")
    return RcloneSource(RemoteAddress("r:", "smb", rc, socket), timeout_seconds=1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "rclone_unavailable"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "rclone_unavailable"),
    ],
    ids=["dies in mid-file", "dies before it can be asked why"],
)
async def test_a_daemon_that_dies_is_the_error_of_that_file(
    tmp_path: Path, answer: bytes, code: str
) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with a_reader(tmp_path, half) as socket, a_storage(tmp_path).batch() as batch:
        copies = (a_copy(b"first", 10), a_copy(b"second", 10))
        _, failures, untried = await receive(copies, without_daemon(socket), batch, concurrency=1)
    assert [failure.error.code for failure in failures] == [code]
    assert len(untried) == 1, "a trouble of all is told of one"


async def test_a_connection_that_was_closed_while_it_rested_is_not_used_again(
    tmp_path: Path,
) -> None:
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        await writer.drain()
        await asyncio.sleep(0)
        writer.close()
        closed.set()

    async with a_reader(tmp_path, once) as socket:
        vfs = VfsReader(socket, timeout_seconds=5)
        for _ in range(3):
            closed.clear()
            pieces = [piece async for _, piece in vfs.read_many([Wanted(b"f", 3)])]
            assert pieces == [b"abc", None]
            await closed.wait()
            for _ in range(5):
                await asyncio.sleep(0)  # let the loop see that it was closed


class LargeFile:
    """A source of one large file that counts what was asked of it."""

    capabilities = SourceCapabilities("local", "local", 1, True, True)
    given = 0

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        for _ in range(size_bytes // MIB):
            self.given += MIB
            yield bytes(MIB)

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        return []

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        return []

    async def close(self) -> None:
        pass


async def test_a_large_file_that_cannot_be_written_is_not_read_to_its_end(tmp_path: Path) -> None:
    source = LargeFile()
    async with a_storage(tmp_path).batch() as batch:
        _, failures, _ = await receive(
            (a_copy(b"n" * 300, 100 * MIB),), source, batch, concurrency=1
        )
    assert [failure.error.code for failure in failures] == ["storage_name_refused"]
    assert source.given <= MIB


async def test_a_storage_that_refuses_even_the_removal_is_one_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> None:
        raise StreamWeaveError("storage_read_only")

    monkeypatch.setattr(PosixTemporary, "write", refuse)
    monkeypatch.setattr(PosixBatch, "remove_temporary", refuse)
    async with a_storage(tmp_path).batch() as batch:
        _, failures, _ = await receive((a_copy(b"n", 4 * MIB),), LargeFile(), batch, concurrency=1)
    assert [failure.error.code for failure in failures] == ["storage_read_only"]
