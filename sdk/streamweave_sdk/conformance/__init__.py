"""A pytest plug-in that shows whether a mover keeps the contract (docs/transfers.md).

Nobody gets it unasked. In the conftest.py of the mover's tests:

    pytest_plugins = ["streamweave_sdk.conformance"]

    @pytest.fixture
    def mover_lab(streamweave_mover, tmp_path):
        return MoverLab(streamweave_mover, Place("adapter", root=str(tmp_path)), tmp_path)

and then `pytest --streamweave-mover NAME`. The suite runs beside each conftest.py that has such a
fixture; `-p streamweave_sdk.conformance` on the command line does the same as `pytest_plugins`.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from streamweave_sdk.transfers import Mover, Place, find_movers

pytest.register_assert_rewrite("streamweave_sdk.conformance.suite")

__all__ = ["MoverLab"]
_LAB = "def mover_lab("


@dataclass
class MoverLab:
    """A mover, a place that it reaches, and the folder in which the suite makes the files there.

    A lab whose files are made otherwise overrides `put`, `link` and `state`. All paths are below
    `below`. `hanging` makes the place's server say nothing more while its block runs.
    """

    mover: Mover[Any]
    place: Place
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    below: bytes = b""
    has_links: bool = True
    hanging: Callable[[], AbstractContextManager[None]] | None = None

    def put(self, files: Mapping[bytes, bytes]) -> None:
        """Make these files at the source; called once in a test."""
        for path, content in files.items():
            at = self.folder / os.fsdecode(path)
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(content)

    def link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link at the source."""
        (self.folder / os.fsdecode(path)).symlink_to(os.fsdecode(target))

    def state(self) -> object:
        """Return all that could be changed at the source, to be compared."""
        return {
            str(path.relative_to(self.folder)): _state_of(path)
            for path in sorted(self.folder.rglob("*"))
        }


def _state_of(path: Path) -> tuple[object, ...]:
    facts = path.lstat()
    is_file = path.is_file() and not path.is_symlink()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else None
    return facts.st_mode, facts.st_ino, facts.st_size, facts.st_mtime_ns, content


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the mover's name."""
    group = parser.getgroup("streamweave")
    group.addoption("--streamweave-mover", metavar="NAME", help="the installed mover to check")


@pytest.fixture
def streamweave_mover(request: pytest.FixtureRequest) -> Mover[Any]:
    """The mover of `--streamweave-mover`, found as StreamWeave finds it."""
    name = request.config.getoption("--streamweave-mover")
    found = find_movers()
    if name not in found.movers:
        pytest.fail(f"There is no mover '{name}': {dict(found.problems) or sorted(found.movers)}")
    return found.movers[name]


@pytest.fixture
def mover_lab() -> MoverLab:
    """What the author overrides."""
    raise LookupError("Override the fixture mover_lab in the conftest.py of the mover's tests.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the suite beside a conftest.py that makes a lab."""
    if file_path.name != "conftest.py" or _LAB not in file_path.read_text(encoding="utf-8"):
        return None
    suite = pytest.Module.from_parent(
        parent,
        path=Path(__file__).with_name("suite.py"),
        name="streamweave-conformance",
        nodeid=f"{parent.nodeid}/streamweave-conformance".lstrip("/"),
    )
    assert isinstance(suite, pytest.Module)
    return suite
