"""HTTP/1.1 with one server, for requests by the thousand (RFC 9112).

A general client costs more CPU for a small object than the engine's whole work on it (measured, a
request: aiobotocore 0.75 ms, aiohttp 0.2, this 0.05). It knows what an object store needs: bodies
of a known length, answers by length, in chunks or up to the end of the connection, TLS, a proxy,
the cookie of a session. Nothing is redirected, cached or unpacked.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from weakref import WeakSet

from app.transfers.http_answer import SET_COOKIE, Answer, NothingCameError, answer_to
from app.transfers.http_way import CouldNotConnectError, Way
from app.transfers.kept import KeptConnection

_TOGETHER = 64 << 10  # a body up to here goes with its head
_IDLE_SECONDS = 5.0  # less than servers keep a connection that nobody uses
_MOST_COOKIES = 50
_MOST_LONG = 64  # more than an engine has on its way at a time
_NO_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


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
            self._status, _, is_whole = await answer_to(self._connection, left)
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
            self._status, _, _ = await answer_to(self._connection, memoryview(b""))
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
        self._timeout = timeout_seconds
        self._way = Way(url, timeout_seconds=timeout_seconds, trusted=trusted, proxy=proxy)
        self._idle: list[tuple[float, KeptConnection]] = []
        self._made: WeakSet[KeptConnection] = WeakSet()
        self._always = f"Host: {self._way.host}\r\n{self._way.proxy_head}{_lines(headers or {})}"

    @property
    def host(self) -> str:
        """What the Host field says."""
        return self._way.host

    def _head(
        self, method: str, target: str, headers: Mapping[str, str], size_bytes: int | None
    ) -> bytes:
        length = "" if size_bytes is None else f"Content-Length: {size_bytes}\r\n"
        line = f"{method} {self._way.before_target}{target} HTTP/1.1\r\n"
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
            self._keep_cookies(answer.headers.get(SET_COOKIE, ""))
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
            with contextlib.suppress(NothingCameError):
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
            status, headers, is_whole = await answer_to(connection, left)
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
        made = await self._way.connect()
        self._made.add(made)
        return made

    def close(self) -> None:
        """Close all connections: what is on its way breaks off."""
        self._is_closed = True
        self._idle.clear()
        for connection in list(self._made):
            connection.close()
