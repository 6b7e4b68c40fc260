"""The bench of the page runs, small, and tells what it promises to tell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import people

ROOT = Path(__file__).parents[2]


def test_the_page_is_measured_with_its_floors() -> None:
    if people.chromium_path() is None:
        pytest.skip("Chromium is not installed: sh scripts/install-system-packages.sh")
    small = ["--rows", "300", "--rounds", "1", "--updates", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "page", "--json", *small],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["bench"] == "page"
    for page in ("sign_in", "overview"):
        # Sizes do not depend on the machine: here the floor itself is held.
        assert 0 < answer[page]["javascript_kb"] <= answer["floors"]["javascript_kb"]
        assert answer[page]["slowed_down"]["largest_paint_ms"]["median"] > 0
    assert answer["overview"]["javascript_in_all_kb"] > answer["overview"]["javascript_kb"]
    assert answer["interactions"]["as_it_is"]["interactions_told"] > 10
    for scrolled in answer["scrolling"].values():
        assert scrolled["scrolled_rows"] == 300
        assert 0 < scrolled["most_rows"] <= answer["floors"]["rows"]
    assert answer["live"]["updates"] == [2, 20]
    assert answer["live"]["resyncs"] == 0
    assert set(answer["live"]["heap"]) == {"overview", "files"}
    assert {"chromium", "playwright", "missed"} <= set(answer)
