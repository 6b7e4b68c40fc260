"""The example package: found by its entry point, passing the suite, harvested by the engine."""

import asyncio
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import Database
from app.transfers.movers import known_movers, why
from streamweave_sdk.transfers import find_movers
from tests.integration.rsync_fixtures import plain
from tests.integration.source_fixtures import Reach, Supervisor

__all__ = ["plain"]
ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "streamweave-tar"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as an installer leaves it: its module and its metadata, nothing of ours."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copy(EXAMPLE / "streamweave_tar.py", site)
    facts = site / f"streamweave_tar-{project['version']}.dist-info"
    facts.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (facts / "METADATA").write_text(head)
    groups = project["entry-points"].items()
    lines = [
        line
        for group, points in groups
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (facts / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return site


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package on the path of this process."""
    monkeypatch.syspath_prepend(str(site))
    known_movers.cache_clear()
    yield site
    known_movers.cache_clear()


def test_it_passes_the_suite_by_the_documented_command(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--streamweave-mover", "tar", "-q",
         "-p", "streamweave_sdk.conformance", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/b"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "17 passed, 1 skipped" in done.stdout


def test_the_package_is_found_by_its_entry_point(installed: Path) -> None:
    assert "tar" in find_movers().movers
    assert why("adapter", "tar") == "The instrument's settings choose tar."
    assert known_movers().find("tar").title == "tar archives"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_members_of_archives_are_harvested_and_proven(
    installed: Path, plain: Supervisor, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    contents = {"a.raw": os.urandom(5000), "run 1/b\nc.raw": os.urandom(3 << 20)}
    with tarfile.open(folder / "day.tar", "w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_700_000_000
            await asyncio.to_thread(archive.addfile, member, io.BytesIO(content))
    values = {"root": str(folder), "mover": "tar"}
    reach = Reach("adapter", folder, None, "u", "unused", "password", values)  # type: ignore[arg-type]
    lab = await plain.lab(reach)
    await lab.harvest()
    assert lab.delivered() == {
        f"day.tar/{name}": hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    for copy in (await lab.copies()).values():
        assert copy.intent is not None
        assert (copy.intent["adapter"], copy.intent["protocol"]) == ("tar", "adapter")
