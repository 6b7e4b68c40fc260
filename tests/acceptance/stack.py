"""Starting the demonstration as a process, watching it from outside, and killing all of it."""

import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).parents[2]
# What the demonstration's hook leaves out, of `uv-vis` only.
LEFT_OUT = {"~$notes.docx", "~spectrum_0007.tmp"}


class DemoProcess:
    """`streamweave demo --once --json` in a process of its own."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self._errors = (data / "demo.err").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "app.cli", "demo", "--once", "--json",
                "--data", str(data), "--timeout", "700", *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=data,
        )  # fmt: skip

    def finish(self, timeout_seconds: float = 780) -> dict[str, Any]:
        """Wait for its end and return the JSON object of its last line."""
        out, _ = self.process.communicate(timeout=timeout_seconds)
        self._errors.close()
        assert self.process.returncode == 0, self.complaint()
        answer: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
        return answer

    def complaint(self) -> str:
        """What it said on standard error, and the ends of the logs."""
        logs = sorted((self.data / "streamweave" / "logs").glob("*.log"))
        tails = [f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs]
        return "\n".join([(self.data / "demo.err").read_text()[-2000:], *tails])

    def kill_everything(self) -> int:
        """Kill -9 the process and all that it started, at once; return how many they were."""
        tree = self.tree()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()  # nobody may see another die and react
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        psutil.wait_procs(tree, timeout=20)
        self._errors.close()
        return len(tree)

    def tree(self) -> list[psutil.Process]:
        """The process and everything below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def count(self, sql: str) -> int:
        """Ask the running database a number; -1 while it is not there yet."""
        path = self.data / "streamweave" / "streamweave.db"
        if not path.exists():
            return -1
        try:
            with contextlib.closing(
                sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
            ) as connection:
                return int(connection.execute(sql).fetchone()[0])
        except sqlite3.OperationalError:
            return -1


def until(condition: Callable[[], bool], what: str, seconds: float = 400.0) -> None:
    """Wait until a condition holds; fail with what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.05)


def files_below(root: Path) -> Iterator[Path]:
    """All files below a folder, StreamWeave's own at a storage left out."""
    for folder, directories, names in os.walk(root):
        if Path(folder) == root and ".streamweave" in directories:
            directories.remove(".streamweave")
        for name in names:
            yield Path(folder) / name


def content(root: Path) -> Counter[str]:
    """How often each content (SHA-256) stands below a folder."""
    return _counted(files_below(root))


def _counted(files: Iterable[Path]) -> Counter[str]:
    return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


def wanted(instrument: dict[str, Any]) -> Iterator[Path]:
    """The files of an instrument that a hook of the demonstration does not leave out."""
    left_out = LEFT_OUT if instrument["slug"] == "uv-vis" else set()
    return (path for path in files_below(Path(instrument["path"])) if path.name not in left_out)


def assert_each_file_is_there_once(
    answer: dict[str, Any], earlier: Counter[str] | None = None
) -> None:
    """Hash what the instruments have and what the storage has: the same, each exactly once.

    What a hook leaves out is nowhere. `earlier` versions, of a file that stood still before it
    went on growing, may be there too.
    """
    for storage in answer["storage"]:
        there: Counter[str] = Counter()
        for instrument in answer["instruments"]:
            if instrument["slug"] in storage.get("only", [instrument["slug"]]):
                there += _counted(wanted(instrument))
        stored = content(Path(storage["path"]))
        assert there - stored == Counter(), storage["name"]
        assert stored - there <= (earlier or Counter()), storage["name"]
        left = [
            path
            for path in files_below(Path(storage["path"]))
            if path.name.startswith(".streamweave")
        ]
        assert left == []


GROWS = "live/acquisition_grow_2026.raw"
EARLIER = f"""
    SELECT lower(hex(v.sha256)) FROM versions v JOIN source_files f ON f.id = v.source_file_id
    WHERE v.number < f.latest_version AND v.sha256 IS NOT NULL AND f.path = '{GROWS}'
"""


def earlier_versions(data: Path) -> Counter[str]:
    """The contents (SHA-256) of versions before the newest one of the file that grows."""
    return Counter(sha256 for (sha256,) in rows(data, EARLIER))


def rows(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the database of an ended demonstration."""
    path = data / "streamweave" / "streamweave.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.execute(sql))
