"""`python -m tests.faults.campaign`: rounds of injected faults, and what became of them."""

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from simlab.servers import rclone_path
from tests.faults.campaign import kinds
from tests.faults.campaign.parallel import run_parts
from tests.faults.campaign.runner import Plan, execute, say


def main() -> int:
    """Run; 0 when nothing was violated and nothing was left out that CI wants."""
    options = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell ignores the first
        signal.signal(number, signal.default_int_handler)
    only = tuple(options.kinds.split(",")) if options.kinds else ()
    if unknown := set(only) - kinds.ALL.keys():
        say(f"Unknown kinds: {', '.join(sorted(unknown))}. Known: {', '.join(kinds.ALL)}")
        return 2
    found = _in_parts(options) if options.jobs > 1 else _here(options, only)
    found |= {"versions": versions(), "at": time.strftime("%FT%TZ", time.gmtime())}
    if options.append is not None:
        with options.append.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
    sys.stdout.write(json.dumps(found) + "\n" if options.json else _told(found))
    left_out = bool(found["not_run"]) and os.environ.get("CI") == "true"
    return 1 if found["violations"] or found["broken"] or left_out else 0


def _here(options: argparse.Namespace, only: tuple[str, ...]) -> dict[str, Any]:
    """Run the rounds in this process."""
    seed, first, rounds, step = options.seed, 0, options.rounds, 1
    if options.replay:
        seed, first = (int(part) for part in options.replay.split(":"))
        rounds = 1
    if options.part:
        first, step = (int(part) for part in options.part.split("/"))
    plan = Plan(
        rounds, seed, only, first, step, options.folder, options.verbose,
        stack_every=0 if only else options.whole_stack,
        cover=options.cover,
    )  # fmt: skip
    return execute(plan).as_json()


def _in_parts(options: argparse.Namespace) -> dict[str, Any]:
    arguments = ["--rounds", str(options.rounds), "--seed", str(options.seed)]
    arguments += ["--whole-stack", str(options.whole_stack)]
    arguments += ["--kinds", options.kinds] if options.kinds else []
    arguments += ["--folder", str(options.folder)] if options.folder else []
    arguments += ["--verbose"] if options.verbose else []
    return run_parts(arguments, options.jobs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="streamweave faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one object on the last line")
    parser.add_argument("--append", type=Path, help="a file of JSON lines that gathers reports")
    parser.add_argument("--kinds", default="", help="only these, separated by commas")
    parser.add_argument("--replay", default="", metavar="SEED:ROUND", help="one round again")
    parser.add_argument(
        "--whole-stack", type=int, default=100, metavar="N",
        help="one round in N is one of the whole stack (0: none)",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the rounds")
    parser.add_argument("--part", default="", metavar="K/N", help=argparse.SUPPRESS)
    parser.add_argument("--cover", action="store_true", help="each kind once, in few rounds")
    parser.add_argument("--verbose", action="store_true", help="say how long each fault took")
    parser.add_argument("--folder", type=Path, help="where rounds play (a fast disk)")
    return parser


def _told(found: dict[str, Any]) -> str:
    lines = [f"{name:32} {count}" for name, count in found["faults_by_kind"].items()]
    lines += [f"not run: {name}: {reason}" for name, reason in found["not_run"].items()]
    lines += [f"broke: round {number}: {error}" for number, error in found["broken"].items()]
    lines.append(
        f"{found['rounds']} rounds, {found['faults']} faults, "
        f"{found['violations']} violations, {found['seconds']:.0f} s"
    )
    return "\n".join(lines) + "\n"


def versions() -> dict[str, Any]:
    """What it ran on."""
    rclone = subprocess.run(
        [rclone_path(), "version"], capture_output=True, text=True, check=True, timeout=30
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent, timeout=30,
    )  # fmt: skip
    return {
        "python": platform.python_version(),
        "system": platform.release(),
        "sqlite": sqlite3.sqlite_version,
        "rclone": rclone.stdout.split("\n")[0].removeprefix("rclone "),
        "commit": commit.stdout.strip() or "unknown",
    }


if __name__ == "__main__":
    sys.exit(main())
