"""The engine in a process of its own, as a run drives it, without Prefect: scans beside two hands.

It may be told to stand still at named moments, to live with a wrong wall clock, to write short, or
(at a round's end) to go on until all is quiet, sweep and seal.
"""

import asyncio
import logging
import multiprocessing
import os
import resource
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import configure_mappers

import app.clock
from app.config import Settings
from app.database import Database
from app.harvest import crash
from app.harvest.engine import Engine
from app.harvest.ports import EngineSettings, Ports
from app.harvest.retry import RetryPolicy
from app.harvest.store import instruments
from app.harvest.sweep import sweep
from app.models import Copy, CopyState, FileState, SourceFile
from app.services import audit
from app.services.identifiers.ark import ArkMinter
from app.services.sources import SourceOpener
from app.services.storages import StorageOpener, Writer
from app.services.transfers import TransferFilter, retry_transfers
from app.transfers.base import Source
from app.transfers.local import LocalSource
from tests.faults.campaign.moments import Moment, Moments, MomentSource, with_moments

logger = logging.getLogger("streamweave.fault-round")
INSTALLATION = "0123456789abcdef"
configure_mappers()  # in the fork server, once for all workers
_MOVING = [state for state in CopyState if not state.is_final]
_PASSES = 40
_LATER_SECONDS = 400.0  # beyond the longest rest that a held file takes


@dataclass(frozen=True)
class Options:
    """What a worker works on, and what is wrong with its world."""

    url: str
    instrument: uuid.UUID
    log: Path
    data: Path
    folder: Path | None = None  # a local source
    control: Path | None = None  # the supervisor's socket, for any other
    secret_keys: str = field(default="", repr=False)  # for one that a mover opens
    worker: str = "worker-1"
    lease_seconds: float = 1.0
    io_timeout_seconds: float = 1.0
    crash_at: str = ""
    moments: tuple[Moment, ...] = field(default=())
    file_limit_bytes: int = 0
    short_writes: bool = False
    finish: bool = False
    environment: dict[str, str] = field(default_factory=dict)


class _WrongClock(datetime):
    """The wall clock of `app.clock`, off by what the round says."""

    offset = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.offset


def jump(seconds: float) -> None:
    """Set the wall clock forward (or back)."""
    _WrongClock.offset += timedelta(seconds=seconds)
    vars(app.clock)["datetime"] = _WrongClock  # where `utcnow` asks


