"""A file that is being acquired: behaves like acquisition software while a harvester looks on.

- ``grow`` appends small pieces to the final name,
- ``rename`` writes ``~NAME.tmp`` and renames it at the end,
- ``rewrite`` grows with an empty header and writes the true header in place at the very end, as
  Thermo's software does.

The final bytes depend on seed and size only, so a test can say what must have arrived.
Command line: ``python -m simlab.writer DIR --kind grow --seconds 10``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from simlab import formats

KINDS = ("grow", "rename", "rewrite")
DEFAULT_BYTES = 4 * 1024 * 1024
_FLUSH_SECONDS = 0.1


def final_content(seed: int, size: int) -> bytes:
    """The bytes of a finished acquisition: a valid Thermo .raw file."""
    return formats.thermo_raw(random.Random(f"{seed}/writer"), size)


class AcquisitionWriter:
    """One acquisition in a thread of its own.

    ``stop`` ends it early but properly: the file is finished, with all its bytes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kind: str = "grow",
        seconds: float = 10.0,
        seed: int = 2026,
        size_bytes: int = DEFAULT_BYTES,
        name: str | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"No kind {kind!r}; there are {KINDS}.")
        self.kind = kind
        self.path = directory / (name or f"acquisition_{kind}_{seed}.raw")
        self._seconds = seconds
        self._content = final_content(seed, size_bytes)
        self._hurry = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name=f"writer-{kind}", daemon=True)

    @property
    def content(self) -> bytes:
        """What the file holds when it is finished."""
        return self._content

    @property
    def sha256(self) -> str:
        """Digest of :attr:`content`."""
        return hashlib.sha256(self._content).hexdigest()

    def start(self) -> AcquisitionWriter:
        """Begin; gives itself, so that a test can write one line."""
        self._thread.start()
        return self

    def alive(self) -> bool:
        """Whether the acquisition still runs."""
        return self._thread.is_alive()

    def hurry(self) -> None:
        """Ask for the end: the rest is written at once. Does not wait."""
        self._hurry.set()

    def stop(self) -> None:
        """Hurry and wait for the end."""
        self.hurry()
        if self._thread.ident is not None:
            self.join()

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the end; True when finished. Raises what writing raised."""
        self._thread.join(timeout_seconds)
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def __enter__(self) -> AcquisitionWriter:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._acquire()
        except OSError as problem:
            self._failure = problem  # raised again in the thread that asks for the end

    def _acquire(self) -> None:
        temporary = self.path.with_name(f"~{self.path.name}.tmp")
        target = temporary if self.kind == "rename" else self.path
        head = formats.THERMO_HEADER_BYTES
        with target.open("wb") as file:
            if self.kind == "rewrite":
                self._append_slowly(file, bytes(head) + self._content[head:])
                file.seek(0)
                file.write(self._content[:head])
            else:
                self._append_slowly(file, self._content)
        if self.kind == "rename":
            temporary.replace(self.path)

    def _append_slowly(self, file: BinaryIO, content: bytes) -> None:
        began, written = time.monotonic(), 0
        while written < len(content):
            elapsed = time.monotonic() - began + _FLUSH_SECONDS
            done = self._hurry.is_set() or elapsed >= self._seconds
            due = len(content) if done else int(len(content) * elapsed / self._seconds)
            file.write(content[written:due])
            file.flush()
            written = due
            if not done:
                self._hurry.wait(_FLUSH_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; SIGTERM and Ctrl-C finish the file at once."""
    parser = argparse.ArgumentParser(prog="python -m simlab.writer", description=main.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="grow")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--size", type=int, default=DEFAULT_BYTES, help="bytes of the final file")
    parser.add_argument("--name", default=None)
    options = parser.parse_args(arguments)
    writer = AcquisitionWriter(
        options.directory,
        kind=options.kind,
        seconds=options.seconds,
        seed=options.seed,
        size_bytes=options.size,
        name=options.name,
    )

    def hurry(_number: int, _frame: FrameType | None) -> None:
        writer.hurry()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hurry)
    writer.start()
    writer.join()
    sys.stdout.write(f"{writer.sha256}  {writer.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
