"""The way to a server of HTTP: directly or through a proxy, with TLS or without."""

import asyncio
import base64
import ssl
from urllib.parse import SplitResult, unquote, urlsplit

from app.transfers.http_answer import BrokenOffError, answer_to
from app.transfers.kept import KeptConnection

_CONNECT_SECONDS = 15.0
_NEXT_ADDRESS_SECONDS = 0.25  # until a host's next address is tried too (RFC 8305)


class CouldNotConnectError(Exception):
    """No connection was made; the cause says why."""


class Way:
    """How connections to one server are made."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        trusted: ssl.SSLContext | None,
        proxy: str | None = None,
    ) -> None:
        self._server = urlsplit(url)
        self._proxy = urlsplit(proxy) if proxy else None
        self._trusted = trusted if self._server.scheme == "https" else None
        self._timeout = timeout_seconds
        self.host = _host(self._server)
        # A plain request goes to the proxy with its whole address (RFC 9112, section 3.2.2).
        self.before_target, self.proxy_head = "", ""
        if self._proxy and self._trusted is None:
            self.before_target, self.proxy_head = url, _proxy_logon(self._proxy)

    async def connect(self) -> KeptConnection:
        """Make a connection.

        Raises:
            CouldNotConnectError: and the cause says why.
        """
        try:
            async with asyncio.timeout(min(_CONNECT_SECONDS, self._timeout)):
                return await (self._through(self._proxy) if self._proxy else self._directly())
        except (OSError, TimeoutError, UnicodeError) as error:  # of a host that is no name
            raise CouldNotConnectError(str(error) or type(error).__name__) from error

    async def _directly(self) -> KeptConnection:
        server, usual = self._server, 80 if self._trusted is None else 443
        return await self._opened(server.hostname, server.port or usual, self._trusted)

    async def _through(self, proxy: SplitResult) -> KeptConnection:
        if proxy.scheme != "http":
            raise OSError(f"A proxy by {proxy.scheme} cannot be used, only one by http.")
        connection = await self._opened(proxy.hostname, proxy.port or 80, None)
        if self._trusted is None:
            return connection
        is_done = False
        try:
            await self._open_tunnel(connection, proxy)
            await connection.begin_tls(self._trusted, self._server.hostname or "")
            is_done = True
            return connection
        finally:
            if not is_done:
                connection.close()

    async def _opened(
        self, host: str | None, port: int, trusted: ssl.SSLContext | None
    ) -> KeptConnection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: KeptConnection(self._timeout),
            host or "",
            port,
            ssl=trusted,
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
        )
        return connection

    async def _open_tunnel(self, connection: KeptConnection, proxy: SplitResult) -> None:
        name = self._server.hostname or ""
        place = f"[{name}]" if ":" in name else name
        place += f":{self._server.port or 443}"
        connection.ask(
            f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{_proxy_logon(proxy)}\r\n".encode()
        )
        try:
            status, _, _ = await answer_to(connection, memoryview(b""))
        except BrokenOffError as error:
            raise OSError("The proxy gave no answer.") from error
        if status >= 300:
            raise OSError(f"The proxy answered {status}.")
        if connection.here:  # it would be taken for the server's answer
            raise OSError("The proxy said more than it may.")


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
