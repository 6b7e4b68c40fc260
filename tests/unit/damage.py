"""Tries damaged variants of a file on an extractor, in processes bounded as a hook's is.

Run as a program: `python -m tests.unit.damage MODULE:CLASS NAME COUNT [NEIGHBOUR FILE] < content`.
Each variant has a process of its own; it prints for each how that ended: `well` (read, or refused
with a clear failure), `stopped` (it took too long, as machine code of a library may; a hook's
process is killed then) or `broken`. With a neighbour that is what is damaged, and FILE is the
content of the file itself.
"""

import importlib
import io
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

from streamweave_sdk.testing import a_version, try_post_hook

ROOT = Path(__file__).resolve().parent.parent.parent
_MEMORY_BYTES = 1 << 30
_HEAD_BYTES = 4096
_MOST_SECONDS = 4  # of a processor


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
    """Return how many damaged variants the extractor bears; the others were stopped.

    Raises:
        AssertionError: one broke its process, or ended in no clear failure.
    """
    more = [str(one) for one in in_neighbour or ()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.damage", hook, name, str(count), *more],
        input=content,
        capture_output=True,
        cwd=ROOT,
        timeout=600,
        check=False,
    )
    ends = done.stdout.decode().split()
    said = done.stderr.decode()[-3000:]
    assert done.returncode == 0 and len(ends) == count, f"{done.returncode}, {len(ends)}: {said}"
    assert "broken" not in ends, said
    return ends.count("well")


def main(hook: str, name: str, count: int, neighbour: str = "", file: str = "") -> None:
    """Try each variant; say after each how many went well."""
    module, _, class_ = hook.partition(":")
    made = getattr(importlib.import_module(f"app.hooks.builtin.{module}"), class_)
    content = sys.stdin.buffer.read()
    own = Path(file).read_bytes() if file else b""
    logging.disable()
    warnings.simplefilter("ignore")

    def ask(damaged: bytes) -> None:
        sent, beside = (own, {neighbour: damaged}) if neighbour else (damaged, {})
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try_post_hook(made, a_version(name, size_bytes=len(sent)), sent, neighbours=beside)

    ask(content)  # the libraries are imported once, by whoever the others come from
    for damaged in variants(content, count):
        sys.stdout.write(f"{_tried(ask, damaged)}\n")


def _tried(ask: Callable[[bytes], None], damaged: bytes) -> str:
    from app.hooks.builtin.extractors import CannotExtract

    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS + 1))
        code = 1
        try:
            # Out of memory a hook process ends, and only it.
            with suppress(CannotExtract, MemoryError):
                ask(damaged)
            code = 0
        finally:
            if code:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return "stopped"
    return "well" if status == 0 else "broken"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
