"""Child processes that are restarted when they die, and die with their parent.

Well-kept supervisors (supervisord, circus) neither tell their parent that a child was restarted
(the daemon's remotes must be made again) nor end the children when they are killed themselves.
Back-off is tenacity's.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tenacity import RetryCallState, wait_exponential

from app.clock import monotonic
from app.transfers.children import die_with_parent

logger = logging.getLogger("streamweave.supervise")

_GOOD_LIFE_SECONDS = 30.0
_STOP_SECONDS = 10.0


def end_if_orphaned() -> None:
    """End a process whose parent died before `die_with_parent` could ask to be told."""
    if os.getppid() == 1:
        raise SystemExit("The worker is gone; another one takes the run over.")


@dataclass
class Child:
    """A supervised process. `started` is awaited after each start, before it counts as up."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    started: Callable[[int], Awaitable[None]] | None = None
    before: Callable[[], None] | None = None
    gate: Callable[[], Awaitable[None]] | None = None  # waited for before each start
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    starts: int = field(default=0, init=False)

    async def run(self) -> None:
        """Keep the process running until cancelled; then end it."""
        wait = wait_exponential(multiplier=0.2, max=15)
        state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
        state.attempt_number = 0
        try:
            while True:
                began = monotonic()
                await self._start()
                assert self.process is not None
                code = await self.process.wait()
                lived = monotonic() - began
                state.attempt_number = 1 if lived > _GOOD_LIFE_SECONDS else state.attempt_number + 1
                delay = wait(state)
                logger.warning("%s ended (%s); again in %.1f s", self.name, code, delay)
                await asyncio.sleep(delay)
        finally:
            await self.stop()

    async def _start(self) -> None:
        if self.gate is not None:
            await self.gate()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.before is not None:
            self.before()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                preexec_fn=partial(die_with_parent, os.getpid()),
                start_new_session=True,
            )
        self.starts += 1
        if self.started is not None:
            try:
                await self.started(self.process.pid)
            except (OSError, TimeoutError) as error:
                logger.warning("%s did not come up: %s", self.name, error)
                self.process.kill()

    async def stop(self) -> None:
        """End the process and all it started: SIGTERM first, SIGKILL when it does not go."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await process.wait()
                    return
