"""What it costs: memory grows with the batch, not with the share; an idle stack is small."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simlab.seed import seed_small_files
from tests.acceptance.stack import PROJECT, until
from tests.acceptance.up_process import UpProcess

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def _harvest(root: Path, template: Path, seed: Callable[[Path], object]) -> dict[str, Any]:
    source, target = root / "source", root / "target"
    source.mkdir(parents=True)
    target.mkdir()
    seed(source)
    database = root / "streamweave.db"
    shutil.copy(template, database)
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.acceptance.engine_memory",
            str(source), str(target), f"sqlite+aiosqlite:///{database}",
        ],
        cwd=PROJECT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    shutil.rmtree(root)
    return answer


def _small(count: int) -> Callable[[Path], object]:
    return lambda source: seed_small_files(source, count, 200, seed=1)


def _one(size_bytes: int) -> Callable[[Path], object]:
    def seed(source: Path) -> None:
        with (source / "sparse.raw").open("wb") as file:
            file.truncate(size_bytes)

    return seed


def test_the_engines_memory_is_flat_from_a_thousand_to_a_hundred_thousand_files(
    tmp_path: Path, sqlite_template: Path
) -> None:
    few = _harvest(tmp_path / "few", sqlite_template, _small(1_000))
    many = _harvest(tmp_path / "many", sqlite_template, _small(100_000))
    assert (few["copies"], many["copies"]) == (1_000, 100_000)
    assert many["peak_mib"] <= few["peak_mib"] + 60, (few, many)


def test_a_file_of_20_gb_needs_no_more_memory_than_a_small_one(
    tmp_path: Path, sqlite_template: Path
) -> None:
    small = _harvest(tmp_path / "small", sqlite_template, _one(1_000))
    large = _harvest(tmp_path / "large", sqlite_template, _one(20 * 10**9))
    assert (small["copies"], large["copies"]) == (1, 1)
    assert large["peak_mib"] <= small["peak_mib"] + 64, (small, large)


def test_an_idle_stack_with_its_watch_run_needs_at_most_900_mib(tmp_path: Path) -> None:
    up = UpProcess(tmp_path)
    try:
        up.set_up()
        (up.source / "a.raw").write_bytes(b"x")
        up.client.post(
            "schedules", {"instrument_id": up.bench, "kind": "watch", "rescan_seconds": 2}
        )
        until(lambda: up.available(up.bench) == 1, "the watch run")
        memory = up.memory_bytes()
        assert sum(memory.values()) <= 900 << 20, {k: v >> 20 for k, v in memory.items()}
    finally:
        up.stop()
