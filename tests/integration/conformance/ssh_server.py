"""An SSH server as a process: `python -m tests.integration.conformance.ssh_server FOLDER PORT KEY`.

The SFTP of FOLDER is answered by OpenSSH's sftp-server; asyncssh only logs users on. User and
password come by environment; each refused one is a line on standard output.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import asyncssh

OPENSSH = Path("/usr/lib/openssh/sftp-server")
REFUSED = "refused a password"
_CHUNK = 1 << 16


class _Bridge(asyncssh.SSHServerSession[bytes]):
    """Carries the bytes between an SSH channel and an sftp-server process."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._carrying: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        self._carrying = asyncio.create_task(self._carry())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._incoming.put_nowait(data)

    def eof_received(self) -> bool:
        self._incoming.put_nowait(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._incoming.put_nowait(b"")
        self._may_write.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def _carry(self) -> None:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)
        assert child.stdin and child.stdout and self._channel
        feeding = asyncio.create_task(self._feed(child.stdin))
        while data := await child.stdout.read(_CHUNK):
            await self._may_write.wait()
            if self._channel.is_closing():
                break
            self._channel.write(data)
        self._channel.exit(await child.wait())
        await feeding

    async def _feed(self, stdin: asyncio.StreamWriter) -> None:
        channel = self._channel
        assert channel
        with contextlib.suppress(OSError):
            while data := await self._incoming.get():
                channel.pause_reading()
                stdin.write(data)
                await stdin.drain()
                channel.resume_reading()
        stdin.close()


class _Guard(asyncssh.SSHServer):
    """Lets one user in."""

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def session_requested(self) -> _Bridge:
        return _Bridge(self._command)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        known = os.environ["STREAMWEAVE_TEST_USER"], os.environ["STREAMWEAVE_TEST_PASSWORD"]
        if (username, password) == known:
            return True
        sys.stdout.write(f"{REFUSED}\n")
        sys.stdout.flush()
        return False


async def _main(folder: str, port: int, key: str) -> None:
    options = ["-R"] if os.environ.get("STREAMWEAVE_TEST_READ_ONLY") else []
    command = [str(OPENSSH), "-d", folder, *options]
    server = await asyncssh.create_server(
        lambda: _Guard(command), "127.0.0.1", port, server_host_keys=[key], encoding=None
    )
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
