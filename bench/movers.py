"""rsync against rclone's path, over one SSH server: many small files, and a large one that grew.

Both are whole harvests with all that makes a file available, alternated round by round, from the
same OpenSSH: rclone by SFTP, rsync by rsync. Of the grown file (by a hundredth) it also says how
many bytes rsync moved.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.models import Copy
from bench.lab import Bench, Served
from bench.report import ratios, say, spread
from simlab.rsync_servers import OpenSshd
from simlab.seed import seed_small_files

if TYPE_CHECKING:
    from bench.__main__ import Options

_FILES, _SIZE, _GROWN = 10_000, 16 << 10, 2 << 30
_CHUNK = 8 << 20
_MOVERS = ("rclone", "rsync")


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    server = OpenSshd("ssh", state=options.folder / "ssh", logs=options.folder)
    server.start()
    try:
        small = asyncio.run(_small(options, server))
        grown = asyncio.run(_grown(options, server))
    finally:
        server.close()
    return {**small, "grown": grown}


def _behind(server: OpenSshd, folder: Path, mover: str) -> Served:
    values = {
        "host": server.host,
        "port": server.port,
        "host_key": server.host_key,
        "root": str(folder),
        "mover": mover,
    }
    return Served(
        "sftp", folder, server, server.private_key, values, server.username, "private_key"
    )


async def _small(options: "Options", server: OpenSshd) -> dict[str, Any]:
    files, size = options.files or _FILES, options.size or _SIZE
    source = options.folder / "small"
    say(f"Making {files:,} files of {size:,} bytes.")
    seed_small_files(source, files, size, seed=1)
    rates: dict[str, list[float]] = {mover: [] for mover in _MOVERS}
    cpu: dict[str, list[float]] = {mover: [] for mover in _MOVERS}
    for number in range(1, options.rounds + 1):
        for mover in _MOVERS:
            bench = Bench(options.folder / f"{mover}-{number}", _behind(server, source, mover))
            os.sync()
            async with bench.open():
                found = await bench.engine()
            if found["available"] != files:
                raise RuntimeError(f"{mover}: {found['available']} of {files} became available")
            rates[mover].append(files / found["seconds"])
            cpu[mover].append(1000 * found["cpu_seconds"] / files)
        say(f"Round {number}: " + ", ".join(f"{m} {rates[m][-1]:.0f} files/s" for m in _MOVERS))
    return {
        "files": files,
        "size_bytes": size,
        "rsync_vs_rclone": ratios(rates["rsync"], rates["rclone"]),
        **{f"{mover}_files_per_second": spread(rates[mover]) for mover in _MOVERS},
        **{f"{mover}_engine_cpu_ms_per_file": spread(cpu[mover]) for mover in _MOVERS},
    }


@dataclass
class _Growing:
    """A file that grows by a hundredth, of bytes that no rule makes."""

    path: Path
    size_bytes: int

    def make(self) -> None:
        self.path.parent.mkdir(parents=True)
        with self.path.open("wb") as file:
            for chunk in _chunks(self.size_bytes, seed=1):
                file.write(chunk)
        os.utime(self.path, (1_700_000_000, 1_700_000_000))

    def grow(self) -> int:
        with self.path.open("ab") as file:
            for chunk in _chunks(self.size_bytes // 100, seed=2):
                file.write(chunk)
        os.utime(self.path, (1_700_000_100, 1_700_000_100))
        return self.path.stat().st_size


def _chunks(size_bytes: int, seed: int) -> Iterator[bytes]:
    source = random.Random(seed)
    while size_bytes > 0:
        yield source.randbytes(min(size_bytes, _CHUNK))
        size_bytes -= _CHUNK


async def _grown(options: "Options", server: OpenSshd) -> dict[str, Any]:
    """Harvest a large file, let it grow, harvest it again; once with each mover."""
    size = options.grown or _GROWN
    say(f"Making a file of {size:,} bytes.")
    answer: dict[str, Any] = {"size_bytes": size}
    for mover in _MOVERS:
        file = _Growing(options.folder / f"large-{mover}" / "large.raw", size)
        file.make()
        bench = Bench(options.folder / f"grown-{mover}", _behind(server, file.path.parent, mover))
        async with bench.open():
            first = await bench.engine()
            grown_bytes = file.grow()
            second = await bench.engine()
            notes = await _notes(bench)
        answer[mover] = {
            "first_seconds": round(first["seconds"], 1),
            "grown_seconds": round(second["seconds"], 1),
        }
        if mover == "rsync":
            answer["moved_share"] = round(notes["moved_bytes"] / grown_bytes, 4)
        with contextlib.suppress(FileNotFoundError):
            file.path.unlink()
        say(f"{mover}: {answer[mover]}")
    return answer


async def _notes(bench: Bench) -> dict[str, Any]:
    """Return what the mover noted of the second version, which must be available."""
    async with bench.database.read() as session:
        copies = list(await session.scalars(select(Copy).order_by(Copy.dest_path)))
    if [copy.state for copy in copies] != ["available"] * 2:
        raise RuntimeError(f"copies are {[(c.dest_path, c.state, c.error_code) for c in copies]}")
    newest = max(copies, key=lambda copy: copy.size_bytes or 0)
    return dict((newest.intent or {}).get("mover_notes") or {"moved_bytes": newest.size_bytes})
