"""Makes the instruments' files on disk, the same bytes for the same seed.

A tree carries its state outside the share (``ROOT/.seeded-SLUG.json``): begun, with seed and
scale, then finished. A finished tree is not touched; a begun one is completed, and a file that
already has its planned size is not written again. Bytes depend on the seed only; modification
times are "so many days before the tree was begun", because a laboratory from long ago would not
look like one at work.

Command line: ``python -m simlab.seed DIR --seed 2026 --scale 1.0``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from simlab.catalog import InstrumentSpec, load_instruments
from simlab.trees import PlannedFile, plan_files

DEFAULT_SEED = 2026
_SMALL_FILE_AGE_SECONDS = 86_400
_POOL_BYTES = 1 << 20


class SeededOtherwise(RuntimeError):
    """The folder holds a tree made with another seed or scale."""


@dataclass(frozen=True)
class SeedMarker:
    """What a tree was made with; ``reference_time`` is Unix seconds."""

    seed: int
    scale: float
    reference_time: int
    finished: bool = False


def share_path(root: Path, spec: InstrumentSpec) -> Path:
    """Where the files of an instrument are: ``ROOT/SLUG/SHARE``.

    The share is one folder below, so that a server of buckets can be given a folder that holds
    this one bucket and nothing else.
    """
    return root / spec.slug / spec.share


def seed_lab(
    root: Path, *, seed: int = DEFAULT_SEED, scale: float = 1.0, only: Sequence[str] | None = None
) -> dict[str, Path]:
    """Make the trees of all instruments (or of ``only``); gives the folder of each by slug."""
    specs = load_instruments()
    slugs = list(specs) if only is None else list(only)
    unknown = sorted(set(slugs) - set(specs))
    if unknown:
        raise LookupError(f"No instrument {unknown}. There are {sorted(specs)}.")
    return {slug: seed_instrument(root, specs[slug], seed=seed, scale=scale) for slug in slugs}


def seed_instrument(root: Path, spec: InstrumentSpec, *, seed: int, scale: float) -> Path:
    """Make or complete one instrument's tree."""
    share = share_path(root, spec)
    share.mkdir(parents=True, exist_ok=True)
    marker_path = root / f".seeded-{spec.slug}.json"
    marker = _begin(marker_path, seed=seed, scale=scale)
    if marker.finished:
        return share
    for file in plan_files(spec, seed=seed, scale=scale):
        _write_planned(share, file, source=f"{seed}/{spec.slug}", now=marker.reference_time)
    _store(marker_path, replace(marker, finished=True))
    return share


def _begin(path: Path, *, seed: int, scale: float) -> SeedMarker:
    if not path.exists():
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        marker = SeedMarker(seed=seed, scale=scale, reference_time=int(today.timestamp()))
        _store(path, marker)
        return marker
    marker = SeedMarker(**json.loads(path.read_text(encoding="utf-8")))
    if (marker.seed, marker.scale) != (seed, scale):
        raise SeededOtherwise(
            f"{path} says seed {marker.seed}, scale {marker.scale}; asked for were seed {seed}, "
            f"scale {scale}. Choose another folder, or remove this one first."
        )
    return marker


def _store(path: Path, marker: SeedMarker) -> None:
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(asdict(marker), indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def _write_planned(share: Path, file: PlannedFile, *, source: str, now: int) -> None:
    path = share / file.path
    size = path.stat().st_size if path.exists() else None
    if size is None or size != file.size_bytes:
        content = file.build(random.Random(f"{source}/{file.path}"))
        if file.size_bytes is not None and len(content) != file.size_bytes:
            raise AssertionError(f"{file.path}: planned {file.size_bytes}, made {len(content)}.")
        if size != len(content):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    # Whole milliseconds: SMB and S3 carry them, finer parts would differ from server to server.
    modified_ns = round((now - file.age_seconds) * 1000) * 1_000_000
    os.utime(path, ns=(modified_ns, modified_ns))


def seed_small_files(
    directory: Path, count: int, size: int, seed: int, per_directory: int = 1000
) -> int:
    """Make ``count`` different files of ``size`` bytes for benchmarks; gives how many it wrote.

    Each file is a digest of its number and then a slice of one random pool: different content at
    the cost of a copy. Names are ``d0000/f0000000.dat``.
    """
    pool = random.Random(f"{seed}/small").randbytes(size + _POOL_BYTES)
    written = 0
    for first in range(0, count, per_directory):
        folder = directory / f"d{first // per_directory:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
        for number in range(first, min(first + per_directory, count)):
            name = f"f{number:07d}.dat"
            if sizes.get(name) != size:
                _write_small(folder / name, pool, f"{seed}/{number}", size)
                written += 1
    return written


def _write_small(path: Path, pool: bytes, key: str, size: int) -> None:
    digest = hashlib.sha256(key.encode()).digest()
    start = int.from_bytes(digest[:4]) % _POOL_BYTES
    path.write_bytes((digest + pool[start : start + size])[:size])
    # Old enough that no settling rule waits for them.
    modified = int(datetime.now(UTC).timestamp()) - _SMALL_FILE_AGE_SECONDS
    os.utime(path, (modified, modified))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m simlab.seed", description=seed_lab.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", action="append", metavar="SLUG", help="may be repeated")
    options = parser.parse_args(arguments)
    try:
        shares = seed_lab(
            options.directory, seed=options.seed, scale=options.scale, only=options.only
        )
    except (SeededOtherwise, LookupError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    for slug, share in shares.items():
        files = [entry for entry in share.rglob("*") if entry.is_file()]
        megabytes = sum(entry.stat().st_size for entry in files) / 1e6
        sys.stdout.write(f"{slug:12} {len(files):5} files {megabytes:8.1f} MB  {share}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
