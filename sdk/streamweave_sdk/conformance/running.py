"""A mover at work in a test: opened, asked, and watched from outside."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamweave_sdk.conformance import MoverLab
from streamweave_sdk.transfers import (
    Fetched,
    Fetches,
    MoverSource,
    Streams,
    Surroundings,
    TransferError,
    Wanted,
)

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 10.0


class Book:
    """A book of tasks that is forgotten with the test."""

    def __init__(self) -> None:
        self._records: dict[str, Mapping[str, Any]] = {}

    async def remember(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record."""
        self._records[key] = dict(record)

    async def recall(self) -> Mapping[str, Mapping[str, Any]]:
        """Return all records."""
        return dict(self._records)

    async def forget(self, key: str) -> None:
        """Drop a record."""
        self._records.pop(key, None)


@contextlib.asynccontextmanager
async def opened(lab: MoverLab, folder: Path, **place: Any) -> AsyncIterator[MoverSource]:
    """An open source with an empty private folder."""
    folder.mkdir(mode=0o700)
    options = lab.mover.options_model.model_validate(dict(lab.options))
    around = Surroundings(folder, Book())
    source = await lab.mover.open(replace(lab.place, **place), options, around)
    try:
        yield source
    finally:
        await source.close()


Outcome = bytes | TransferError


async def bring(source: MoverSource, files: Sequence[Wanted], folder: Path) -> dict[int, Outcome]:
    """Bring files by whatever way the source has; each must be told once."""
    if isinstance(source, Fetches):
        return await _fetch(source, files, folder)
    assert isinstance(source, Streams), "a source streams or fetches"
    return {number: await _stream(source, file) for number, file in enumerate(files)}


async def _fetch(source: Fetches, files: Sequence[Wanted], folder: Path) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    try:
        async with aclosing(source.fetch(files)) as arrivals:
            async for arrival in arrivals:
                if not isinstance(arrival, Fetched):
                    continue
                number = arrival.number
                assert 0 <= number < len(files), f"file {number} was never asked for"
                assert number not in outcomes, f"{files[number].path!r} is told twice"
                outcomes[number] = _landed(arrival, files[number], folder)
    except TransferError as error:
        outcomes |= {n: error for n in range(len(files)) if n not in outcomes}
    return outcomes


def _landed(arrival: Fetched, file: Wanted, folder: Path) -> Outcome:
    """Read and remove what came, as StreamWeave does; another size is a changed file."""
    if arrival.error is not None:
        return arrival.error
    path = arrival.path
    assert path is not None, f"{file.path!r} has neither a path nor an error"
    assert path.is_file() and not path.is_symlink(), f"{path} is no regular file"
    assert path.resolve().is_relative_to(folder.resolve()), f"{path} is outside of its folder"
    content = path.read_bytes()
    path.unlink()
    return _checked(content, file)


async def _stream(source: Streams, file: Wanted) -> Outcome:
    content = bytearray()
    try:
        async with aclosing(source.stream(file)) as chunks:
            async for chunk in chunks:
                content += chunk
    except TransferError as error:
        return error
    return _checked(bytes(content), file)


def _checked(content: bytes, file: Wanted) -> Outcome:
    if len(content) != file.size_bytes:
        return TransferError("source_file_changed", f"{len(content)} bytes came.")
    return content


def code(outcome: object) -> str:
    """Return the code of an error; empty where there is none."""
    return outcome.code if isinstance(outcome, TransferError) else ""


def descendants() -> dict[int, bytes]:
    """Return the processes that this one started, and those that they did: id to arguments."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            # A process may end while one looks.
            with contextlib.suppress(OSError):
                stat = Path("/proc", entry, "stat").read_bytes()
                state, parent = stat.rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    parents[int(entry)] = int(parent)
    found: dict[int, bytes] = {}
    generation = {os.getpid()}
    while generation := {child for child, parent in parents.items() if parent in generation}:
        for child in generation:
            with contextlib.suppress(OSError):
                found[child] = Path("/proc", str(child), "cmdline").read_bytes()
    return found


async def nothing_new_runs(before: Mapping[int, bytes]) -> None:
    """Wait until only the processes of before run, or fail with those that stayed."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while left := {pid: line for pid, line in descendants().items() if pid not in before}:
        assert time.monotonic() < until, f"still running: {left}"
        await asyncio.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def arguments_seen() -> Iterator[set[bytes]]:
    """Look at the arguments of all processes below this one, all the time."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.update(descendants().values())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
