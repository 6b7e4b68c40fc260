"""Each bench runs, small, as a user starts it, and tells what it promises to tell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = [
    (
        ["transfer", "--files", "60", "--rounds", "1"],
        {"vs_rclone_copy_and_check", "vs_rclone_copy", "vs_process_per_file", "peak_mib", "where"},
    ),
    (["rescan", "--files", "400", "--rounds", "1"], {"vs_listing", "peak_mib"}),
]


@pytest.mark.parametrize(("arguments", "keys"), CASES, ids=[case[0][0] for case in CASES])
def test_a_bench_ends_with_one_object(arguments: list[str], keys: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert keys <= answer.keys()
    assert {"rclone", "python", "cores"} <= answer["machine"].keys()
