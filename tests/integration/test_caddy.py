"""Behind a real Caddy the page is what the API serves by itself, and live events come at once."""

import asyncio
import gzip
import socket
import sysconfig
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.main import create_app
from simlab.process import LOOPBACK, ServerProcess

CADDYFILE = Path(__file__).parents[2] / "frontend" / "Caddyfile"
ASSET = "let a = 1\n" * 200
COMPARED = (
    "content-type", "cache-control", "content-encoding", "vary", "content-security-policy",
    "x-content-type-options", "referrer-policy", "cross-origin-opener-policy",
)  # fmt: skip


class Upstream(BaseHTTPRequestHandler):
    """Stands for the API: says what it was asked; its events stay open until the test lets go."""

    protocol_version = "HTTP/1.1"
    let_go = threading.Event()

    def do_GET(self) -> None:
        if self.path != "/api/events":
            self._say(f"{self.command} {self.path}".encode())
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"event: hello\n\n")
        self.wfile.flush()
        self.let_go.wait(20)
        self.close_connection = True

    do_POST = do_GET

    def _say(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", '"7"')
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Caddy(ServerProcess):
    """Caddy as its image runs it."""

    def __init__(self, folder: Path, logs: Path, upstream: int) -> None:
        super().__init__("caddy", logs=logs)
        self._home, self._folder, self._upstream = logs, folder, upstream
        self._address = ""

    def command(self, port: int) -> Sequence[str]:
        self._address = f"http://{LOOPBACK}:{port}"
        program = Path(sysconfig.get_path("scripts")) / "caddy"
        return [str(program), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]

    def environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self._home),
            "STREAMWEAVE_PAGE_ADDRESS": self._address,
            "STREAMWEAVE_API_UPSTREAM": f"{LOOPBACK}:{self._upstream}",
            "STREAMWEAVE_PAGE_FOLDER": str(self._folder),
        }

    def answers(self, port: int) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("page") / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html><title>StreamWeave</title>")
    (built / "icon.svg").write_text("<svg/>")
    (built / "assets" / "app-1a2b.js").write_text(ASSET)
    (built / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(ASSET.encode()))
    return built


@pytest.fixture(scope="module")
def behind(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    upstream = ThreadingHTTPServer((LOOPBACK, 0), Upstream)
    serving = threading.Thread(target=upstream.serve_forever)
    serving.start()
    caddy = Caddy(folder, tmp_path_factory.mktemp("caddy"), upstream.server_address[1])
    try:
        caddy.start()
        with httpx.Client(base_url=f"http://{LOOPBACK}:{caddy.port}", timeout=10) as client:
            yield client
    finally:
        Upstream.let_go.set()
        caddy.close()
        upstream.shutdown()
        upstream.server_close()
        serving.join()


async def _ask(app: FastAPI, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
    """Without the application's lifespan: the page needs no database."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("packed", ["gzip", "identity"])
@pytest.mark.parametrize(
    "path",
    ["/", "/files", "/files/0198?x=1", "/icon.svg", "/assets/app-1a2b.js", "/assets/old-0000.js",
     "/assets/", "/apis", "/nowhere/"],
)  # fmt: skip
def test_it_answers_as_the_api_does(
    behind: httpx.Client, folder: Path, tmp_path: Path, path: str, packed: str, method: str
) -> None:
    settings = Settings(_env_file=None, data=tmp_path / "data", page_folder=folder)
    app = create_app(settings, background=False)
    headers = {"Accept-Encoding": packed}
    expected = asyncio.run(_ask(app, method, path, headers))
    got = behind.request(method, path, headers=headers)
    assert (got.status_code, got.text) == (expected.status_code, expected.text)
    assert {name: got.headers.get(name) for name in COMPARED} == {
        name: expected.headers.get(name) for name in COMPARED
    }
    assert "server" not in got.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/files?limit=2"), ("POST", "/api/auth/login"), ("GET", "/ark:99999/x1?info"),
     ("POST", "/files"), ("GET", "/api")],
)  # fmt: skip
def test_the_api_gets_what_is_its_own_and_nothing_of_it_is_changed(
    behind: httpx.Client, method: str, path: str
) -> None:
    got = behind.request(method, path)
    assert got.text == f"{method} {path}"
    assert got.headers["etag"] == '"7"'
    assert "content-encoding" not in got.headers


def test_a_live_event_is_passed_on_while_the_stream_is_open(behind: httpx.Client) -> None:
    with behind.stream("GET", "/api/events") as stream:
        assert next(stream.iter_text()) == "event: hello\n\n"
        Upstream.let_go.set()
