"""Hooks in a running stack: a script saved beside it, its answers on files, its worker killed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stack import until
from tests.acceptance.up_process import UpProcess, running

pytestmark = pytest.mark.xdist_group("stack")

SCRIPT = """
import time
from streamweave_sdk.hooks import Config, Continue, PostAnswer, PostTransfer, PreTransfer, Skip

class Where(Config):
    file: str

class NoDarkFrames(PreTransfer[Where]):
    def run(self, file):
        return Skip(reason="dark", rule="dark") if "dark" in file.name else Continue()

class Tells(PostTransfer[Where]):
    def run(self, version, reader):
        with open(self.config.file, "a") as out:
            out.write(version.key + "\\n")
        time.sleep(0.05)
        return PostAnswer(metadata={"head": reader.read(2).decode()}, tags=["told"])
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """One stack for the module."""
    for stack in running(tmp_path_factory.mktemp("up")):
        stack.set_up()
        yield stack


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_a_killed_worker_loses_no_version_of_a_hook(up: UpProcess) -> None:
    out = up.root / "told"
    (up.hooks / "mine.py").write_text(SCRIPT)
    config = {"file": str(out)}
    up.client.post("hooks", {"name": "dark", "hook": "no-dark-frames", "config": config})
    up.client.post("hooks", {"name": "tells", "hook": "tells", "config": config})
    for number in range(60):
        (up.source / f"{number}.raw").write_bytes(b"XY" + b"." * number)
    (up.source / "dark.raw").write_bytes(b"no")
    up.client.post(f"instruments/{up.bench}/harvest")
    until(lambda: len(_lines(out)) >= 10, "the hook's first answers")
    up.child("app.cli", "worker").send_signal(signal.SIGKILL)
    until(lambda: len(_tagged(up)) == 60, "every version's answer")
    assert len(set(_lines(out))) == 60
    assert all(not path.endswith("dark.raw") for path in _tagged(up))
    file = next(up.client.items("files", tag="told"))
    known = up.client.get(f"files/{file['id']}/metadata")
    assert (known["fields"], known["waiting"]) == ({"head": "XY"}, [])
    skipped = [one["path"] for one in up.client.items("files", state="skipped")]
    assert skipped == ["dark.raw"]
    # A hook's failure is no file's: nothing waits.
    assert list(up.client.items("hook-runs", outcome="failed")) == []


def _tagged(up: UpProcess) -> list[str]:
    return [one["path"] for one in up.client.items("files", tag="told")]
