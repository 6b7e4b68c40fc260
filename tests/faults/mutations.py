"""Guards switched off one at a time: a copy of the tree, a textual patch, and tests that must fail.

`python -m tests.faults.mutations [NAME ...]` says of each guard which test or fault found it
missing. First the same tests must pass in the unchanged copy.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.mutation_list import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
_SECONDS = 400


@dataclass(frozen=True)
class Verdict:
    """What became of one mutation."""

    mutation: Mutation
    caught: bool
    seconds: float
    said: str


def copy_tree(target: Path) -> None:
    """Copy what is kept in version control, as it stands now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    for name in listed.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read_bytes())


def patch(tree: Path, mutation: Mutation) -> None:
    """Switch a guard off; its text must stand there exactly once."""
    for change in mutation.changes:
        path = tree / change.file
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            raise ValueError(f"{mutation.name}: {change.file} has changed; adapt its patch.")
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")


def passes(tree: Path, command: Sequence[str]) -> tuple[bool, str]:
    """Run tests or rounds in a tree; whether they found nothing, and the end of what they said."""
    places = os.pathsep.join(str(tree / one) for one in ("backend", "sdk", "."))
    done = subprocess.run(
        [sys.executable, *_whole(tree, command)],
        cwd=tree, env={**os.environ, "PYTHONPATH": places}, capture_output=True, text=True,
        check=False, timeout=_SECONDS,
    )  # fmt: skip
    return done.returncode == 0, (done.stdout + done.stderr)[-1500:]


def _whole(tree: Path, command: Sequence[str]) -> list[str]:
    kind, *arguments = command
    if kind == "rounds":
        kinds, rounds = arguments
        fixed = ["--rounds", rounds, "--kinds", kinds, "--seed", "1", "--folder", str(tree.parent)]
        return ["-m", "tests.faults.campaign", *fixed]
    folder = f"--basetemp={tree.parent / 'pytest'}"
    return ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", folder, *arguments]


def judge(mutation: Mutation, folder: Path) -> Verdict:
    """Make one mutated tree and run its tests there."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        tree = Path(place) / "tree"
        copy_tree(tree)
        patch(tree, mutation)
        found_nothing, said = passes(tree, mutation.found_by)
    return Verdict(mutation, not found_nothing, time.monotonic() - began, said)


def unchanged(mutations: Iterable[Mutation], folder: Path) -> list[str]:
    """The commands that fail without any mutation: they would prove nothing."""
    failing = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        tree = Path(place) / "tree"
        copy_tree(tree)
        for command in sorted({mutation.found_by for mutation in mutations}):
            good, said = passes(tree, command)
            _say(f"{'passes' if good else 'FAILS'} unchanged: {' '.join(command)}")
            if not good:
                failing.append(f"{' '.join(command)}\n{said}")
    return failing


def main(names: Sequence[str]) -> int:
    """Run; 0 when each guard's absence was found."""
    chosen = [one for one in MUTATIONS if not names or one.name in names]
    with tempfile.TemporaryDirectory(prefix="streamweave-mutations-") as place:
        if failing := unchanged(chosen, Path(place)):
            _say("\n".join(failing))
            return 2
        verdicts = []
        for mutation in chosen:
            verdict = judge(mutation, Path(place))
            verdicts.append(verdict)
            word = "found" if verdict.caught else "NOT FOUND"
            _say(f"{word} in {verdict.seconds:.0f} s: {mutation.name} ({mutation.guard})")
            if not verdict.caught:
                _say(verdict.said)
    missed = sum(not verdict.caught for verdict in verdicts)
    _say(f"{len(verdicts)} guards switched off, {len(verdicts) - missed} found, {missed} not.")
    return 1 if missed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
