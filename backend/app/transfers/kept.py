"""One connection that many requests share, one after another: the floor under our HTTP readers.

A small answer is one wake-up: whoever waits is called when all that he waits for is here.
"""

import asyncio
import ssl
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
_LEAST_SPACE = 512 << 10  # pages that were never written to cost nothing
_SLICE = 256 << 10  # of what is sent: no more of it is copied at a time


class KeptConnection(asyncio.BufferedProtocol):
    """One connection: what came and was not taken yet, and who waits for how much.

    What comes is written to the same pages again and again, and copied once, when it is taken: new
    memory for each megabyte costs as much as the kernel's part of receiving it.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.timeout_seconds = timeout_seconds
        self._space = bytearray(_LEAST_SPACE)
        self._start = self._end = 0  # of what came and was not taken yet
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        self._is_paused = False
        self._watch: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._writable: asyncio.Future[None] | None = None
        self._may_write = True
        self.is_over = False
        self.failure: Exception | None = None  # how it ended, if not well

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self._transport = cast(asyncio.Transport, transport)

    @property
    def _limit(self) -> int:
        """How much may be here; then nothing more is read before some is taken."""
        return max(_LEAST_SPACE, 2 * self._wanted)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return room for what comes; there is always some."""
        size = max(self._limit, len(self._space), self.here + 1)
        if self._end == len(self._space) or len(self._space) < size:
            kept = self._space[self._start : self._end]
            if len(self._space) < size:
                self._space = bytearray(size)
            self._space[: len(kept)] = kept
            self._start, self._end = 0, len(kept)
        return memoryview(self._space)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """Note what came; stop reading while nobody takes it."""
        self._end += nbytes
        self._heard_at = self._loop.time()
        if self._writable is not None:
            self._go_on_writing()
        if self.here >= self._wanted:
            self._wake()
        if self.here >= self._limit and self._transport and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake who waits: no more will come."""
        self.is_over = True
        self.failure = self.failure or exc
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """The other end takes no more for now."""
        self._may_write = False

    def resume_writing(self) -> None:
        """It takes more, or will never."""
        self._may_write = True
        self._go_on_writing()

    def _go_on_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def ask(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport is not None
        self._heard_at = self._loop.time()
        self._transport.write(request)

    async def send(self, content: memoryview) -> int:
        """Send what may be long; return how much went before something came, or the end.

        Raises:
            TimeoutError: when the other end takes nothing for the time-out.
        """
        assert self._transport is not None
        sent = 0
        while sent < len(content) and not self.is_over and not self.here:
            piece = content[sent : sent + _SLICE]
            self._transport.write(piece)
            sent += len(piece)
            if not self._may_write:
                self._writable = self._loop.create_future()
                try:
                    async with asyncio.timeout(self.timeout_seconds):
                        await self._writable
                finally:
                    self._writable = None
        self._heard_at = self._loop.time()
        return sent

    async def wait(self, wanted: int) -> int:
        """Wait until so many bytes are here or no more will come; return how many are.

        Raises:
            TimeoutError: when nothing came for the time-out.
        """
        if self.here < wanted:
            self._heard_at = self._loop.time()  # not while nobody waited
        while self.here < wanted and not self.is_over:
            self._wanted = wanted
            self._read_on()
            self._waiter = self._loop.create_future()
            if self._watch is None:
                self._watch = self._loop.call_later(self.timeout_seconds, self._look)
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.here

    def _look(self) -> None:
        """The stall watch: one timer a connection, set again as long as bytes come."""
        self._watch = None
        if self._waiter is None or self._waiter.done():
            return
        left = self._heard_at + self.timeout_seconds - self._loop.time()
        if left <= 0:
            self._waiter.set_exception(TimeoutError())
        else:
            self._watch = self._loop.call_later(left, self._look)

    @property
    def here(self) -> int:
        """How many bytes came and were not taken yet."""
        return self._end - self._start

    def take_to(self, mark: bytes) -> bytes | None:
        """Take all up to and with the first mark, if it is here."""
        at = self._space.find(mark, self._start, self._end)
        return None if at < 0 else self.take(at + len(mark) - self._start)

    def take(self, size: int) -> bytes:
        """Take up to so many bytes of what is here."""
        until = min(self._start + size, self._end)
        with memoryview(self._space) as here:  # one copy, not two
            taken = bytes(here[self._start : until])
        self._start = until
        if self._start == self._end:
            self._start = self._end = 0
        self._read_on()
        return taken

    def _read_on(self) -> None:
        if self._is_paused and self._transport and self.here <= self._limit // 2:
            self._is_paused = False
            self._transport.resume_reading()

    def rest(self) -> None:
        """Give back the memory of what was long: the next to come may be short."""
        if len(self._space) > _LEAST_SPACE and not self.here:
            self._space, self._wanted = bytearray(_LEAST_SPACE), 0

    async def begin_tls(self, trusted: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on, as behind a proxy."""
        assert self._transport is not None
        self._transport = await self._loop.start_tls(
            self._transport, self, trusted, server_hostname=host
        )

    def close(self) -> None:
        """Close it, whoever waits for more of it."""
        if not self.is_over:
            self.failure = ConnectionAbortedError("The connection was closed.")
        self.is_over = True
        self._wake()
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
