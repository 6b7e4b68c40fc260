"""One at a time, in turn between those who wait.

A first-come lock lets whoever does most stand in its queue several times. Here each name has one
place: an instrument with a hundred thousand files keeps another's three new ones waiting for one of
its transactions, not for all that were asked for before.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Hashable, Iterator
from contextvars import ContextVar
from types import TracebackType

_WHO: ContextVar[Hashable] = ContextVar("streamweave_turn_of", default=None)


@contextlib.contextmanager
def turn_of(who: Hashable) -> Iterator[None]:
    """Wait under this name; all that say nothing share one."""
    before = _WHO.set(who)
    try:
        yield
    finally:
        _WHO.reset(before)


class Turns:
    """A lock for one event loop."""

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}  # whose turn is next: first

    async def __aenter__(self) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(_WHO.get(), deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()  # it came at the same moment
            raise

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            who = next(iter(self._waiting))
            queue = self._waiting.pop(who)
            turn = queue.popleft()
            if queue:
                self._waiting[who] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False
