"""A file on its way to an rsync daemon: it lies on the worker until its batch is sent."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from app.transfers.base import ObjectFacts, Target
from app.transfers.rsync.spool import local_trouble

_LARGE_BYTES = 256 << 10  # written outside the event loop
_HELD_BYTES = 256 << 10


class RsyncTemporary:
    """A file that is being written."""

    def __init__(
        self, target: Target, path: Path, facts: Callable[[int, int], ObjectFacts]
    ) -> None:
        self.target = target
        self.path = path
        self._facts = facts
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._size_bytes = 0
        self._descriptor: int | None = None

    async def write(self, chunk: bytes) -> None:
        """Append a chunk."""
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes >= _HELD_BYTES:
            await self._put_down()

    async def _put_down(self) -> None:
        block = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        self._size_bytes += len(block)
        with local_trouble("writing"):
            descriptor = self._opened()
            if len(block) < _LARGE_BYTES:
                _write(descriptor, block)
            else:
                await asyncio.to_thread(_write, descriptor, block)

    def _opened(self) -> int:
        if self._descriptor is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o600)
        return self._descriptor

    async def finish(self, mtime_ns: int) -> ObjectFacts:
        """Set the modification time and close; the storage knows nothing of it yet."""
        await self._put_down()
        with local_trouble("setting the time"):
            os.utime(self._opened(), ns=(mtime_ns, mtime_ns))
        self._close()
        return self._facts(self._size_bytes, mtime_ns)

    async def abandon(self) -> None:
        """Close and remove it."""
        self._close()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.path.unlink()

    def _close(self) -> None:
        self._held, self._held_bytes = [], 0
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
