"""Processes of a mover: in a group of their own, ended with it, and never outliving the worker."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from app.transfers import children

_LINE_BYTES = 1 << 20  # a path has 4,096 bytes, each of which may be written as five
_KEPT_LINES = 4000


class Child:
    """A running program: its lines of standard output, and what it complained of."""

    def __init__(self, process: asyncio.subprocess.Process, given: bytes) -> None:
        self._process = process
        self.complaints: list[bytes] = []
        self._tasks = [
            asyncio.create_task(self._feed(given)),
            asyncio.create_task(self._hear()),
        ]

    @classmethod
    async def start(
        cls,
        command: Sequence[str | bytes],
        *,
        given: bytes,
        cwd: Path,
        env: Mapping[str, str],
        bound: Sequence[str] = (),
    ) -> "Child":
        """Start a program that reads `given`; `bound` is what else setpriv takes from it."""
        pipe = asyncio.subprocess.PIPE
        before, called = children.bound(*bound)
        process = await asyncio.create_subprocess_exec(
            *before,
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            cwd=cwd,
            env=dict(env),
            limit=_LINE_BYTES,
            start_new_session=True,
            preexec_fn=called,
        )
        return cls(process, given)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def _feed(self, given: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        # A program that ends early says why by itself.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(given)
            await stdin.drain()
        stdin.close()

    async def _hear(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        async for line in stderr:
            if len(self.complaints) < _KEPT_LINES:
                self.complaints.append(line.rstrip(b"\r\n"))

    async def line(self) -> bytes | None:
        """Return the next line of its output; None at the end."""
        stdout = self._process.stdout
        assert stdout is not None
        line = await stdout.readline()
        return line.removesuffix(b"\n") if line else None

    async def wait(self) -> int:
        """Wait for its end, with all that it complained of."""
        await asyncio.gather(*self._tasks)
        return await self._process.wait()

    async def end(self) -> None:
        """Kill it with all that it started; nothing when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._process.wait()


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str | bytes],
    *,
    given: bytes,
    cwd: Path,
    env: Mapping[str, str],
    bound: Sequence[str] = (),
) -> AsyncIterator[Child]:
    """Run a program; it is gone after the block, however that ends."""
    child = await Child.start(command, given=given, cwd=cwd, env=env, bound=bound)
    try:
        yield child
    finally:
        await asyncio.shield(child.end())
