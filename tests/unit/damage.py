"""Tries damaged variants of a file on an extractor, in a process bounded as a hook's is.

Run as a program: `python -m tests.unit.damage MODULE:CLASS NAME COUNT [NEIGHBOUR FILE] < content`.
It prints how many variants ended as they should, read or refused with a clear failure. A library
that takes the process along ends the count. With a neighbour that is what is damaged, and FILE is
the content of the file itself.
"""

import importlib
import io
import logging
import random
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from streamweave_sdk.testing import a_version, try_post_hook

ROOT = Path(__file__).resolve().parent.parent.parent
_MEMORY_BYTES = 1 << 30
_HEAD_BYTES = 4096


def variants(content: bytes, count: int, seed: int = 7) -> Iterator[bytes]:
    """Yield truncated files, and files with flipped bytes (most of them near the beginning)."""
    chance = random.Random(seed)
    for number in range(count):
        damaged = bytearray(content)
        if number % 4 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            end = min(len(damaged), _HEAD_BYTES) if number % 4 < 3 else len(damaged)
            for _ in range(chance.choice((1, 2, 8, 64))):
                damaged[chance.randrange(end)] = chance.randrange(256)
        yield bytes(damaged)


def survivors(
    hook: str, name: str, content: bytes, count: int, in_neighbour: tuple[str, Path] | None = None
) -> int:
    """Return how many damaged variants the extractor bears."""
    more = [str(one) for one in in_neighbour or ()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.damage", hook, name, str(count), *more],
        input=content,
        capture_output=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    lines = done.stdout.decode().split()
    said = done.stderr.decode()[-3000:]
    assert done.returncode == 0, f"It ended with {done.returncode} after {lines[-1:]}: {said}"
    return int(lines[-1])


def main(hook: str, name: str, count: int, neighbour: str = "", file: str = "") -> None:
    """Try each variant; say after each how many went well."""
    from app.hooks.builtin.extractors import CannotExtract

    module, _, class_ = hook.partition(":")
    made = getattr(importlib.import_module(f"app.hooks.builtin.{module}"), class_)
    content = sys.stdin.buffer.read()
    own = Path(file).read_bytes() if file else b""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    logging.disable()
    warnings.simplefilter("ignore")
    for number, damaged in enumerate(variants(content, count), 1):
        with (
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            suppress(CannotExtract, MemoryError),  # out of memory a hook process ends, and only it
        ):
            sent, beside = (own, {neighbour: damaged}) if neighbour else (damaged, {})
            version = a_version(name, size_bytes=len(sent))
            try_post_hook(made, version, sent, neighbours=beside)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
