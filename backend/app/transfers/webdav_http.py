"""The HTTP beneath WebDAV, by aiohttp: connections, log-on, and what its failures mean."""

import base64
import ssl
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from app.errors import StreamWeaveError
from app.transfers import webdav_xml as xml
from app.transfers.file_server import ServerAddress

_CONNECTIONS = 16
_IDLE_SECONDS = 5.0  # less than servers keep a connection that nobody uses
_READ_AHEAD_BYTES = 1 << 20
_HEAD_BYTES = 64 << 10  # a path may have 4,096 bytes, each of which is three in a URL
_IN_PATHS = "/%!$&'()*+,;=:@"  # what was quoted by whoever wrote the address stays so

_CODES = {
    400: "storage_name_refused",
    401: "storage_logon_failed",
    403: "storage_permission_denied",
    404: "storage_object_missing",
    407: "storage_logon_failed",
    409: "storage_object_missing",  # the folder above is missing
    414: "storage_name_refused",
    423: "storage_file_locked",
    502: "storage_unreachable",
    504: "storage_stalled",
    507: "storage_full",
}
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "storage_unreachable"),
    (TimeoutError, "storage_stalled"),
    (aiohttp.ClientConnectorDNSError, "storage_host_unknown"),
    (ssl.SSLCertVerificationError, "storage_host_key_mismatch"),
    (aiohttp.ClientConnectorError, "storage_unreachable"),
    (aiohttp.InvalidURL, "storage_error"),
    (aiohttp.ClientError, "storage_connection_lost"),
)


class Answered(Exception):
    """The server answered with a failure."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Said(NamedTuple):
    """A short answer, read to its end."""

    status: int
    body: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """Return the body as a long answer's is read."""
        yield self.body


class HttpConnector:
    """The pool of connections is kept; "connecting" is the one request that logs on first."""

    raises: tuple[type[Exception], ...] = (Answered, aiohttp.ClientError, OSError)

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        self._client: aiohttp.ClientSession | None = None

    async def connect(self) -> aiohttp.ClientSession:
        """Log on: the first request, alone."""
        if self._client is None:
            self._client = self._open()
        url = URL(root_url(self._address), encoded=True)
        head = {"Depth": "0"}
        async with self._client.request(
            "PROPFIND", url, headers=head, data=xml.FACTS, allow_redirects=False
        ) as answer:
            await answer.read()
            if answer.status != HTTPStatus.MULTI_STATUS:
                raise Answered(answer.status)
        return self._client

    def _open(self) -> aiohttp.ClientSession:
        address = self._address
        account = base64.b64encode(f"{address.username}:{address.secret}".encode()).decode()
        trusted: ssl.SSLContext | bool = True
        if urlsplit(address.url).scheme == "https":
            trusted = ssl.create_default_context(cadata=address.options.get("ca") or None)
        seconds = address.timeout_seconds
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS, ssl=trusted, keepalive_timeout=_IDLE_SECONDS
            ),
            headers={
                "Authorization": f"Basic {account}",
                "Accept-Encoding": "identity",  # or the ETag may be another one
            },
            skip_auto_headers=["Content-Type"],
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
            trust_env=False,
            read_bufsize=_READ_AHEAD_BYTES,
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
        )

    def is_open(self, session: aiohttp.ClientSession) -> bool:
        """Whether requests may still be made."""
        return not session.closed

    def cut(self, session: aiohttp.ClientSession) -> None:
        """Nothing: each request has a connection of its own, and broken ones are not kept."""

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def error(self, raised: Exception, step: str) -> StreamWeaveError:
        """Return what a failed step means."""
        if isinstance(raised, Answered):
            code = _CODES.get(raised.status, "storage_error")
            if step == "connecting" and raised.status in (404, 405, 409):
                code = "storage_share_missing"
            return StreamWeaveError(code, f"{step}: HTTP {raised.status}")
        found = (c for r in _reasons(raised) for kind, c in _FAILURES if isinstance(r, kind))
        code = next(found, "storage_error")
        # Its own words are for programmers.
        said = raised.os_error if isinstance(raised, aiohttp.ClientConnectorError) else raised
        return StreamWeaveError(code, f"{step}: {said or type(raised).__name__}")


def _reasons(raised: BaseException | None) -> Iterator[BaseException]:
    while raised is not None:
        yield raised
        raised = raised.__cause__ or raised.__context__


def root_url(address: ServerAddress) -> str:
    """Return the URL of the root as it is sent.

    Raises:
        StreamWeaveError: `storage_error` for an address that is none.
    """
    try:
        origin = URL(address.url).origin()
    except ValueError as error:
        raise StreamWeaveError("storage_error", f"{address.url}: {error}") from error
    base = quote(urlsplit(address.url).path.rstrip("/"), safe=_IN_PATHS)
    root = quote(address.root.strip("/"), safe="/")
    return f"{origin}{base}/{root}".rstrip("/") + "/"
