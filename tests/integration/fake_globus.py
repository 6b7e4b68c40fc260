"""A Globus to test against: its log-on and the endpoints of its Transfer API that are used.

Built from the public reference of the API, version 0.10: collections are folders here, tasks move
real files between them, with the failures that the service has. Only for tests.
"""

import base64
import json
import os
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

CLIENT_ID = "0d6c2c5e-64d5-4b2e-9d4b-5f3f3c1a7e11"
SECRET = "a-globus-secret"
Answer = tuple[int, dict[str, Any]]


@dataclass
class Task:
    """One task of the service."""

    id: str
    submission_id: str
    data: dict[str, Any]
    status: str = "ACTIVE"
    nice_status: str = "OK"
    is_paused: bool = False
    fatal_error: dict[str, str] | None = None
    skipped: list[dict[str, Any]] = field(default_factory=list)
    successful: list[dict[str, Any]] = field(default_factory=list)
    moved_bytes: int = 0

    def document(self) -> dict[str, Any]:
        """Return the `task` document."""
        return {
            "DATA_TYPE": "task",
            "task_id": self.id,
            "type": "TRANSFER",
            "status": self.status,
            "nice_status": self.nice_status,
            "nice_status_details": f"details of {self.nice_status}",
            "is_paused": self.is_paused,
            "fatal_error": self.fatal_error,
            "files": len(self.data["DATA"]),
            "files_transferred": len(self.successful),
            "files_skipped": len(self.skipped),
            "bytes_transferred": self.moved_bytes,
            "deadline": self.data.get("deadline"),
        }


