"""A session of SFTP with servers that lie, and by both ways that carry it."""

import os
import shutil
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import StreamWeaveError
from app.transfers import sftp_channel
from app.transfers import sftp_wire as wire
from app.transfers.file_server import ServerAddress
from app.transfers.line import Line
from app.transfers.sftp import SftpFiles
from app.transfers.sftp_session import Ended, SftpSession
from simlab.process import Login
from simlab.servers import load_or_make_key
from tests.integration.conformance.sftp_servers import WritableSftp

_VERSION = wire.packet(wire.VERSION_SAID, wire.VERSION, b"")


class _Scripted:
    """The other side of a session: each request is answered by the next of these."""

    def __init__(self, session: SftpSession, *answers: bytes) -> None:
        self._session = session
        self._answers = iter(answers)
        self.is_aborted = False
        session.opened(self)

    def write(self, data: bytes) -> None:
        """Answer."""
        answer = next(self._answers, None)
        if answer is not None:
            self._session.received(answer)

    def abort(self) -> None:
        """Remember it."""
        self.is_aborted = True


@pytest.mark.parametrize(
    "answer",
    [
        wire.packet(wire.HANDLE, 77, wire.text(b"h")),
        wire.packet(wire.DATA, 1, wire.text(b"h")),
        wire.packet(wire.STATUS, 1, struct.pack(">I", wire.OK)),
        struct.pack(">IBI", 1 << 30, wire.HANDLE, 1),
    ],
    ids=["unknown number", "wrong kind", "status where a handle was asked", "too long"],
)
async def test_nonsense_ends_the_session(answer: bytes) -> None:
    session = SftpSession()
    scripted = _Scripted(session, _VERSION, answer)
    await session.start()
    waiting = session.close(b"another")
    with pytest.raises(Ended):
        await session.open(b"file", wire.FOR_READING)
    with pytest.raises(Ended) as ended:
        await waiting
    assert scripted.is_aborted
    assert not session.is_open
    with pytest.raises(Ended):
        await session.lstat(b"file")
    connector = sftp_channel.SftpConnector(ServerAddress())
    assert connector.error(ended.value, "opening").code == "storage_connection_lost"


async def test_answer_that_ends_too_early_is_catalogued() -> None:
    session = SftpSession()
    _Scripted(session, _VERSION, wire.packet(wire.ATTRS, 0, struct.pack(">I", 1)))
    await session.start()
    connector = sftp_channel.SftpConnector(ServerAddress())
    line: Line[SftpSession] = Line(connector, "there", 5)
    work: Callable[[SftpSession], Awaitable[object]] = lambda s: s.lstat(b"file")  # noqa: E731
    with pytest.raises(StreamWeaveError, match="storage_connection_lost"):
        await line.on(session, "looking", work)


async def test_old_version_is_not_spoken() -> None:
    session = SftpSession()
    _Scripted(session, wire.packet(wire.VERSION_SAID, 2, b""))
    with pytest.raises(Ended, match="version 2"):
        await session.start()


@pytest.mark.parametrize("program", ["ours", "none", "one that does not know our options"])
async def test_files_go_there_and_back_with_and_without_ssh(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program.startswith("one"):
        said = "command-line line 0: Bad SSH2 cipher spec"
        (tmp_path / "ssh").write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 255\n")
        (tmp_path / "ssh").chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    elif program == "none":
        found = shutil.which
        monkeypatch.setattr(
            shutil, "which", lambda name, **more: None if name == "ssh" else found(name, **more)
        )
    folder = tmp_path / "files"
    folder.mkdir()
    server = WritableSftp(
        "both", served=folder, login=Login("somebody", "secret"), state=tmp_path / "state",
        logs=tmp_path / "logs",
    )  # fmt: skip
    server.start()
    address = ServerAddress(
        host=server.host, port=server.port, username="somebody", secret="secret",
        host_key=server.host_key, timeout_seconds=20,
    )  # fmt: skip
    _, another = load_or_make_key(tmp_path / "another")
    files = SftpFiles(address)
    content = bytes(range(256)) * (20 << 10)
    try:
        writing = await files.create(b"large", len(content))
        for start in range(0, len(content), 1 << 20):
            await writing.write(content[start : start + (1 << 20)])
        assert (await writing.finish(1_500_000_000 * 10**9)).size_bytes == len(content)
        async with files.open(b"large") as reading:
            assert b"".join([chunk async for chunk in reading.chunks()]) == content
        async with files.open(b"large", 1_000, 70_000) as reading:
            part = b"".join([chunk async for chunk in reading.chunks()])
        assert part == content[1_000:71_000]
        assert (folder / "large").read_bytes() == content
        wrong = SftpFiles(replace(address, secret="wrong"))
        with pytest.raises(StreamWeaveError, match="storage_logon_failed"):
            await wrong.stat(b"large")
        await wrong.close()
        strange = SftpFiles(replace(address, host_key=another))
        with pytest.raises(StreamWeaveError, match="storage_host_key_mismatch"):
            await strange.stat(b"large")
        await strange.close()
    finally:
        await files.close()
        server.close()
