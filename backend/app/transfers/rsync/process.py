"""Processes of a mover: in a group of their own, ended with it, and never outliving the worker."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LINE_BYTES = 1 << 20  # a path has 4,096 bytes, each of which may be written as five
_KEPT_LINES = 4000
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def environment(**more: str) -> dict[str, str]:
    """Return what a child gets: nothing of ours but the path, and times in UTC."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "LC_ALL": "C", "TZ": "UTC", "SHELL": "/bin/sh", **more}


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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
        guard = shutil.which("setpriv")
        guarded = [guard, "--pdeathsig", "KILL", *bound, "--"] if guard else []
        process = await asyncio.create_subprocess_exec(
            *guarded,
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            cwd=cwd,
            env=dict(env),
            limit=_LINE_BYTES,
            start_new_session=True,
            # Forking a large process for it stops the event loop for 10 ms and more.
            preexec_fn=None if guard else _die_with_parent,
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
