"""A service that is told of files by webhooks, and takes only what is signed (Standard Webhooks).

It writes a line of JSON for each message, before it answers: so what it took stands in the file. A
refused message leaves its reason there and nothing of its content.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from simlab.process import LOOPBACK, free_port

_PREFIX = "whsec_"
_KEY_BYTES = 32
_TOLERANCE_SECONDS = 300
_MOST_BYTES = 64 << 10
_READ_SECONDS = 10.0
_MOST_SIGNATURES = 20
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,200}")  # without a dot, which ends it in what is signed


def new_secret() -> str:
    """A secret of 32 random bytes, written as Standard Webhooks write one."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def reason_to_refuse(
    headers: Mapping[str, str], body: bytes, secret: str, now: datetime
) -> str | None:
    """Why a message is not believed; None when its signature and its time are right."""
    sent = {name.lower(): value for name, value in headers.items()}
    message, moment = sent.get("webhook-id", ""), sent.get("webhook-timestamp", "")
    if not _ID.fullmatch(message):
        return "no id"
    if not re.fullmatch(r"[0-9]{1,12}", moment):
        return "no timestamp"
    if abs(now.timestamp() - int(moment)) > _TOLERANCE_SECONDS:
        return "too old or too new"
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    right = hmac.digest(key, f"{message}.{moment}.".encode() + body, hashlib.sha256)
    for one in sent.get("webhook-signature", "").split()[:_MOST_SIGNATURES]:
        version, _, text = one.partition(",")
        try:
            given = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue  # another signature may be right
        if version == "v1" and hmac.compare_digest(given, right):
            return None
    return "no signature that is right"


class WebhookReceiver:
    """The service: an address, a secret, and the file with what came. A thread of this process."""

    def __init__(self, path: Path, *, secret: str, port: int | None = None) -> None:
        self.path = path
        self._secret = secret
        self._lock = threading.Lock()
        self._seen = {line["id"] for line in self.lines() if line["verified"]}
        self._server = ThreadingHTTPServer((LOOPBACK, free_port(port)), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True, name="simlab-receiver"
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where messages are posted."""
        return f"http://{LOOPBACK}:{self.port}/webhooks"

    def lines(self) -> list[dict[str, Any]]:
        """What came so far, also before a restart; half a line of a killed process is left out."""
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Write down one message; gives the HTTP status of the answer."""
        now = datetime.now(UTC)
        refused = reason_to_refuse(headers, body, self._secret, now)
        message: Any = None
        if refused is None:
            try:
                message = json.loads(body)
            except ValueError:
                refused = "no JSON"
        sent = {name.lower(): value for name, value in headers.items()}
        line: dict[str, Any] = {
            "at": now.isoformat(),
            "id": sent.get("webhook-id", "")[:200],
            "verified": refused is None,
        }
        with self._lock:
            if refused is None:
                line |= {"repeated": line["id"] in self._seen, "message": message}
                self._seen.add(line["id"])
            else:
                line["refused"] = refused
            self._write(line)
        return 204 if refused is None else 401

    def close(self) -> None:
        """Answer nobody any more; what came stays. Safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line) + "\n"
        with self.path.open("a+b") as file:
            # A process that was killed may have left half a line, which this one must not lengthen.
            if file.tell() > 0:
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    cut = self.path.read_bytes().rfind(b"\n") + 1
                    file.truncate(cut)
            file.write(text.encode())


def _handler(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _READ_SECONDS  # for a sender that begins and says no more

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not re.fullmatch(r"[0-9]{1,12}", length):
                self._answer(411)
            elif int(length) > _MOST_BYTES:
                self._answer(413)
            else:
                self._answer(receiver.take(dict(self.headers), self.rfile.read(int(length))))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Its file says what came."""

    return Handler
