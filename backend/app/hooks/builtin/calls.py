"""HTTP calls of hooks: bounded in time and size, to checked addresses, redirects not followed."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from streamweave_sdk.hooks import Config, RetryLater

_LONGEST_WAIT_SECONDS = 86400.0
_LATER = {408, 421, 423, 425, 429}


class CallFailed(Exception):
    """The other side refused; the text says what it answered."""


@dataclass(frozen=True)
class Response:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self, most_characters: int = 300) -> str:
        """Return the beginning of the body, fit to be shown."""
        start = self.body[: 4 * most_characters].decode("utf-8", "replace")
        return " ".join("".join(c if c.isprintable() else " " for c in start).split())[
            :most_characters
        ]


def _is_network(text: str) -> str:
    ipaddress.ip_network(text)
    return text


def _is_pem(text: str) -> str:
    if text:
        try:
            ssl.create_default_context(cadata=text)
        except ssl.SSLError as error:
            raise ValueError("These are no certificates in PEM.") from error
    return text


def checked_url(url: str) -> str:
    """Return a URL that can be called.

    Raises:
        ValueError: it is none: another scheme, a name and password in it, no plain host.
    """
    if not url.isascii() or any(character <= " " or character == "\\" for character in url):
        raise ValueError("A URL has neither spaces nor letters beyond ASCII; encode them.")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("A URL begins with https://host or http://host.")
    if "@" in parts.netloc:
        raise ValueError("No name and password stand in a URL; there are fields for secrets.")
    if parts.port == 0:
        raise ValueError("Its port is 0.")
    return url


Url = Annotated[
    str,
    Field(min_length=1, max_length=2000, examples=["https://example.org/hooks"]),
    AfterValidator(checked_url),
]


class NetworkConfig(Config):
    """What a hook may call, and for how long."""

    model_config = ConfigDict(hide_input_in_errors=True)

    allow_networks: list[Annotated[str, AfterValidator(_is_network)]] = Field(
        default_factory=list, max_length=50, examples=[["10.20.0.0/16"]],
        description="private networks that may be called; others than public ones are refused",
    )  # fmt: skip
    allow_http: bool = Field(default=False, description="also without encryption (http://)")
    timeout_seconds: float = Field(default=15, gt=0, le=120, description="for one whole call")
    ca_certificates: Annotated[str, AfterValidator(_is_pem)] = Field(
        default="", max_length=100_000, description="PEM of authorities of your own"
    )

    def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        most_bytes: int = 1 << 20,
    ) -> Response:
        """Return the answer of one call, whatever its status.

        Raises:
            AddressRefused: the host is in a network that may not be called.
            CallFailed: the request is none, or the answer is larger than `most_bytes`.
            RetryLater: nobody answered in time.
        """
        import httpcore  # hooks that call nobody do without it

        from app.hooks.builtin.addresses import CheckedBackend

        try:
            checked_url(url)
        except ValueError as error:
            raise CallFailed(f"'{url:.300}' cannot be called: {error}") from error
        if not self.allow_http and url.startswith("http:"):
            raise CallFailed("Calls without encryption (http://) are not allowed here.")
        allowed = [ipaddress.ip_network(one) for one in self.allow_networks]
        seconds = self.timeout_seconds
        own = {"user-agent": "StreamWeave", "accept-encoding": "identity", "connection": "close"}
        sent = [(n.encode(), v.encode()) for n, v in {**own, **headers}.items()]
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}
        try:
            with (
                httpcore.ConnectionPool(
                    self._trust(url), network_backend=CheckedBackend(allowed, seconds)
                ) as pool,
                pool.stream(method, url, headers=sent, content=body, extensions=extensions) as got,
            ):
                content = bytearray()
                for chunk in got.iter_stream():
                    content += chunk
                    if len(content) > most_bytes:
                        raise CallFailed(f"It answered more than {most_bytes} bytes.")
                told = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in got.headers}
                return Response(got.status, told, bytes(content))
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise CallFailed(f"The request cannot be sent: {error}") from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            host = urlsplit(url).hostname
            raise RetryLater(f"'{host}' did not answer: {error or type(error).__name__}") from error

    def _trust(self, url: str) -> ssl.SSLContext | None:
        if not url.startswith("https:"):
            return None
        import certifi

        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        if self.ca_certificates:
            context.load_verify_locations(cadata=self.ca_certificates)
        return context


def refuse_failures(response: Response, what: str) -> Response:
    """Return the response when it tells of success.

    Raises:
        RetryLater: it is a matter of time; the receiver's own wish is kept.
        CallFailed: it refused, or sent elsewhere.
    """
    if 200 <= response.status < 300:
        return response
    said = response.text()
    text = f"{what} answered {response.status}{': ' + said if said else '.'}"
    if response.status in _LATER or response.status >= 500:
        raise RetryLater(text, wished_seconds(response, datetime.now(UTC)))
    if 300 <= response.status < 400:
        elsewhere = response.headers.get("location", "elsewhere")
        raise CallFailed(f"{text} It sends to '{elsewhere:.300}'; redirects are not followed.")
    raise CallFailed(text)


def wished_seconds(response: Response, now: datetime) -> float | None:
    """Return how long Retry-After asks to wait, between a second and a day; None without it."""
    wish = response.headers.get("retry-after", "").strip()
    if not wish:
        return None
    if wish.isascii() and wish.isdigit():
        seconds = float(wish[:9])
    else:
        try:
            moment = parsedate_to_datetime(wish)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 1.0), _LONGEST_WAIT_SECONDS)
