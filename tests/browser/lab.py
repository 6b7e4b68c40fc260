"""The stack that browsers look at: `streamweave demo` as a user starts it, and left running."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamweave_sdk.client import Client
from tests.acceptance.stack import until
from tests.acceptance.up_process import QUICK

ADMIN = "admin@example.org"
SCIENTIST, SCIENTIST_PASSWORD = "ada@lab.example", "measure twice cut once"


class LiveLab:
    """A running demonstration with its admin, and a scientist who sees one instrument."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._said = data / "demo.err"
        with self._said.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "demo", "--data", str(data), "--scale", "0.3"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=data,
            )
        until(lambda: "Complete:" in self.said(), "the first harvest", 700)
        said = self.said()
        found = re.search(r"(http://[\d.]+:\d+)\s+sign in as (\S+), password (\S+)", said)
        assert found is not None, said
        self.url, self.email, self.password = found.groups()
        self.client = Client(self.url, self._token())
        self.archive = data / "archive"
        self.instruments = {one["slug"]: one for one in self.client.items("instruments")}
        self._make_scientist()

    def _token(self) -> str:
        with contextlib.closing(Client(self.url)) as anonymous:
            form = {"username": self.email, "password": self.password}
            answer = anonymous.request("POST", "auth/token", data=form).json()
        return str(answer["access_token"])

    def _make_scientist(self) -> None:
        user = self.client.post(
            "users",
            {"email": SCIENTIST, "password": SCIENTIST_PASSWORD, "display_name": "Ada Okafor"},
        )
        self.scientist_id = user["id"]
        uv_vis = self.instruments["uv-vis"]["id"]
        self.client.request("PUT", f"instruments/{uv_vis}/users/{self.scientist_id}")

    def said(self) -> str:
        """What the demonstration said so far, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self._said.read_text(errors="replace"))

    def file_of(self, slug: str) -> dict[str, Any]:
        """One of the files of an instrument, with a name that a person could type."""
        instrument = self.instruments[slug]["id"]
        files = self.client.items("files", instrument=instrument)
        return next(one for one in files if re.fullmatch(r"[\w./ -]{1,60}", one["path"]))

    def folder_of(self, slug: str) -> Path:
        """Where a local instrument keeps its files."""
        return Path(self.client.get(f"instruments/{self.instruments[slug]['id']}")["root"])

    @contextlib.contextmanager
    def open_conflict(self, name: str) -> Iterator[dict[str, Any]]:
        """A copy whose place is taken by somebody else's file, mended at the end."""
        stranger = self.archive / "uv-vis" / "spectra" / "taken" / name
        source = self.folder_of("uv-vis") / "spectra" / "taken" / name
        for file, text in ((stranger, "somebody else's file"), (source, "400,0.1\n")):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

        def conflicts() -> list[dict[str, Any]]:
            found = self.client.items("transfers", state="conflict")
            return [one for one in found if one["path"].endswith(name)]

        until(lambda: bool(conflicts()), "the conflict", 300)
        (copy,) = conflicts()
        yield copy
        stranger.unlink()
        self.client.post(f"transfers/{copy['id']}/retry")
        until(lambda: not conflicts(), "the copy", 300)

    def close(self) -> None:
        """End it as Ctrl-C would."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)


@contextlib.contextmanager
def live_lab(data: Path) -> Iterator[LiveLab]:
    """A running demonstration for the length of a block."""
    data.mkdir(parents=True, exist_ok=True)
    lab = LiveLab(data)
    try:
        yield lab
    finally:
        lab.close()


class FreshUp:
    """`streamweave up` on an empty data directory: nobody has an account yet."""

    def __init__(self, root: Path) -> None:
        self.archive, self.instrument = root / "archive", root / "instrument"
        self.instrument.mkdir(parents=True)
        self._said = root / "up.err"
        with self._said.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "up", "--data", str(root / "data")],
                env={**os.environ, **QUICK, "STREAMWEAVE_LOCAL_ROOTS": str(root), "COLUMNS": "200"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=root,
            )
        until(lambda: "One-time code:" in self.said(), "up", 400)
        until(lambda: "StreamWeave is up at" in self.said(), "up", 400)
        said = self.said()
        url = re.search(r"up at (http://[\d.]+:\d+)", said)
        code = re.search(r"One-time code: ([\w-]+)", said)
        assert url is not None and code is not None, said
        self.url, self.code = url[1], code[1]

    def said(self) -> str:
        """What `up` said so far."""
        return self._said.read_text(errors="replace")

    def close(self) -> None:
        """End it as Ctrl-C would."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
