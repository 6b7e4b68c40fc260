"""From the end of a file's quiet period to `available`, at rest, watched with a rescan of 3 s.

A process with a whole watch run; files are written one after another at random moments. The end of
the quiet period is the end of writing plus the quiet time, by the wall clock that the file and the
copy share. Most of it is waiting: for the next rescan, for a look a quiet time later, for a tick.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from app.clock import from_ns, utcnow
from app.models import Copy, CopyState, Schedule, ScheduleKind, SourceFile
from bench.lab import Bench, Served
from bench.report import percentile, say, spread

if TYPE_CHECKING:
    from bench.__main__ import Options

_FILES = 40
_QUIET_SECONDS = 2.0
_RESCAN_SECONDS = 3.0
_LONGEST_PAUSE_SECONDS = 4.0
_PATIENCE_SECONDS = 60.0


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    source = options.folder / "instrument"
    source.mkdir()
    served = Served("local", source, values={"root": str(source)})
    return asyncio.run(_measure(options, Bench(options.folder / "own", served)))


async def _measure(options: "Options", bench: Bench) -> dict[str, Any]:
    files, size = options.files or _FILES, options.size or 64 << 10
    source = bench.source.folder
    async with bench.open(quiet_seconds=_QUIET_SECONDS):
        await _add_schedule(bench)
        async with _watching(bench):
            (source / "first.raw").write_bytes(b"x")
            await _until_available(bench, 1)
            moments = random.Random(1)
            for number in range(files):
                await asyncio.sleep(moments.uniform(0.0, _LONGEST_PAUSE_SECONDS))
                path = source / f"{number}.raw"
                path.write_bytes(os.urandom(size))
                if number % 10 == 9:
                    say(f"{number + 1} of {files} files are written.")
            await _until_available(bench, files + 1)
        seconds = await _latencies(bench, source)
    return {
        "files": files,
        "quiet_seconds": _QUIET_SECONDS,
        "rescan_seconds": _RESCAN_SECONDS,
        "latency_seconds": spread(seconds),
        "p50_seconds": round(percentile(seconds, 0.5), 3),
        "p95_seconds": round(percentile(seconds, 0.95), 3),
    }


async def _add_schedule(bench: Bench) -> None:
    now = utcnow()
    async with bench.database.write() as session:
        session.add(
            Schedule(
                instrument_id=bench.instrument, kind=ScheduleKind.WATCH,
                rescan_seconds=_RESCAN_SECONDS, created_at=now, updated_at=now,
            )
        )  # fmt: skip


@contextlib.asynccontextmanager
async def _watching(bench: Bench) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.watcher",
        env={**os.environ, **bench.environment},
        stdin=subprocess.PIPE,
    )
    try:
        yield
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await process.communicate(b"")  # closes its standard input
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_available(bench: Bench, files: int) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await _available(bench) < files:  # noqa: ASYNC110  another process makes them so
            await asyncio.sleep(0.5)


async def _available(bench: Bench) -> int:
    async with bench.database.read() as session:
        found = await session.scalar(
            select(func.count()).select_from(Copy).where(Copy.state == CopyState.AVAILABLE)
        )
    return int(found or 0)


async def _latencies(bench: Bench, source: Path) -> list[float]:
    async with bench.database.read() as session:
        rows = await session.execute(
            select(SourceFile.path, Copy.available_at).join(
                Copy, Copy.source_file_id == SourceFile.id
            )
        )
        available = {row.path: row.available_at for row in rows}
    quiet = timedelta(seconds=_QUIET_SECONDS)
    seconds = []
    for path, at in available.items():
        written = from_ns((source / path).stat().st_mtime_ns)
        if path != "first.raw":
            seconds.append((at - written - quiet).total_seconds())
    say(str(seconds))
    return seconds
