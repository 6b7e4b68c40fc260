"""A door before a real S3 server that refuses what a rule names, in AWS's own words.

The words (status, code, message) are those of "Error responses" in Amazon's S3 API reference; a
server of our own that is out of quota, in another region or guarded by a policy is not at hand.
"""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Refusal:
    """An answer: HTTP status, S3 error code, and further elements of the error document."""

    status: int
    code: str
    message: str = "Refused."
    more: tuple[tuple[str, str], ...] = ()

    def document(self) -> bytes:
        """The error document."""
        elements = [("Code", self.code), ("Message", self.message), *self.more]
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements)
        return f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'.encode()


Rule = Callable[[str, str], Refusal | None]  # of a method and a path with its query
Choice = Callable[[str, str], bool]


def _nothing(_method: str, _path: str) -> bool:
    return False


def _changed(content: bytes) -> bytes:
    """The same with another byte in its middle."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :]


class _Listening(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request: object, _address: object) -> None:
        """A client or the server behind went away: the other end is told by its connection."""


@dataclass
class RefusingDoor:
    """Listens on a loopback port and passes on what no rule refuses."""

    server_url: str
    rule: Rule = lambda _method, _path: None
    loses_answer: Choice = _nothing  # the server does it, and nobody hears of it
    changes_answer: Choice = _nothing  # a byte of what is read is another one
    refused: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)  # answers that were lost or changed

    def __enter__(self) -> "RefusingDoor":
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                refusal = door.rule(self.command, self.path)
                if refusal is not None:
                    door.refused.append(f"{self.command} {self.path}")
                    content = b"" if self.command == "HEAD" else refusal.document()
                    self._send(refusal.status, [("Content-Type", "application/xml")], content)
                    return
                there = http.client.HTTPConnection(urlsplit(door.server_url).netloc, timeout=30)
                there.request(self.command, self.path, body, dict(self.headers.items()))
                found = there.getresponse()
                content = found.read()
                there.close()
                if door.loses_answer(self.command, self.path):
                    door.struck.append(f"{self.command} {self.path}")
                    self.close_connection = True
                    return
                if content and found.status < 300 and door.changes_answer(self.command, self.path):
                    door.struck.append(f"{self.command} {self.path}")
                    content = _changed(content)
                self._send(found.status, found.getheaders(), content)

            def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
                self.send_response(status)
                ours = {"transfer-encoding", "connection", "date", "server"}
                if self.command != "HEAD":
                    ours.add("content-length")
                    self.send_header("Content-Length", str(len(content)))
                for name, value in headers:
                    if name.lower() not in ours:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer

            def log_message(self, *_arguments: object) -> None:
                """Nothing: the test looks at `refused`."""

        self._server = _Listening(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"
