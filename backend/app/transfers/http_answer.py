"""Reading answers of HTTP/1.1 from a kept connection (RFC 9112).

By length, in chunks, or up to the end of the connection; what broke off is never taken for a whole.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus

from app.transfers.kept import END_OF_HEAD, KeptConnection

SET_COOKIE = "set-cookie"
_CHUNK = 1 << 20
_LONGEST_HEAD = 64 << 10
_LONGEST_LINE = 4 << 10  # of a chunk's length
_LONGEST_WHOLE = 1 << 20
_MOST_HEADS = 100  # of interim answers, and lines of trailers
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;|$)")
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class BrokenOffError(Exception):
    """The connection ended too early, or what came is no HTTP."""


class NothingCameError(BrokenOffError):
    """The connection ended before anything of the answer came."""


class Answer:
    """An answer whose body is still to come. Header names are in lower case."""

    def __init__(
        self, connection: KeptConnection, status: int, headers: dict[str, str], *, is_bodiless: bool
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._left: int | None = 0
        self._is_chunked = False
        if not is_bodiless and status not in _BODILESS:
            self._is_chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
            self._left = None if self._is_chunked else _length(headers)
        self._is_over = False  # of a body without a length

    @property
    def is_read(self) -> bool:
        """Whether all of the body was taken."""
        return self._is_over or self._left == 0

    @property
    def may_be_kept(self) -> bool:
        """Whether the connection serves another request after this answer."""
        closes = self.headers.get("connection", "").lower() == "close"
        return self.is_read and not closes and not self._connection.here

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Stream the body.

        Raises:
            BrokenOffError: the connection ended before the body did.
            TimeoutError: nothing came for the time-out.
        """
        if self._is_chunked:
            async for chunk in self._chunked():
                yield chunk
        elif self._left is not None:
            while self._left:
                chunk = await self._next(self._left)
                self._left -= len(chunk)
                yield chunk
        else:
            while await self._connection.wait(1):
                yield self._connection.take(_CHUNK)
            if self._connection.failure is not None:
                raise BrokenOffError("The body broke off.") from self._connection.failure
            self._is_over = True

    async def _chunked(self) -> AsyncGenerator[bytes, None]:
        while size := await self._chunk_size():
            while size:
                chunk = await self._next(size)
                size -= len(chunk)
                yield chunk
            if await self._line():
                raise BrokenOffError("A chunk is longer than it says.")
        for _ in range(_MOST_HEADS):  # trailers
            if not await self._line():
                self._is_over = True
                return
        raise BrokenOffError("The answer has no end.")

    async def whole(self) -> bytes:
        """Return a body that is short.

        Raises:
            BrokenOffError: it is longer than 1 MiB, or broke off.
            TimeoutError: nothing came for the time-out.
        """
        found = bytearray()
        async for chunk in self.chunks():
            found += chunk
            if len(found) > _LONGEST_WHOLE:
                raise BrokenOffError("The answer is too long.")
        return bytes(found)

    async def _next(self, left: int) -> bytes:
        if not await self._connection.wait(min(left, _CHUNK)):
            raise BrokenOffError(f"{left} bytes are missing.")
        return self._connection.take(min(left, _CHUNK))

    async def _chunk_size(self) -> int:
        told = _CHUNK_SIZE.match(await self._line())
        if told is None:
            raise BrokenOffError("A chunk has no length.")
        return int(told[1], 16)

    async def _line(self) -> bytes:
        return (await _taken_to(self._connection, b"\r\n", _LONGEST_LINE))[:-2]


async def _taken_to(connection: KeptConnection, mark: bytes, most: int) -> bytes:
    """Wait for what ends in a mark, and take it."""
    while (found := connection.take_to(mark)) is None:
        here = connection.here
        if connection.is_over and not here:
            raise NothingCameError("The connection ended.")
        if connection.is_over or here > most:
            raise BrokenOffError("What came is no answer, or not all of it.")
        await connection.wait(here + 1)
    return found


def _length(headers: Mapping[str, str]) -> int | None:
    told = headers.get("content-length")
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) < 20):
        raise BrokenOffError("The answer's length is no number.")
    return int(told)


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return an answer's status and headers (RFC 9112, sections 4 and 5).

    Raises:
        BrokenOffError: it is no head of an answer.
    """
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
        raise BrokenOffError("What came is no HTTP.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not colon or name != name.strip():
            raise BrokenOffError("A header has no name.")
        # Of two lengths that differ none is a number any more.
        known, between = headers.get(name), "\n" if name == SET_COOKIE else ", "
        headers[name] = value if known is None or known == value else f"{known}{between}{value}"
    return int(status), headers


async def answer_to(
    connection: KeptConnection, left: memoryview
) -> tuple[int, dict[str, str], bool]:
    """Send what is left of a body; return status and headers, and whether all of it was sent.

    What comes before the answer (1xx) may come at any time and ends nothing.
    """
    for _ in range(_MOST_HEADS):
        left = left[await connection.send(left) :]
        status, headers = parse_head(await _taken_to(connection, END_OF_HEAD, _LONGEST_HEAD))
        if status >= 200:
            return status, headers, not left
    raise BrokenOffError("The server never comes to its answer.")
