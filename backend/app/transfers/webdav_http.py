"""The HTTP beneath WebDAV: log-on, and what its failures mean."""

import base64
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from yarl import URL

from app.errors import StreamWeaveError
from app.transfers import webdav_xml as xml
from app.transfers.file_server import ServerAddress
from app.transfers.http_answer import BrokenOffError
from app.transfers.http_way import CouldNotConnectError
from app.transfers.kept_http import KeptHttp

_CONNECTIONS = 16
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
_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "storage_host_unknown"),
    (UnicodeError, "storage_host_unknown"),
    (ssl.SSLCertVerificationError, "storage_host_key_mismatch"),
    (CouldNotConnectError, "storage_unreachable"),
    (TimeoutError, "storage_stalled"),
    (BrokenOffError, "storage_connection_lost"),
    (OSError, "storage_connection_lost"),
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

    raises: tuple[type[Exception], ...] = (
        Answered,
        BrokenOffError,
        CouldNotConnectError,
        OSError,
    )

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        self._http: KeptHttp | None = None

    async def connect(self) -> KeptHttp:
        """Log on: the first request, alone."""
        if self._http is None:
            self._http = self._open()
        target, head = urlsplit(root_url(self._address)).path, {"Depth": "0"}
        async with self._http.ask("PROPFIND", target, head, xml.FACTS) as answer:
            if answer.status != HTTPStatus.MULTI_STATUS:
                raise Answered(answer.status)
            await answer.whole()
        return self._http

    def _open(self) -> KeptHttp:
        address = self._address
        account = base64.b64encode(f"{address.username}:{address.secret}".encode()).decode()
        origin = URL(root_url(address), encoded=True).origin()
        trusted = None
        if origin.scheme == "https":
            trusted = ssl.create_default_context(cadata=address.options.get("ca") or None)
        return KeptHttp(
            str(origin),
            timeout_seconds=address.timeout_seconds,
            trusted=trusted,
            headers={
                "Authorization": f"Basic {account}",
                "Accept-Encoding": "identity",  # or the ETag may be another one
                "User-Agent": "StreamWeave",
            },
            most=_CONNECTIONS,
        )

    def is_open(self, session: KeptHttp) -> bool:
        """Whether requests may still be made: each makes its connection where none is kept."""
        return True

    def cut(self, session: KeptHttp) -> None:
        """Nothing: each request has a connection of its own, and broken ones are not kept."""

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def error(self, raised: Exception, step: str) -> StreamWeaveError:
        """Return what a failed step means."""
        if isinstance(raised, Answered):
            code = _CODES.get(raised.status, "storage_error")
            if step == "connecting" and raised.status in (404, 405, 409):
                code = "storage_share_missing"
            return StreamWeaveError(code, f"{step}: HTTP {raised.status}")
        reasons = list(_reasons(raised))
        code = next(
            (code for kind, code in _FAILURES for one in reasons if isinstance(one, kind)),
            "storage_error",
        )
        return StreamWeaveError(code, f"{step}: {str(raised) or type(raised).__name__}")


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
