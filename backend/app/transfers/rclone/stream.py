"""Reading files from rclone's VFS HTTP server over kept-alive unix connections.

A generic HTTP client costs more CPU for a small file than hashing and writing it together
(measured: 1.4 ms against 0.35-0.7 ms a file), so this reader knows just what `rclone serve http`
answers: HTTP/1.1, Content-Length, no chunks, no redirects (RFC 9112).
"""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import quote_from_bytes

from app.errors import StreamWeaveError

_CHUNK = 1 << 20
_LIMIT = 4 << 20

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class VfsReader:
    """A pool of connections to one VFS HTTP server."""

    def __init__(self, socket: Path, *, timeout_seconds: float) -> None:
        self._socket = socket
        self._timeout = timeout_seconds
        self._idle: list[Connection] = []

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream one file.

        Raises:
            StreamWeaveError: `source_file_missing`, `source_file_changed` when another number of
                bytes comes, `source_timeout` when none comes for the time-out.
        """
        connection = self._idle.pop() if self._idle else await self._connect()
        reusable = False
        try:
            length = await self._request(connection, path)
            if length != size_bytes:
                raise StreamWeaveError(
                    "source_file_changed", f"{length} bytes are offered, not {size_bytes}."
                )
            left = length
            while left:
                chunk = await self._receive(connection[0], left)
                left -= len(chunk)
                yield chunk
            reusable = True
        finally:
            if reusable:
                self._idle.append(connection)
            else:
                connection[1].close()

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(5):
                return await asyncio.open_unix_connection(str(self._socket), limit=_LIMIT)
        except (OSError, TimeoutError) as error:
            raise StreamWeaveError("rclone_unavailable", f"connecting: {error}") from error

    async def _receive(self, reader: asyncio.StreamReader, left: int) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                chunk = await reader.read(min(left, _CHUNK))
        except TimeoutError as error:
            raise StreamWeaveError("source_timeout", "reading: no bytes in time.") from error
        except OSError as error:
            raise StreamWeaveError("source_connection_lost", f"reading: {error}") from error
        if not chunk:
            raise StreamWeaveError("source_connection_lost", f"reading: {left} bytes are missing.")
        return chunk

    async def _request(self, connection: Connection, path: bytes) -> int:
        reader, writer = connection
        writer.write(b"GET /%b HTTP/1.1\r\nHost: vfs\r\n\r\n" % quote_from_bytes(path).encode())
        try:
            async with asyncio.timeout(self._timeout):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError as error:
            raise StreamWeaveError("source_timeout", "opening: no answer in time.") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            # The daemon restarted, or closed an idle connection: a new one is made next time.
            self._idle.clear()
            raise StreamWeaveError("rclone_unavailable", f"opening: {error}") from error
        status, length = _parse(head)
        if status == 404:
            raise StreamWeaveError("source_file_missing", "opening: it is not there any more.")
        if status != 200 or length is None:
            raise StreamWeaveError("source_error", f"opening: HTTP status {status}.")
        return length

    async def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop()[1].close()


def _parse(head: bytes) -> tuple[int, int | None]:
    lines = head.split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1])
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return status, int(value)
    return status, None
