"""Folders for what movers bring: one an opening, private, gone with its process.

A folder is locked while it is in use; what a killed process left is found by its free lock and
removed by whoever opens the next one. One at a time makes and sweeps: a lock that was made and is
not held yet would be taken for one that was left.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.errors import StreamWeaveError


class Landing:
    """A private folder (mode 0700) that exists until `remove`."""

    def __init__(self, root: Path) -> None:
        """Make one below `root`.

        Raises:
            StreamWeaveError: `landing_full` when it cannot be made.
        """
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(root):
                _sweep(root)
                name = secrets.token_hex(8)
                self._lock_path = root / f"{name}.lock"
                self._lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.folder = root / name
                self.folder.mkdir(mode=0o700)
        except OSError as error:
            raise StreamWeaveError("landing_full", f"{root}: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        _drop(self.folder, self._lock_path, self._lock)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Be the only one, of all processes, that makes and sweeps below a root."""
    gate = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield
    finally:
        os.close(gate)


def _drop(folder: Path, lock_path: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what stays is found by its free lock later
    if not folder.exists():
        lock_path.unlink(missing_ok=True)
    os.close(lock)


def _sweep(root: Path) -> None:
    """Remove the folders of processes that are gone."""
    for lock_path in root.glob("*.lock"):
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # somebody else removed it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)  # in use
            continue
        if lock_path.exists():
            _drop(lock_path.with_suffix(""), lock_path, lock)
        else:
            os.close(lock)