class FakeGlobus:
    """The service. Its attributes say how it behaves."""

    def __init__(self) -> None:
        self.collections: dict[str, Path] = {}
        self.tasks: dict[str, Task] = {}
        self.calls: list[str] = []
        self.unreadable: set[str] = set()  # source paths that the collection may not read
        self.holds = threading.Event()  # set: tasks stay ACTIVE
        self.refused: dict[str, Answer] = {}  # part of a path -> what is answered instead
        self.refusals: list[Answer] = []  # what is answered to the next requests
        self.skips_next = 0  # files that tasks leave out for no good reason
        self.ends_next: list[dict[str, str]] = []  # how the next tasks end, half done
        self.fails_after_accepting = 0  # submissions that are answered by 500
        self.fatal: dict[str, str] | None = None  # tasks end with it, half done
        self.damages: Callable[[Path], None] | None = None  # what a landed file goes through
        self.page = 100
        self.answers = threading.Event()  # unset: no request is answered
        self.answers.set()
        self._lock = threading.Lock()

    def collection(self, folder: Path) -> str:
        """Make a folder a collection and return its id."""
        made = str(uuid.uuid4())
        self.collections[made] = folder
        return made

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        """Answer a request of the Transfer API."""
        self.calls.append(f"{method} {path}")
        self.answers.wait()
        if self.refusals:
            return self.refusals.pop()
        for part, answer in self.refused.items():
            if part in path:
                return answer
        words = path.strip("/").split("/")[1:]
        with self._lock:
            match words:
                case ["submission_id"]:
                    return 200, {"DATA_TYPE": "submission_id", "value": str(uuid.uuid4())}
                case ["transfer"]:
                    return self._submit(body)
                case ["operation", "endpoint", one, "ls"]:
                    return self._ls(one, query)
                case ["operation", "endpoint", one, "stat"]:
                    return self._stat(one, query["path"])
                case ["task", one, *what] if one in self.tasks:
                    return self._about(self.tasks[one], what, query)
        return error(404, "ClientError.NotFound", path)

    def _about(self, task: Task, what: list[str], query: dict[str, str]) -> Answer:
        match what:
            case ["skipped_errors"]:
                return self._pages(task.skipped, query)
            case ["successful_transfers"]:
                return self._pages(task.successful, query)
            case ["cancel"]:
                return self._cancel(task)
        self._go_on(task)
        return 200, task.document()

    def _submit(self, body: dict[str, Any]) -> Answer:
        known = [t for t in self.tasks.values() if t.submission_id == body["submission_id"]]
        if known:
            return 200, _accepted(known[0], "Duplicate")
        task = Task(str(uuid.uuid4()), body["submission_id"], body)
        self.tasks[task.id] = task
        if self.fails_after_accepting:
            self.fails_after_accepting -= 1
            return error(500, "InternalError", "after having accepted")
        return 202, _accepted(task, "Accepted")

    def _file(self, collection: str, path: str) -> Path:
        return self.collections[collection] / path.lstrip("/")

    def _go_on(self, task: Task) -> None:
        """Do a task's work, when it is asked about and nothing holds it."""
        if task.status != "ACTIVE" or self.holds.is_set() or task.is_paused:
            return
        if task.nice_status != "OK":
            return
        deadline = task.data.get("deadline")
        if deadline and datetime.fromisoformat(deadline) < datetime.now(UTC):
            self._end(task, "FAILED", {"code": "DEADLINE", "description": "deadline expired"})
            return
        items = task.data["DATA"]
        fatal = self.ends_next.pop() if self.ends_next else self.fatal
        for number, item in enumerate(items):
            if fatal is not None and number * 2 >= len(items):
                self._end(task, "FAILED", fatal)
                return
            self._move(task, item)
        self._end(task, "SUCCEEDED", None)

    def _end(self, task: Task, status: str, fatal: dict[str, str] | None) -> None:
        task.status, task.fatal_error = status, fatal

    def _move(self, task: Task, item: dict[str, Any]) -> None:
        source = self._file(task.data["source_endpoint"], item["source_path"])
        target = self._file(task.data["destination_endpoint"], item["destination_path"])
        if not source.is_file():
            self._skip(task, item, "FILE_NOT_FOUND")
        elif item["source_path"] in self.unreadable:
            self._skip(task, item, "PERMISSION_DENIED")
        elif self.skips_next:
            self.skips_next -= 1
            self._skip(task, item, "ENDPOINT_ERROR")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            if self.damages is not None:
                self.damages(target)
            task.moved_bytes += source.stat().st_size
            task.successful.append({"DATA_TYPE": "successful_transfer", **_ends(item)})

    def _skip(self, task: Task, item: dict[str, Any], code: str) -> None:
        assert task.data["skip_source_errors"]
        one = {"DATA_TYPE": "skipped_error", "error_code": code, **_ends(item)}
        task.skipped.append(one)

    def _pages(self, items: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        start = int(query.get("marker") or 0)
        part = items[start : start + self.page]
        following = start + self.page
        marker = str(following) if following < len(items) else None
        return 200, {"DATA": part, "marker": int(query.get("marker") or 0), "next_marker": marker}

    def _cancel(self, task: Task) -> Answer:
        if task.status != "ACTIVE":
            return 200, {"DATA_TYPE": "result", "code": "TaskComplete", "message": "over"}
        self._end(task, "FAILED", {"code": "CANCELED", "description": "canceled by the owner"})
        return 200, {"DATA_TYPE": "result", "code": "Canceled", "message": "canceled"}

    def _ls(self, collection: str, query: dict[str, str]) -> Answer:
        if collection not in self.collections:
            return error(404, "EndpointNotFound", collection)
        folder = self._file(collection, query["path"])
        if not folder.is_dir():
            return error(404, "ClientError.NotFound", query["path"])
        entries = [_document(one) for one in sorted(folder.iterdir())]
        start, limit = int(query.get("offset", 0)), int(query.get("limit", 100_000))
        part = entries[start : start + limit]
        return 200, {"DATA_TYPE": "file_list", "DATA": part, "path": query["path"]}

    def _stat(self, collection: str, path: str) -> Answer:
        found = self._file(collection, path)
        if not found.exists():
            return error(404, "NotFound", path)
        return 200, _document(found)


def error(status: int, code: str, message: str, **more: Any) -> Answer:
    """Return an error document of the Transfer API."""
    return status, {"code": code, "message": message, "request_id": "r1", "resource": "/", **more}


def _accepted(task: Task, code: str) -> dict[str, Any]:
    return {
        "DATA_TYPE": "transfer_result",
        "code": code,
        "message": "ok",
        "task_id": task.id,
        "submission_id": task.submission_id,
        "request_id": "r1",
        "resource": "/transfer",
    }


def _ends(item: dict[str, Any]) -> dict[str, Any]:
    return {"source_path": item["source_path"], "destination_path": item["destination_path"]}


def _document(path: Path) -> dict[str, Any]:
    found = path.stat() if path.exists() else path.lstat()
    at = datetime.fromtimestamp(int(found.st_mtime), UTC)
    return {
        "DATA_TYPE": "file",
        "name": path.name,
        "type": "dir" if path.is_dir() else "file" if path.exists() else "invalid_symlink",
        "size": found.st_size,
        "last_modified": at.strftime("%Y-%m-%d %H:%M:%S+00:00"),
        "link_target": os.readlink(path) if path.is_symlink() else None,
        "permissions": "0644",
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: FakeGlobus

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path.endswith("/oauth2/token"):
            self._say(*self._token())
            return
        if not self.headers.get("Authorization", "").startswith("Bearer fake-"):
            self._say(*error(401, "AuthenticationFailed", "no token"))
            return
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        data = json.loads(body) if body else {}
        self._say(*self.service.answer(method, parts.path, query, data))

    def _token(self) -> Answer:
        said = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        self.service.calls.append("POST token")
        if said != f"{CLIENT_ID}:{SECRET}":
            return 401, {"error": "invalid_client", "error_description": "wrong secret"}
        return 200, {
            "access_token": f"fake-{time.monotonic_ns()}",
            "token_type": "Bearer",
            "expires_in": 172_800,
            "resource_server": "transfer.api.globus.org",
            "scope": "urn:globus:auth:scope:transfer.api.globus.org:all",
            "other_tokens": [],
        }

    def _say(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed needs no answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_globus() -> Iterator[tuple[FakeGlobus, dict[str, str]]]:
    """Run the service; give it, and the environment that leads the library to it."""
    service = FakeGlobus()
    handler = type("Handler", (_Handler,), {"service": service})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield service, {"GLOBUS_SDK_SERVICE_URL_TRANSFER": url, "GLOBUS_SDK_SERVICE_URL_AUTH": url}
    finally:
        service.answers.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def globus_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGlobus]:
    """The service, to which the library is led."""
    with running_globus() as (service, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service
