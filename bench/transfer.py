"""Small and large files over SMB to local disk, everything on, against what one would type.

References, alternated with ours round by round: `rclone copy --transfers 4` (proves nothing), then
`rclone check --download` on the same files; and one rclone process a file on 200 of them. Ours is a
whole harvest: listing, settling look, ARKs, hashes, sync, read-back past the page cache, evidence,
audit. An engine process takes 3 s to start; its clock starts when it is up.

With `--hooks`: harvests with a filter and a redirect on, against harvests without, in turn.
"""

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from app.clock import utcnow
from app.models import Hook
from bench.lab import Bench, Served, peak_mib, served
from bench.report import ratios, say, spread
from simlab.seed import seed_small_files
from simlab.servers import rclone_path

if TYPE_CHECKING:
    from bench.__main__ import Options

_FILES, _SIZE, _LONE = 10_000, 16 << 10, 200


class Reference:
    """rclone as a person would call it, with the same source."""

    def __init__(self, source: Served) -> None:
        obscured = subprocess.run(
            [rclone_path(), "obscure", "-"],
            input=source.password,
            text=True,
            capture_output=True,
            check=True,
        ).stdout.strip()
        prefix = "RCLONE_CONFIG_REFERENCE_"
        self._environment = {
            "PATH": os.environ["PATH"],
            "RCLONE_CONFIG": "",
            f"{prefix}TYPE": source.protocol,
            f"{prefix}HOST": str(source.values["host"]),
            f"{prefix}PORT": str(source.values["port"]),
            f"{prefix}USER": "bench",
            f"{prefix}PASS": obscured,
        }
        self._remote = f"reference:{source.values['root']}"

    def run(self, command: str, target: Path, *options: str, path: str = "") -> float:
        """Run one command; return its seconds."""
        began = monotonic()
        subprocess.run(
            [rclone_path(), command, f"{self._remote}/{path}", str(target), *options],
            env=self._environment,
            check=True,
            stderr=subprocess.DEVNULL,
        )
        return monotonic() - began


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    files, size = options.files or _FILES, options.size or _SIZE
    source = options.folder / "instrument"
    say(f"Making {files:,} files of {size:,} bytes.")
    seed_small_files(source, files, size, seed=1)
    rounds = _with_hooks if options.hooks else _rounds
    with served("smb", source, options.folder / "servers") as behind:
        return asyncio.run(rounds(options, behind, files, size))


async def _with_hooks(options: "Options", source: Served, files: int, size: int) -> dict[str, Any]:
    """Harvests with a filter of ten rules and a redirect by path, alternated with ones without."""
    plain: list[float] = []
    hooked: list[float] = []
    for number in range(1, options.rounds + 1):
        for figures, hooks in ((plain, []), (hooked, _hooks())):
            found = await _harvest(options, source, hooks=hooks)
            if found["available"] != files:
                raise RuntimeError(f"{found['available']} of {files} files became available")
            figures.append(files / found["seconds"])
        say(f"Round {number}: with hooks {hooked[-1]:.0f}, without {plain[-1]:.0f} files/s.")
    return {
        "files": files,
        "size_bytes": size,
        "database": options.database,
        "hooks_vs_without": ratios(hooked, plain),
        "files_per_second": spread(hooked),
        "reference_without": spread(plain),
    }


def _hooks() -> list[Hook]:
    rules: list[dict[str, Any]] = [
        {"name": f"rule {n}", "globs": [f"*.tmp{n}", f"trash-{n}/**"]} for n in range(9)
    ]
    rules.append({"name": "odd", "regex": r"/(core|~\$)[^/]*$", "min_age_seconds": 0})
    targets: list[dict[str, Any]] = [{"globs": ["calibration/**"], "path": "calibration"}]
    targets.append({"globs": ["**"], "path": "{modified:%Y}/{folder}"})
    configs = [("file-filter", {"rules": rules}), ("redirect-files", {"targets": targets})]
    now = utcnow()
    stamp = {"created_at": now, "updated_at": now, "kind": "pre_transfer", "secrets": {}}
    return [
        Hook(name=name, hook=name, position=n, config=config, **stamp)
        for n, (name, config) in enumerate(configs)
    ]


async def _rounds(options: "Options", source: Served, files: int, size: int) -> dict[str, Any]:
    reference = Reference(source)
    copy, both, lone, own, facts = [], [], [], [], []
    for number in range(1, options.rounds + 1):
        copied, checked = _copy_and_check(reference, options.folder / f"copied-{number}")
        copy.append(files / copied)
        both.append(files / (copied + checked))
        lone.append(
            _one_process_a_file(reference, source.folder, options.folder / f"lone-{number}")
        )
        found = await _harvest(options, source)
        if found["available"] != files:
            raise RuntimeError(f"{found['available']} of {files} files became available")
        own.append(files / found["seconds"])
        facts.append(found)
        say(
            f"Round {number}: ours {own[-1]:.0f}, copy {copy[-1]:.0f}, copy + check "
            f"{both[-1]:.0f}, a process a file {lone[-1]:.1f} files/s."
        )
    explained = await _harvest(options, source, "--where")
    return {
        "files": files,
        "size_bytes": size,
        "database": options.database,
        "vs_rclone_copy_and_check": ratios(own, both),
        "vs_rclone_copy": ratios(own, copy),
        "vs_process_per_file": ratios(own, lone),
        "files_per_second": spread(own),
        "megabytes_per_second": spread([one * size / 1e6 for one in own]),
        "reference_copy_and_check": spread(both),
        "reference_copy": spread(copy),
        "reference_process_per_file": spread(lone),
        "engine_cpu_ms_per_file": spread([1000 * one["cpu_seconds"] / files for one in facts]),
        "peak_mib": {
            "engine": max(one["peak_mib"] for one in facts),
            "rclone": max(one["rclone_mib"] for one in facts),
        },
        "where": explained["where"],
    }


def _copy_and_check(reference: Reference, target: Path) -> tuple[float, float]:
    os.sync()
    copied = reference.run("copy", target, "--transfers", "4")
    checked = reference.run("check", target, "--download")
    return copied, checked


def _one_process_a_file(reference: Reference, source: Path, target: Path) -> float:
    """Files a second when each has an rclone process of its own."""
    os.sync()
    paths = [str(p.relative_to(source)) for p in sorted(source.rglob("*")) if p.is_file()][:_LONE]
    seconds = 0.0
    for path in paths:
        seconds += reference.run("copyto", target / path, path=path)
    return len(paths) / seconds


async def _harvest(
    options: "Options", source: Served, *arguments: str, hooks: Sequence[Hook] = ()
) -> dict[str, Any]:
    # Nothing is removed between rounds: ext4 without a journal passes over inodes that were freed
    # in the last minute one by one, which makes each new file cost half a millisecond.
    folder = options.folder / f"own-{len(list(options.folder.glob('own-*')))}"
    bench = Bench(folder, source)
    os.sync()
    async with bench.open(hooks=hooks):
        answer = await bench.engine(*arguments)
        answer["rclone_mib"] = peak_mib(bench.daemon_pid)
    return answer
