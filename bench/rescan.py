"""A second scan of a share on which nothing changed, against listing it.

Reference: `rclone lsf -R --format tsp` on the same local files (100 in a folder). Ours: an engine
process that knows all of them, settled; it lists, compares and writes nothing.
"""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from bench.lab import Bench, served
from bench.report import ratios, say, spread
from simlab.servers import rclone_path

if TYPE_CHECKING:
    from bench.__main__ import Options

_FILES, _PER_FOLDER = 200_000, 100


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    files = options.files or _FILES
    source = options.folder / "instrument"
    say(f"Making {files:,} empty files.")
    _make(source, files)
    with served("local", source, options.folder / "servers") as behind:
        return asyncio.run(_rounds(options, Bench(options.folder / "own", behind), files))


def _make(folder: Path, files: int) -> None:
    for first in range(0, files, _PER_FOLDER):
        below = folder / f"{first // 100_000:03d}" / f"{first:08d}"
        below.mkdir(parents=True)
        for number in range(first, min(first + _PER_FOLDER, files)):
            (below / f"image-{number:08d}.tif").touch()


async def _rounds(options: "Options", bench: Bench, files: int) -> dict[str, Any]:
    own, listed, peaks = [], [], []
    async with bench.open(start_from=datetime(2100, 1, 1, tzinfo=UTC)):
        say("The first scan.")
        first = await bench.engine("--scan")
        for number in range(1, options.rounds + 1):
            listed.append(_list(bench.source.folder))
            found = await bench.engine("--scan")
            if found["files"] != files or found["unchanged"] != found["directories"]:
                raise RuntimeError(f"not an unchanged rescan of everything: {found}")
            own.append(found["seconds"])
            peaks.append(found["peak_mib"])
            say(f"Round {number}: ours {own[-1]:.2f} s, rclone lsf {listed[-1]:.2f} s.")
    return {
        "files": files,
        "database": options.database,
        "vs_listing": ratios(own, listed),
        "seconds": spread(own),
        "reference_listing_seconds": spread(listed),
        "files_per_second": spread([files / one for one in own]),
        "first_scan_seconds": round(first["seconds"], 2),
        "peak_mib": {"engine": max(peaks), "engine_first_scan": first["peak_mib"]},
    }


def _list(folder: Path) -> float:
    began = monotonic()
    subprocess.run(
        [rclone_path(), "lsf", "-R", "--format", "tsp", "--files-only", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return monotonic() - began
