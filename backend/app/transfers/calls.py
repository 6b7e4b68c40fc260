"""Calls to a file system that may never come back.

A mount whose server is gone keeps a call for hours, and nothing can take the caller out of it. So
calls are made in threads, each place (a storage location, a local source) with its own: who waits
gives up when a call shows no progress for some seconds, the thread is left behind and counted, and
the place is refused for as long again. Short calls to a disk of this machine are made at once: a
thread costs more than they do.

Promised: every wait has an end, other places go on, the process can end (no thread is joined).
Not promised: a short call to a dying local disk; it holds the event loop until the kernel gives up.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from app.clock import monotonic
from app.errors import StreamWeaveError

T = TypeVar("T")
STALL_SECONDS = 60.0
# A sync says nothing until it is over, however much there was to write.
SYNC_SECONDS = 600.0
_AT_ONCE = 16
# Of calls that are made at once: so long may one caller go on before the others have a turn.
_BREATH_SECONDS = 0.001
_MOST_STUCK = 32
_DISKS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay"})
_current = threading.local()


def progress() -> None:
    """Say from inside a call that it goes on."""
    call = getattr(_current, "call", None)
    if call is not None:
        call.heard_at = monotonic()


class _Call:
    """One call on its way."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self.loop.create_future()
        self.heard_at = monotonic()

    def make(self) -> None:
        """Make it in this thread."""
        _current.call = self
        try:
            done, error = self.work(), None
        except Exception as raised:  # noqa: BLE001  # it is raised where somebody waits
            done, error = None, raised
        try:
            self.loop.call_soon_threadsafe(self._tell, done, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _tell(self, done: Any, error: Exception | None) -> None:
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(done)
        else:
            self.answer.set_exception(error)


class _Thread:
    """A thread that makes one call after the other. Daemonic: the process does not wait for it."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[_Call | None] = SimpleQueue()
        threading.Thread(target=self._run, name="file system", daemon=True).start()

    def _run(self) -> None:
        while (call := self.calls.get()) is not None:
            call.make()


class _Breath:
    """Gives the event loop away between calls that are made at once.

    They never wait, so a batch of 200 files would be one step of the loop, and everybody else,
    another instrument's three files, would stand still for it (measured: 100 ms and more).
    """

    def __init__(self) -> None:
        self._began: float | None = None  # of the first call in this turn of the loop
        self._last: asyncio.Task[Any] | None = None

    async def take(self) -> None:
        """Wait for the next turn of the loop when this caller has had its time in this one."""
        now, caller = monotonic(), asyncio.current_task()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._end)
        elif now - self._began > _BREATH_SECONDS and caller is self._last:
            await asyncio.sleep(0)
        self._last = caller

    def _end(self) -> None:
        self._began = None


class Calls:
    """The calls of one place in one event loop."""

    def __init__(
        self, root: Path, code: str, seconds: float, breath: _Breath | None = None
    ) -> None:
        self._breath = breath or _Breath()
        self._root = root
        self._code = code
        self._seconds = seconds
        self._idle: list[_Thread] = []
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._stuck: set[_Call] = set()
        self._refused_until = float("-inf")
        self._afterwards: list[Callable[[], None]] = []
        self.is_disk = False  # until somebody looked

    def look(self) -> None:
        """Look, from inside a call, whether this is a disk of this machine."""
        self.is_disk = is_disk(os.path.realpath(self._root))

    @property
    def stuck(self) -> int:
        """How many threads have not come back."""
        return len(self._stuck)

    async def brief(self, work: Callable[..., T], *arguments: Any) -> T:
        """Make a short call: at once on a disk of this machine, in a thread elsewhere."""
        if self.is_disk:
            await self._breath.take()
            return work(*arguments)
        return await self.run(work, *arguments)

    async def opened(self, work: Callable[..., int], *arguments: Any) -> int:
        """Open a file; who is cancelled or gives up meanwhile leaves no descriptor behind."""
        found: list[int] = []
        is_given_up = threading.Event()

        def close() -> None:
            # The thread and the one who waits may both come here: the list gives it once.
            with suppress(IndexError):
                os.close(found.pop())

        def keep() -> None:
            found.append(work(*arguments))
            if is_given_up.is_set():
                close()

        try:
            await self.brief(keep)
            return found.pop()
        finally:
            is_given_up.set()
            close()

    async def run(self, work: Callable[..., T], *arguments: Any, seconds: float | None = None) -> T:
        """Make a call in a thread; who is cancelled waits for its end, or a descriptor that it uses
        would be closed meanwhile.

        Raises:
            StreamWeaveError: the place's code when nothing is heard for too long.
        """
        seconds = max(seconds or 0, self._seconds)
        if monotonic() < self._refused_until or self.stuck >= _MOST_STUCK:
            raise self._stalled()
        try:
            async with asyncio.timeout(seconds):
                await self._room.acquire()
        except TimeoutError:
            raise self._stalled() from None
        try:
            call = _Call(lambda: work(*arguments))
            thread = self._idle.pop() if self._idle else _Thread()
            thread.calls.put(call)
            answer: T = await self._answer(call, thread, seconds)
            return answer
        finally:
            self._room.release()

    async def _answer(self, call: _Call, thread: _Thread, seconds: float) -> Any:
        cancelled: asyncio.CancelledError | None = None
        while not call.answer.done():
            left = call.heard_at + seconds - monotonic()
            if left <= 0:
                self._leave(call, thread)
                raise cancelled or self._stalled()
            try:
                await asyncio.wait([call.answer], timeout=left)
            except asyncio.CancelledError as error:
                cancelled = error
        self._idle.append(thread)
        if cancelled is not None:
            call.answer.exception()
            raise cancelled
        return call.answer.result()

    def _leave(self, call: _Call, thread: _Thread) -> None:
        self._stuck.add(call)
        self._refused_until = monotonic() + self._seconds

        def back(answer: asyncio.Future[Any]) -> None:
            if not answer.cancelled():
                answer.exception()  # nobody else takes it
            thread.calls.put(None)
            self._stuck.discard(call)
            while self._afterwards and not self._stuck:
                self._afterwards.pop()()

        call.answer.add_done_callback(back)

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do something when no stuck call can be using what it takes away."""
        if self._stuck:
            self._afterwards.append(work)
        else:
            work()

    def _stalled(self) -> StreamWeaveError:
        detail = f"{self._root}: no answer for {self._seconds:g} s; {self.stuck} calls are stuck."
        return StreamWeaveError(self._code, detail)


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Path, str], Calls]] = (
    WeakKeyDictionary()
)
_breaths: WeakKeyDictionary[asyncio.AbstractEventLoop, _Breath] = WeakKeyDictionary()


def calls_of(root: Path, code: str, seconds: float) -> Calls:
    """Return the calls of a place, the same for all who use it."""
    loop = asyncio.get_running_loop()
    places = _places.setdefault(loop, {})
    key = (root, code)
    if key not in places:
        places[key] = Calls(root, code, seconds, _breaths.setdefault(loop, _Breath()))
    return places[key]


def is_disk(path: str) -> bool:
    """Return whether a real path and all below it lie on disks of this machine."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return False  # no /proc: only Linux can be asked this way
    mounted = [line.split(" ")[1:3] for line in lines]
    # The last one that was mounted somewhere hides the others.
    places = [(mount.replace("\\040", " "), kind) for mount, kind in reversed(mounted)]
    above = max((place for place in places if _is_at(path, place[0])), key=_length, default=None)
    below = [kind for mount, kind in places if mount != path and _is_at(mount, path)]
    return above is not None and {above[1], *below} <= _DISKS


def _length(place: tuple[str, str]) -> int:
    return len(place[0])


def _is_at(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
