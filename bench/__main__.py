"""`./streamweave bench NAME`: measure one thing against its reference.

A bench is a module of this package with `run(options) -> dict`; its docstring says what is
measured. All work in a temporary folder that is removed afterwards.
"""

import argparse
import importlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from bench.report import machine, tell

BENCHES = (
    "transfer", "destinations", "rescan", "latency", "queue", "catalogue", "identifiers", "page",
    "movers",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What the command line says; None where the bench has its own default."""

    folder: Path
    rounds: int
    files: int | None = None
    size: int | None = None
    rows: int | None = None
    database: str = "sqlite"
    updates: int | None = None
    hooks: bool = False
    grown: int | None = None
    kinds: str | None = None


def main() -> int:
    """Run one bench and print its answer."""
    parser = argparse.ArgumentParser(prog="streamweave bench", description=__doc__)
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--files", type=int, help="how many files")
    parser.add_argument("--size", type=int, help="bytes of each file")
    parser.add_argument("--rows", type=int, help="how many rows the database holds")
    parser.add_argument("--updates", type=int, help="how many live changes a page hears")
    parser.add_argument("--hooks", action="store_true", help="transfer: with hooks and without")
    parser.add_argument("--grown", type=int, help="movers: bytes of the file that grows")
    parser.add_argument("--rounds", type=int, default=3, help="own figure and reference, each time")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--kinds", help="destinations: these alone, as in sftp,s3")
    given = parser.parse_args()
    began = monotonic()
    module = importlib.import_module(f"bench.{given.name}")
    with tempfile.TemporaryDirectory(prefix="sw-bench-", dir=given.folder) as folder:
        options = Options(
            Path(folder), given.rounds, given.files, given.size, given.rows, given.database,
            given.updates, given.hooks, given.grown, given.kinds,
        )  # fmt: skip
        answer = {"bench": given.name, **module.run(options)}
    answer |= {"rounds": given.rounds, "seconds": round(monotonic() - began, 1)}
    answer["machine"] = machine()
    tell(answer, as_json=given.json, show=sys.stdout.write)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
