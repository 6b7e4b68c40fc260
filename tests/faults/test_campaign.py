"""A slice of the fault campaign: each kind of fault at least once, and nothing violated."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.campaign import kinds
from tests.faults.campaign.choice import by_turns, covering
from tests.faults.campaign.setting import Setting
from tests.faults.campaign.whole_stack import VICTIMS

ROOT = Path(__file__).parents[2]


def campaign(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.campaign", "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1400,
    )
    assert done.stdout, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, report["violations"]) == (0, 0), done.stderr[-6000:]
    return report


@pytest.mark.timeout(1500)  # a fifth of it on quiet cores
def test_each_kind_of_fault_is_survived(tmp_path: Path) -> None:
    gathered = tmp_path / "gathered.jsonl"
    report = campaign("--cover", "--seed", "1", "--append", str(gathered))
    left_out = set(report["not_run"])
    if os.environ.get("CI") == "true":
        assert left_out == set()
    if left_out:
        pytest.skip(f"not run on this machine: {report['not_run']}")
    assert report["kinds_without_a_fault"] == []
    assert set(report["faults_by_kind"]) == {*kinds.ALL, *VICTIMS}
    assert json.loads(gathered.read_text())["faults"] == report["faults"]


def test_every_kind_has_its_round_in_a_slice() -> None:
    chosen = [
        kind.name for _, some in covering(can_mount=True, samba=True, rsync=True) for kind in some
    ]
    assert sorted(chosen) == sorted(kinds.ALL)


def test_a_round_is_chosen_the_same_way_again() -> None:
    setting = Setting(source="webdav", storage="disk")
    first, again = (by_turns(setting, 7, (), random.Random("1:7")) for _ in range(2))
    assert first == again
    assert all(kind.fits(setting) for kind in first)
