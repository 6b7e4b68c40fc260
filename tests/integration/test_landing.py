"""Folders for what movers bring: each its own, gone with its process, also when many open."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.transfers.landing import Landing

_OPENS = """
import sys, time
from pathlib import Path
from app.transfers.landing import Landing
landing = Landing(Path(sys.argv[1]))
(landing.folder / "half").write_bytes(b"half of a file")
print(landing.folder, flush=True)
time.sleep(600)
"""


def test_many_open_at_once_and_each_has_a_folder_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "landing"

    def use(number: int) -> bool:
        landing = Landing(root)
        mine = landing.folder / "mine"
        mine.write_text(str(number))
        is_mine = mine.read_text() == str(number) and os.listdir(landing.folder) == ["mine"]
        landing.remove()
        return is_mine

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(400)))
    assert list(root.iterdir()) == []


def test_a_lock_that_is_not_held_yet_is_not_taken_for_one_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "landing"
    real, others = fcntl.flock, list[threading.Thread]()

    def flock(descriptor: int, operation: int) -> None:
        if operation & fcntl.LOCK_NB and not others:
            # Between making the lock and holding it, somebody else opens and sweeps.
            others.append(threading.Thread(target=lambda: Landing(root).remove()))
            others[0].start()
            others[0].join(0.3)
        real(descriptor, operation)

    monkeypatch.setattr("app.transfers.landing.fcntl.flock", flock)
    landing = Landing(root)
    others[0].join()
    assert landing.folder.exists()
    assert landing.folder.with_suffix(".lock").exists()
    landing.remove()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    root = tmp_path / "landing"
    process = subprocess.Popen(
        [sys.executable, "-c", _OPENS, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    in_use = Landing(root)
    assert (left / "half").exists(), "it is in use"
    process.send_signal(signal.SIGKILL)
    process.wait()
    Landing(root).remove()
    assert not left.exists()
    assert in_use.folder.exists()
    in_use.remove()
    assert list(root.iterdir()) == []
