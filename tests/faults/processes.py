"""Engines as child processes on a lab's database and folders.

They are forked from a server that has imported the engine once: a start costs milliseconds.
"""

import itertools
import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
from sqlalchemy import func, select

from app.database import lease_clock_ms
from app.models import Copy, ScanState
from tests.faults import engine_process
from tests.integration.engine_fixtures import Lab
from tests.integration.source_fixtures import eventually

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.engine_process", "pytest"])


class Children:
    """Starts engine processes; whatever still runs at the end is killed."""

    def __init__(self, lab: Lab, url: str) -> None:
        self._lab = lab
        self._url = url
        self._numbers = itertools.count(1)
        self._running: list[BaseProcess] = []
        self._log = lab.source.parent / "children.log"

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._running:
            child.kill()
            child.join()

    @property
    def log(self) -> str:
        """The end of what they wrote."""
        return self._log.read_text()[-3000:] if self._log.exists() else ""

    def start(self, **options: Any) -> BaseProcess:
        """Start one engine."""
        given = engine_process.Options(
            url=self._url,
            instrument=self._lab.instrument,
            folder=self._lab.source,
            log=self._log,
            **{"worker": f"child-{next(self._numbers)}", **options},
        )
        child = _CONTEXT.Process(target=engine_process.run, args=(given,), daemon=True)
        child.start()
        self._running.append(child)
        return child

    def end_of(self, child: BaseProcess) -> int:
        """Wait for its end; return its exit status (-9: killed)."""
        child.join(120)
        assert child.exitcode in (0, -signal.SIGKILL), self.log
        return child.exitcode

    def run(self, **options: Any) -> int:
        """Run one engine to its end; return its exit status."""
        return self.end_of(self.start(**options))


async def leases_run_out(lab: Lab) -> None:
    """Wait until every lease of a dead process has run out."""

    async def over() -> bool:
        async with lab.database.read() as session:
            now = await lease_clock_ms(session)
            copies = await session.scalar(select(func.max(Copy.lease_until_ms))) or 0
            scans = await session.scalar(select(func.max(ScanState.lease_until_ms))) or 0
        return max(copies, scans) < now

    await eventually(over)


async def has_stopped(child: BaseProcess) -> None:
    """Wait until a process stands still (SIGSTOP)."""

    async def stopped() -> bool:
        return bool(psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)

    await eventually(stopped)


def go_on(child: BaseProcess) -> None:
    """Let it go on."""
    assert child.pid is not None
    os.kill(child.pid, signal.SIGCONT)
