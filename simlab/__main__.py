"""Run the laboratory until Ctrl-C: ``python -m simlab DIR``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from simlab.lab import LabInUse, SimInstrument, SimLab
from simlab.seed import DEFAULT_SEED, SeededOtherwise
from simlab.servers import ServerDidNotStart


def _as_json(instruments: list[SimInstrument]) -> str:
    return json.dumps([asdict(i) | {"path": str(i.path)} for i in instruments], indent=2)


def _as_table(instruments: list[SimInstrument]) -> str:
    rows = [("INSTRUMENT", "PROTOCOL", "ADDRESS", "ROOT", "USER", "LOG-IN")]
    for i in instruments:
        address = i.url or (f"{i.host}:{i.port}" if i.port else "-")
        # Secrets are not shown in a table that ends in someone's terminal history.
        login = "key" if i.private_key else "password" if i.password else "-"
        rows.append((i.slug, i.protocol, address, i.root or "-", i.username or "-", login))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    # Whoever reads this by a pipe waits for it.
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m simlab", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", action="append", metavar="SLUG", help="may be repeated")
    parser.add_argument("--json", action="store_true", help="with passwords and keys")
    parser.add_argument("--writer", action="store_true", help="one file grows all the time")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    try:
        lab = SimLab(options.directory, seed=options.seed, scale=options.scale, only=options.only)
        with lab:
            show = _as_json if options.json else _as_table
            _say(show(lab.instruments))
            if options.writer:
                lab.start_writer(seconds=600.0)
            if not options.json:
                _say(f"Passwords are in {options.directory / 'lab.json'}. Ctrl-C ends.")
            ended.wait()
    except (LabInUse, SeededOtherwise, ServerDidNotStart, LookupError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
