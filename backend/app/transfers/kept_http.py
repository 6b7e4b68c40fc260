"""HTTP/1.1 with one server, for requests by the thousand (RFC 9112).

A general client costs more CPU for a small object than the engine's whole work on it (measured, a
request with its signature: aiobotocore 0.75 ms, aiohttp 0.26, this 0.11). It knows what an object
store needs: bodies of a known length, answers by length, in chunks or up to the end of the
connection, TLS, a proxy. Nothing is redirected, stored or unpacked.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from http import HTTPStatus
from urllib.parse import SplitResult, unquote, urlsplit

from app.transfers.kept import END_OF_HEAD, KeptConnection

_CHUNK = 1 << 20
_TOGETHER = 64 << 10  # a body up to here goes with its head
_LONGEST_HEAD = 64 << 10
_LONGEST_LINE = 4 << 10  # of a chunk's length
_LONGEST_WHOLE = 1 << 20
_IDLE_SECONDS = 5.0  # less than servers keep a connection that nobody uses
_CONNECT_SECONDS = 15.0
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;|$)")
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class CouldNotConnectError(Exception):
    """No connection was made; the cause says why."""


class BrokenOffError(Exception):
    """The connection ended too early, or what came is no HTTP."""


class _NothingCameError(BrokenOffError):
    """The connection ended before anything of the answer came."""


class Answer:
    """An answer whose body is still to come. Header names are in lower case."""

    def __init__(
        self, connection: KeptConnection, status: int, headers: dict[str, str], *, is_bodiless: bool
    ) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection
        self._is_chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        self._left = None if self._is_chunked else _length(headers)
        if is_bodiless or status in _BODILESS:
            self._is_chunked, self._left = False, 0
        self.is_read = self._left == 0

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
            while size := await self._chunk_size():
                async for chunk in self._counted(size):
                    yield chunk
                if await self._line():
                    raise BrokenOffError("A chunk is longer than it says.")
            while await self._line():  # trailers
                pass
        elif self._left is not None:
            async for chunk in self._counted(self._left):
                yield chunk
        else:
            while await self._connection.wait(1):
                yield self._connection.take(_CHUNK)
        self.is_read = True

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

    async def _counted(self, left: int) -> AsyncGenerator[bytes, None]:
        while left:
            if not await self._connection.wait(min(left, _CHUNK)):
                raise BrokenOffError(f"{left} bytes are missing.")
            chunk = self._connection.take(min(left, _CHUNK))
            left -= len(chunk)
            yield chunk

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
            raise _NothingCameError("The connection ended.")
        if connection.is_over or here > most:
            raise BrokenOffError("What came is no answer, or not all of it.")
        await connection.wait(here + 1)
    return found


def _length(headers: Mapping[str, str]) -> int | None:
    told = headers.get("content-length")
    if told is None:
        return None
    if not (told.isascii() and told.isdigit()):
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
        known = headers.get(name)
        headers[name] = value if known is None or known == value else f"{known}, {value}"
    return int(status), headers


class KeptHttp:
    """A pool of connections to one server."""

    def __init__(
        self, url: str, *, timeout_seconds: float, trusted: ssl.SSLContext, proxy: str | None = None
    ) -> None:
        self._server = urlsplit(url)
        self._proxy = urlsplit(proxy) if proxy else None
        self._trusted = trusted if self._server.scheme == "https" else None
        self._timeout = timeout_seconds
        self._idle: list[tuple[float, KeptConnection]] = []
        # A plain request goes to the proxy with its whole address (RFC 9112, section 3.2.2).
        self._before = url if self._proxy and self._trusted is None else ""
        self._always = f"Host: {_host(self._server)}\r\n"
        if self._before and self._proxy:
            self._always += _proxy_logon(self._proxy)

    @contextlib.asynccontextmanager
    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> AsyncIterator[Answer]:
        """Send a request that may be sent twice; yield its answer.

        A kept connection may have been closed by the server meanwhile: then a new one is made.

        Raises:
            CouldNotConnectError: and the cause says why.
            BrokenOffError: the connection ended, or what came is no HTTP.
            TimeoutError: nothing came for the time-out.
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body or method in ("PUT", "POST") else ""
        head = f"{method} {self._before}{target} HTTP/1.1\r\n{self._always}{lines}{length}\r\n"
        connection, answer = await self._answered(method, head.encode("latin-1"), body)
        try:
            yield answer
        finally:
            if answer.may_be_kept and not connection.is_over:
                self._idle.append((asyncio.get_running_loop().time(), connection))
            else:
                connection.close()

    async def _answered(
        self, method: str, head: bytes, body: bytes
    ) -> tuple[KeptConnection, Answer]:
        if (kept := self._kept()) is not None:
            with contextlib.suppress(_NothingCameError):
                return kept, await self._send(kept, method, head, body)
        made = await self._connect()
        return made, await self._send(made, method, head, body)

    async def _send(
        self, connection: KeptConnection, method: str, head: bytes, body: bytes
    ) -> Answer:
        is_done = False
        try:
            if len(body) <= _TOGETHER:
                connection.ask(head + body)
                is_whole = True
            else:
                connection.ask(head)
                is_whole = await connection.send(body)
            status = 100
            while status < 200:  # what comes before the answer
                said = await _taken_to(connection, END_OF_HEAD, _LONGEST_HEAD)
                status, headers = parse_head(said)
            if not is_whole:
                headers["connection"] = "close"
            answer = Answer(connection, status, headers, is_bodiless=method == "HEAD")
            is_done = True
            return answer
        finally:
            if not is_done:
                connection.close()

    def _kept(self) -> KeptConnection | None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            since, connection = self._idle.pop()
            if since > oldest and not connection.is_over and not connection.here:
                return connection
            connection.close()
        return None

    async def _connect(self) -> KeptConnection:
        try:
            async with asyncio.timeout(min(_CONNECT_SECONDS, self._timeout)):
                return await (self._through_proxy() if self._proxy else self._directly())
        except (OSError, TimeoutError) as error:
            raise CouldNotConnectError(str(error) or type(error).__name__) from error

    async def _directly(self) -> KeptConnection:
        server, is_safe = self._server, self._trusted is not None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: KeptConnection(self._timeout),
            server.hostname or "",
            server.port or (443 if is_safe else 80),
            ssl=self._trusted,
        )
        return connection

    async def _through_proxy(self) -> KeptConnection:
        assert self._proxy is not None
        loop, server = asyncio.get_running_loop(), self._server
        _, connection = await loop.create_connection(
            lambda: KeptConnection(self._timeout),
            self._proxy.hostname or "",
            self._proxy.port or 8080,
        )
        if self._trusted is None:
            return connection
        is_done = False
        try:
            place = f"{server.hostname}:{server.port or 443}"
            connection.ask(
                f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
                f"{_proxy_logon(self._proxy)}\r\n".encode()
            )
            try:
                said = await _taken_to(connection, END_OF_HEAD, _LONGEST_HEAD)
                status, _ = parse_head(said)
            except BrokenOffError as error:
                raise OSError("The proxy gave no answer.") from error
            if status != HTTPStatus.OK:
                raise OSError(f"The proxy answered {status}.")
            await connection.begin_tls(self._trusted, server.hostname or "")
            is_done = True
            return connection
        finally:
            if not is_done:
                connection.close()

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop()[1].close()


def _host(server: SplitResult) -> str:
    """Return what the Host field says: a usual port is not named."""
    usual = {"http": 80, "https": 443}[server.scheme]
    name = server.netloc.rpartition("@")[2]
    return name.removesuffix(f":{usual}") if server.port == usual else name


def _proxy_logon(proxy: SplitResult) -> str:
    if proxy.username is None:
        return ""
    account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Proxy-Authorization: Basic {base64.b64encode(account.encode()).decode()}\r\n"
