"""What every bench reports: medians with their spread, ratios, the machine and the versions."""

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from simlab.servers import rclone_path

Answer = dict[str, Any]
_PACKAGES = ("sqlalchemy", "aiosqlite", "psycopg", "prefect", "fastapi")


def say(text: str) -> None:
    """Tell a person how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  progress is this program's output


def spread(figures: Sequence[float]) -> dict[str, float]:
    """Return median, lowest and highest of the rounds."""
    return {
        "median": round(statistics.median(figures), 3),
        "lowest": round(min(figures), 3),
        "highest": round(max(figures), 3),
    }


def ratios(own: Sequence[float], reference: Sequence[float]) -> dict[str, float]:
    """Return the spread of own / reference, round by round: neighbours share the machine's mood."""
    return spread([a / b for a, b in zip(own, reference, strict=True)])


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the smallest figure that `share` of all do not exceed (nearest rank)."""
    ordered = sorted(figures)
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]


def machine() -> Answer:
    """Return what the figures depend on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "rclone": _rclone_version(),
        **{name: _package_version(name) for name in _PACKAGES},
    }


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _rclone_version() -> str:
    said = subprocess.run([rclone_path(), "version"], capture_output=True, text=True, check=True)
    return said.stdout.split("\n", 1)[0].removeprefix("rclone ")


def tell(answer: Mapping[str, Any], *, as_json: bool, show: Callable[[str], object]) -> None:
    """Print the answer: one JSON object on the last line, or one figure a line."""
    if as_json:
        show(json.dumps(answer))
        return
    for key, value in answer.items():
        show(f"{key}: {json.dumps(value)}")
