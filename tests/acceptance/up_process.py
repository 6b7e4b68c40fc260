"""`streamweave up` as a process, with one local and one SFTP instrument behind it."""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from simlab.servers import Login, SftpServer
from streamweave_sdk.client import ApiProblem, Client, ServerUnreachable
from tests.acceptance.stack import until

EMAIL, PASSWORD = "admin@example.org", "correct horse battery"
QUICK = {
    "STREAMWEAVE_LEASE_SECONDS": "6",
    "STREAMWEAVE_PUBLISH_TIMEOUT_SECONDS": "1.5",
    "STREAMWEAVE_RUN_LOST_SECONDS": "6",
    "STREAMWEAVE_RUN_HEARTBEAT_SECONDS": "1",
    "STREAMWEAVE_DRAIN_AFTER_SECONDS": "3",
    "STREAMWEAVE_RETRY_BASE_SECONDS": "0.5",
    "STREAMWEAVE_HOLD_SECONDS": "0.5",
    "STREAMWEAVE_IO_TIMEOUT_SECONDS": "5",
}


class UpProcess:
    """A running embedded stack, seen from outside."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.source, self.remote, self.archive = root / "bench", root / "remote", root / "archive"
        self.hooks = root / "hooks"
        for folder in (self.data, self.source, self.remote, self.archive, self.hooks):
            folder.mkdir(exist_ok=True)
        self._log = (root / "up.err").open("ab")
        roots = f"{self.source}:{self.archive}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", "--data", str(self.data)],
            env={
                **os.environ, **QUICK, "STREAMWEAVE_LOCAL_ROOTS": roots, "COLUMNS": "200",
                "STREAMWEAVE_HOOKS_FOLDER": str(self.hooks),
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=root,
        )  # fmt: skip
        until(lambda: "StreamWeave is up at" in self.said(), "up", 120)
        said = self.said()
        url = re.search(r"up at (http://[\d.]+:\d+)", said)
        assert url is not None, said
        self.url = url[1]
        if (code := re.search(r"One-time code: ([\w-]+)", said)) is not None:
            with contextlib.closing(Client(self.url)) as anonymous:
                anonymous.post("setup", {"code": code[1], "email": EMAIL, "password": PASSWORD})
        self.client = Client(self.url, self._token())
        login = Login("instrument", password=f"simlab-secret-{secrets.token_hex(8)}")
        self.login = login
        self.sftp = SftpServer(
            "remote", served=self.remote, login=login, state=root / "state", logs=root / "logs"
        )
        self.sftp.start()

    def _token(self) -> str:
        with contextlib.closing(Client(self.url)) as anonymous:
            form = {"username": EMAIL, "password": PASSWORD}
            answer = anonymous.request("POST", "auth/token", data=form).json()
        return str(answer["access_token"])

    def said(self) -> str:
        """What `up` said so far."""
        return (self.root / "up.err").read_text()

    def set_up(self, quiet_seconds: float = 0.5) -> None:
        """Make a storage location and two instruments."""
        archive = self.client.post(
            "storage", {"name": "Archive", "kind": "posix", "path": str(self.archive)}
        )
        account = self.client.post(
            "accounts",
            {"name": "remote", "username": "instrument", "secret": self.login.password},
        )
        shared = {
            "quiet_seconds": quiet_seconds,
            "storage": [{"storage_location_id": archive["id"], "required": True}],
        }
        self.bench = self.client.post(
            "instruments",
            {"name": "Bench", "slug": "bench", "protocol": "local", "root": str(self.source)}
            | shared,
        )["id"]
        self.far = self.client.post(
            "instruments",
            {
                "name": "Far",
                "slug": "far",
                "protocol": "sftp",
                "host": "127.0.0.1",
                "port": self.sftp.port,
                "root": "/",
                "host_key": self.sftp.host_key,
                "service_account_id": account["id"],
            }
            | shared,
        )["id"]

    def progress(self, instrument: str, since: str | None = None) -> dict[str, Any]:
        """The counts of an instrument."""
        return self.client.get(f"instruments/{instrument}/progress", since=since)

    def available(self, instrument: str) -> int:
        """How many copies are available; -1 while the API is away."""
        try:
            return int(self.progress(instrument)["available"]["files"])
        except (ServerUnreachable, ApiProblem):
            return -1

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """The runs, newest first."""
        return list(self.client.items("runs", **filters))

    def child(self, *words: str) -> psutil.Process:
        """The youngest process below `up` whose command line has all the words."""
        found = [
            process
            for process in psutil.Process(self.process.pid).children(recursive=True)
            if all(word in " ".join(_command(process)) for word in words)
        ]
        assert found, f"no process with {words}"
        return max(found, key=lambda process: process.create_time())

    def memory_bytes(self) -> dict[str, int]:
        """Proportional memory of each process below `up`, by its command line."""
        tree = [psutil.Process(self.process.pid)]
        tree += tree[0].children(recursive=True)
        return {
            f"{process.pid} {' '.join(_command(process))[-60:]}": process.memory_full_info().pss
            for process in tree
        }

    def stop(self) -> None:
        """End it as a user does."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.sftp.close()
        self._log.close()


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def running(root: Path) -> Iterator[UpProcess]:
    """A stack for the length of a test module."""
    up = UpProcess(root)
    try:
        yield up
    finally:
        up.stop()


def log_tails(up: UpProcess) -> str:
    """The ends of all logs, for a failed test."""
    return json.dumps(
        {p.name: p.read_text(errors="replace")[-800:] for p in (up.data / "logs").glob("*.log")},
        indent=1,
    )
