"""HTTP/1.1 with one server, for requests by the thousand (RFC 9112).

A general client costs more CPU for a small object than the engine's whole work on it (measured, a
request: aiobotocore 0.75 ms, aiohttp 0.2, this 0.05). It knows what an object store needs: bodies
of a known length, answers by length, in chunks or up to the end of the connection, TLS, a proxy,
the cookie of a session. Nothing is redirected, cached or unpacked.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from http import HTTPStatus
from urllib.parse import SplitResult, unquote, urlsplit
from weakref import WeakSet

from app.transfers.kept import END_OF_HEAD, KeptConnection

_CHUNK = 1 << 20
_TOGETHER = 64 << 10  # a body up to here goes with its head
_LONGEST_HEAD = 64 << 10
_LONGEST_LINE = 4 << 10  # of a chunk's length
_LONGEST_WHOLE = 1 << 20
_IDLE_SECONDS = 5.0  # less than servers keep a connection that nobody uses
_CONNECT_SECONDS = 15.0
_NEXT_ADDRESS_SECONDS = 0.25  # until a host's next address is tried too (RFC 8305)
_SET_COOKIE = "set-cookie"
_MOST_COOKIES = 50
_MOST_LONG = 64  # more than an engine has on its way at a time
_MOST_HEADS = 100  # of interim answers, and lines of trailers
_NO_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
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
            raise _NothingCameError("The connection ended.")
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
        known, between = headers.get(name), "\n" if name == _SET_COOKIE else ", "
        headers[name] = value if known is None or known == value else f"{known}{between}{value}"
    return int(status), headers


async def _answer_to(
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


def _lines(headers: Mapping[str, str]) -> str:
    if any(_NO_VALUE.search(value) for value in headers.values()):
        raise ValueError("A header's value has a control character.")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


class Upload:
    """A PUT that is on its way."""

    def __init__(self, connection: KeptConnection) -> None:
        self._connection = connection
        self._status: int | None = None

    async def send(self, block: bytes) -> bool:
        """Send the next block; False when the answer, or the connection's end, came before.

        Raises:
            BrokenOffError: the connection ended.
            TimeoutError: when the server takes nothing for the time-out.
        """
        left = memoryview(block)
        left = left[await self._connection.send(left) :]
        if left:
            self._status, _, is_whole = await _answer_to(self._connection, left)
            return is_whole
        return True

    async def status(self, patience_seconds: float) -> int:
        """Return the status of the answer.

        Raises:
            BrokenOffError: the connection ended, or what came is no HTTP.
            TimeoutError: nothing came for so long.
        """
        if self._status is None:
            self._connection.timeout_seconds = patience_seconds
            self._status, _, _ = await _answer_to(self._connection, memoryview(b""))
        return self._status


class KeptHttp:
    """A pool of connections to one server."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        trusted: ssl.SSLContext | None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = 32,
    ) -> None:
        # Who sends or reads something long keeps nobody from a short question.
        self._short, self._long = asyncio.Semaphore(most), asyncio.Semaphore(_MOST_LONG)
        self._cookies: dict[str, str] = {}
        self._is_closed = False
        self._server = urlsplit(url)
        self._proxy = urlsplit(proxy) if proxy else None
        self._trusted = trusted if self._server.scheme == "https" else None
        self._timeout = timeout_seconds
        self._idle: list[tuple[float, KeptConnection]] = []
        self._made: WeakSet[KeptConnection] = WeakSet()
        # A plain request goes to the proxy with its whole address (RFC 9112, section 3.2.2).
        self._before = url if self._proxy and self._trusted is None else ""
        self.host = _host(self._server)
        self._always = f"Host: {self.host}\r\n"
        if self._before and self._proxy:
            self._always += _proxy_logon(self._proxy)
        self._always += _lines(headers or {})

    def _head(
        self, method: str, target: str, headers: Mapping[str, str], size_bytes: int | None
    ) -> bytes:
        length = "" if size_bytes is None else f"Content-Length: {size_bytes}\r\n"
        line = f"{method} {self._before}{target} HTTP/1.1\r\n"
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        known = _lines({"Cookie": cookies}) if cookies else ""
        return f"{line}{self._always}{known}{_lines(headers)}{length}\r\n".encode("latin-1")

    def _keep_cookies(self, told: str) -> None:
        """Keep what a server knows its session by, else it checks the password each time.

        All go back to this server alone, as long as this is used; an empty one is forgotten.
        """
        for line in told.split("\n") if told else ():
            name, _, value = line.partition(";")[0].strip().partition("=")
            self._cookies.pop(name, None)
            may_be_sent = name and value and not _NO_VALUE.search(line)
            if may_be_sent and len(self._cookies) < _MOST_COOKIES:
                self._cookies[name] = value

    @contextlib.asynccontextmanager
    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        is_long: bool = False,
    ) -> AsyncIterator[Answer]:
        """Send a request that may be sent twice; yield its answer, which may be a long one.

        A kept connection may have been closed by the server meanwhile: then a new one is made.

        Raises:
            CouldNotConnectError: and the cause says why.
            BrokenOffError: the connection ended, or what came is no HTTP.
            TimeoutError: nothing came for the time-out.
        """
        size = len(body) if body or method in ("PUT", "POST") else None
        head = self._head(method, target, headers, size)
        async with self._a_place(self._long if is_long else self._short):
            connection, answer = await self._answered(method, head, body)
            self._keep_cookies(answer.headers.get(_SET_COOKIE, ""))
            try:
                yield answer
            finally:
                self._put_back(connection, answer)

    @contextlib.asynccontextmanager
    async def _a_place(self, room: asyncio.Semaphore) -> AsyncIterator[None]:
        """Be one of those that have a connection."""
        async with asyncio.timeout(self._timeout):
            await room.acquire()
        try:
            yield
        finally:
            room.release()

    def _put_back(self, connection: KeptConnection, answer: Answer) -> None:
        if answer.may_be_kept and not connection.is_over and not self._is_closed:
            connection.rest()
            self._idle.append((asyncio.get_running_loop().time(), connection))
        else:
            connection.close()

    @contextlib.asynccontextmanager
    async def upload(
        self, target: str, headers: Mapping[str, str], size_bytes: int
    ) -> AsyncIterator["Upload"]:
        """Begin a PUT whose body comes piece by piece, on a connection of its own.

        Raises:
            CouldNotConnectError: and the cause says why.
        """
        async with self._a_place(self._long):
            connection = await self._connect()
            try:
                connection.ask(self._head("PUT", target, headers, size_bytes))
                yield Upload(connection)
            finally:
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
            together = body if len(body) <= _TOGETHER else b""
            connection.ask(head + together)
            left = memoryview(body)[len(together) :]
            status, headers, is_whole = await _answer_to(connection, left)
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
        if self._is_closed:
            raise CouldNotConnectError("It was closed.")
        try:
            async with asyncio.timeout(min(_CONNECT_SECONDS, self._timeout)):
                made = await (self._through_proxy() if self._proxy else self._directly())
                self._made.add(made)
                return made
        except (OSError, TimeoutError, UnicodeError) as error:  # of a host that is no name
            raise CouldNotConnectError(str(error) or type(error).__name__) from error

    async def _directly(self) -> KeptConnection:
        server, is_safe = self._server, self._trusted is not None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: KeptConnection(self._timeout),
            server.hostname or "",
            server.port or (443 if is_safe else 80),
            ssl=self._trusted,
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
        )
        return connection

    async def _through_proxy(self) -> KeptConnection:
        assert self._proxy is not None
        loop, server = asyncio.get_running_loop(), self._server
        if self._proxy.scheme != "http":
            raise OSError(f"A proxy by {self._proxy.scheme} cannot be used, only one by http.")
        _, connection = await loop.create_connection(
            lambda: KeptConnection(self._timeout),
            self._proxy.hostname or "",
            self._proxy.port or 80,
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
        )
        if self._trusted is None:
            return connection
        is_done = False
        try:
            await self._open_tunnel(connection, self._proxy)
            await connection.begin_tls(self._trusted, server.hostname or "")
            is_done = True
            return connection
        finally:
            if not is_done:
                connection.close()

    async def _open_tunnel(self, connection: KeptConnection, proxy: SplitResult) -> None:
        name = self._server.hostname or ""
        place = f"[{name}]" if ":" in name else name
        place += f":{self._server.port or 443}"
        connection.ask(
            f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{_proxy_logon(proxy)}\r\n".encode()
        )
        try:
            status, _, _ = await _answer_to(connection, memoryview(b""))
        except BrokenOffError as error:
            raise OSError("The proxy gave no answer.") from error
        if status >= 300:
            raise OSError(f"The proxy answered {status}.")
        if connection.here:  # it would be taken for the server's answer
            raise OSError("The proxy said more than it may.")

    def close(self) -> None:
        """Close all connections: what is on its way breaks off."""
        self._is_closed = True
        self._idle.clear()
        for connection in list(self._made):
            connection.close()


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
