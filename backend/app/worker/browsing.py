"""Looking around on a source before it is saved: one folder, or its newest files.

Reads only, as many folders as fit a few seconds, one at a time: it is the instrument's own disk.
"""

import heapq
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.clock import monotonic, utcnow
from app.errors import StreamWeaveError
from app.transfers.base import Entry, FileFacts
from app.transfers.paths import display, join, path_problem

SHOWN = 500
SAMPLES = 20
_FOLDERS = 60
_FILES = 20_000
_SECONDS = 15.0
ListFolder = Callable[[bytes], Awaitable[Sequence[Entry]]]


@dataclass(order=True)
class _Found:
    mtime_ns: int
    path: bytes
    size_bytes: int


async def browse(list_folder: ListFolder, path: str) -> dict[str, Any]:
    """Return one folder: its folders first, then its files, by name.

    Raises:
        StreamWeaveError: the path is none, or what the source said.
    """
    folder = path.strip("/").encode("utf-8", "surrogateescape")
    if folder and (problem := path_problem(folder)) is not None:
        raise StreamWeaveError(problem)
    entries = sorted(await list_folder(folder), key=lambda e: (not e.is_directory, e.name))
    return {
        "path": display(folder),
        "total": len(entries),
        "truncated": len(entries) > SHOWN,
        "entries": [_shown(entry) for entry in entries[:SHOWN]],
    }


def _shown(entry: Entry) -> dict[str, Any]:
    known = not entry.is_directory and entry.error_code != "source_time_invalid"
    return {
        "name": display(entry.name),
        "directory": entry.is_directory,
        "size_bytes": entry.facts.size_bytes if known else None,
        "mtime_ns": entry.facts.mtime_ns if known else None,
        "error_code": entry.error_code,
    }


@dataclass
class _Walk:
    """The folders of a source, as many as can be looked into in a few seconds.

    Folders of later names come first: instruments name them by date.
    """

    list_folder: ListFolder
    folders: int = 0
    files: int = 0
    is_cut: bool = False

    async def found(self) -> AsyncIterator[_Found]:
        """Give the files of each folder that can be carried."""
        pending, until = deque([b""]), monotonic() + _SECONDS
        while pending and self.folders < _FOLDERS and self.files < _FILES and monotonic() < until:
            folder = pending.popleft()
            try:
                entries = await self.list_folder(folder)
            except StreamWeaveError:
                if not folder:
                    raise
                continue  # a folder of its own trouble; the check tells of it
            self.folders += 1
            deeper = []
            for entry in entries:
                path = join(folder, entry.name)
                if entry.error_code is not None:
                    continue
                if entry.is_directory:
                    deeper.append(path)
                else:
                    self.files += 1
                    yield _Found(entry.facts.mtime_ns, path, entry.facts.size_bytes)
            pending.extend(sorted(deeper, reverse=True))
        self.is_cut = bool(pending)


async def sample(list_folder: ListFolder) -> dict[str, Any]:
    """Return the newest files of the folders that can be looked into in a few seconds."""
    walk = _Walk(list_folder)
    newest: list[_Found] = []
    async for one in walk.found():
        heapq.heappush(newest, one)
        if len(newest) > SAMPLES:
            heapq.heappop(newest)
    return {
        "files": [
            {"path": display(one.path), "size_bytes": one.size_bytes, "mtime_ns": one.mtime_ns}
            for one in sorted(newest, reverse=True)
        ],
        "folders": walk.folders,
        "total": walk.files,
        "truncated": walk.is_cut,
    }


async def smallest(list_folder: ListFolder, quiet_seconds: float) -> tuple[bytes, FileFacts] | None:
    """Return the smallest file that has something in it and has been quiet, or None."""
    before_ns = int((utcnow().timestamp() - quiet_seconds) * 10**9)
    best: _Found | None = None
    async for one in _Walk(list_folder).found():
        if one.size_bytes and one.mtime_ns <= before_ns:
            best = one if best is None or one.size_bytes < best.size_bytes else best
    return None if best is None else (best.path, FileFacts(best.size_bytes, best.mtime_ns))