def _write_short() -> None:
    """Let each write(2) take less than it was given, as it may."""
    real = os.write

    def short(descriptor: int, data: Any) -> int:
        view = memoryview(data)
        return real(descriptor, view[: max(1, len(view) * 2 // 3)])

    os.write = short


class Worker:
    """The engine and the loops around it."""

    def __init__(self, options: Options, connection: "Connection[Any, Any]") -> None:
        self._options = options
        self._database = Database(options.url)
        self._moments = Moments(options.moments, connection, self._obey)
        settings = Settings(
            data=options.data,
            io_timeout_seconds=options.io_timeout_seconds,
            secret_keys=SecretStr(options.secret_keys) if options.secret_keys else None,
        )
        self._opener = SourceOpener(self._database, settings, options.control)
        ports = Ports(
            open_source=self._open,
            open_storage=StorageOpener(
                self._database, settings, Writer(INSTALLATION, options.worker)
            ),
            mint=ArkMinter("99999", "sw1").mint,
            record=audit.record,
            merkle_root=audit.merkle_root,
            settings=EngineSettings(
                installation=INSTALLATION,
                worker=options.worker,
                lease_seconds=options.lease_seconds,
                publish_timeout_seconds=options.lease_seconds / 4,
                # Never give up by counting: whatever is not there at the end was lost.
                retry=RetryPolicy(0.01, 0.1, 10_000, hold_seconds=0.05, hold_cap_seconds=0.2),
            ),
        )
        self._engine = Engine(self._database, ports)
        with_moments(self._engine, self._moments)
        self._scanned = 0

    def _obey(self, orders: dict[str, Any]) -> None:
        if "clock" in orders:
            jump(orders["clock"])

    async def _open(self, instrument_id: uuid.UUID, *, concurrency: int) -> Source:
        if self._options.folder is not None:
            real: Source = LocalSource(self._options.folder)
        else:
            real = await self._opener(instrument_id, concurrency=concurrency)
        return MomentSource(real, self._moments)

    async def work(self) -> None:
        """Scan, plan and transfer until nothing is left to do."""
        _end_with_the_round()
        helpers = [asyncio.create_task(self._keep_slots())]
        if self._options.finish:
            await self._finish()
        else:
            hands = [asyncio.create_task(self._hand()) for _ in range(2)]
            helpers += hands
            while self._scanned < 2:
                await self._guarded(self._scan)
            await self._until_done()
        for task in helpers:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await self._database.close()

    async def _scan(self) -> bool:
        result = await self._engine.scan(self._options.instrument)
        if result is None or result.scan.error is not None:
            if result is not None:
                logger.warning("scan: %s", result.scan.error)
            await asyncio.sleep(0.02)
            return False
        self._scanned += 1
        return True

    async def _guarded(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """As a run does: a strange error is logged and costs one batch or scan, not the run."""
        try:
            return await step()
        except Exception:
            logger.exception("a step ended in an unexpected error")
            await asyncio.sleep(0.05)
            return None

    async def _hand(self) -> None:
        while True:
            if not await self._guarded(lambda: self._engine.transfer(["main"])):
                await asyncio.sleep(0.01)

    async def _keep_slots(self) -> None:
        while True:
            await asyncio.sleep(self._options.lease_seconds / 3)
            await self._guarded(self._engine.opened.keep)

    async def _until_done(self) -> None:
        while await self._guarded(self._unfinished) != 0:
            await asyncio.sleep(0.05)
            await self._guarded(self._scan)  # what changed is observed again

    async def _unfinished(self) -> int:
        async with self._database.read() as session:
            moving = await session.scalar(
                select(func.count())
                .select_from(Copy)
                .join(SourceFile, SourceFile.id == Copy.source_file_id)
                .where(Copy.state.in_(_MOVING), SourceFile.absent_since.is_(None))
            )
            waiting = await session.scalar(
                select(func.count())
                .select_from(SourceFile)
                .where(
                    SourceFile.state.in_([FileState.SETTLING, FileState.HELD]),
                    SourceFile.absent_since.is_(None),
                )
            )
        return int(moving or 0) + int(waiting or 0)

    async def _finish(self) -> None:
        """Until two passes in a row find all done; then what a person and a day would do."""
        await self._guarded(self._sweep)  # as a run does at its start
        quiet = failed = 0
        for number in range(_PASSES):
            scanned = await self._guarded(self._scan)
            if not scanned:
                # As a run's back-off does: rclone lets go of dead connections after 15 s of rest.
                failed += 1
                await asyncio.sleep(min(16.0, 0.02 * 2**failed))
                continue
            while await self._guarded(lambda: self._engine.transfer(["main"])):
                pass
            done = scanned and await self._guarded(self._unfinished) == 0
            quiet = quiet + 1 if done else 0
            if quiet == 2:
                break
            if not done and 3 < number < 10:
                jump(_LATER_SECONDS)  # what is due later is due now
            await asyncio.sleep(0.02)
        await self._retry_what_died()
        await self._sweep()
        while await self._database.run(audit.seal):
            pass

    async def _sweep(self) -> None:
        async with self._database.read() as session:
            locations = await instruments.open_locations(session, ["main"], resting=True)
            rows = [await instruments.storage_location(session, one) for one in locations]
        for row in rows:
            await sweep(self._database, await self._engine.storage(row))

    async def _retry_what_died(self) -> None:
        """A person retries the files that were alone in a worker's hands when it was killed."""
        for code in ("lost_repeatedly",):
            await retry_transfers(self._database, "system", TransferFilter(error_code=code))
        while await self._guarded(lambda: self._engine.transfer(["main"])):
            pass


def _end_with_the_round() -> None:
    """A worker whose round was killed has nothing to work for."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    asyncio.get_running_loop().add_reader(parent.sentinel, os._exit, 1)


def run(options: Options, connection: "Connection[Any, Any]") -> None:
    """The life of the process."""
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(message)s")
    os.environ.update(options.environment)
    crash.arm(options.crash_at)
    if options.file_limit_bytes:
        limit = options.file_limit_bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    if options.short_writes:
        _write_short()
    asyncio.run(Worker(options, connection).work())
