"""Workers as the round sees them: started from a fork server, met at moments, killed, awaited."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from tests.faults.campaign import child

_CONTEXT = multiprocessing.get_context("forkserver")
# All that the command imports, too: a child imports its parent's main module again.
_CONTEXT.set_forkserver_preload(["tests.faults.campaign.child", "tests.faults.campaign.runner"])


class RunningWorker:
    """One engine process."""

    def __init__(self, options: child.Options) -> None:
        self.options = options
        self._talk: Connection[Any, Any]
        self._talk, theirs = _CONTEXT.Pipe()
        self._process: BaseProcess = _CONTEXT.Process(
            target=child.run, args=(options, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        self._is_frozen = False

    @property
    def alive(self) -> bool:
        """Whether it runs (a stopped one does)."""
        return self._process.is_alive()

    async def moment(self, within_seconds: float) -> tuple[str, bytes] | None:
        """Wait until it stands at a moment; None when it ended or nothing came in time."""
        found = await _readable([self._talk.fileno(), self._process.sentinel], within_seconds)
        if self._talk.fileno() not in found:
            return None
        try:
            name, path = self._talk.recv()
        except EOFError:
            return None
        return name, path

    def go_on(self, **orders: Any) -> None:
        """Let it go on from a moment, with orders for itself."""
        with contextlib.suppress(BrokenPipeError):  # it was killed meanwhile
            self._talk.send(orders)

    async def end(self, within_seconds: float) -> int | None:
        """Wait for its end; its exit status, None when it still runs."""
        await _readable([self._process.sentinel], within_seconds)
        if self._process.is_alive():
            return None
        self._process.join()
        return self._process.exitcode

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> bool:
        """SIGKILL; whether it was alive."""
        was_alive = self._process.is_alive()
        if was_alive:
            self._process.kill()
        self._process.join()
        return was_alive

    def _signal(self, number: signal.Signals) -> None:
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)


async def _readable(descriptors: list[int], within_seconds: float) -> set[int]:
    """Wait until one of the descriptors can be read."""
    loop = asyncio.get_running_loop()
    found: set[int] = set()
    any_of_them = asyncio.Event()

    def note(descriptor: int) -> None:
        found.add(descriptor)
        any_of_them.set()

    with _watched(loop, descriptors, note), contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_seconds):
            await any_of_them.wait()
    return found


@contextlib.contextmanager
def _watched(loop: asyncio.AbstractEventLoop, descriptors: list[int], note: Any) -> Iterator[None]:
    for descriptor in descriptors:
        loop.add_reader(descriptor, note, descriptor)
    try:
        yield
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)
