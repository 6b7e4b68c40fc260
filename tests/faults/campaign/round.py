"""One round: a fresh world, several faults while it is harvested, quiet, sweep, judgement."""

import asyncio
import contextlib
import json
import random
import shutil
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.database import Database
from tests.faults.campaign import child
from tests.faults.campaign.databases import count_rows, let_leases_run_out
from tests.faults.campaign.destinations import Destination, served_storage
from tests.faults.campaign.globus import GlobusSide, globus_side, make_rows
from tests.faults.campaign.instrument import Files
from tests.faults.campaign.moments import Moment
from tests.faults.campaign.mounts import Disk, disk
from tests.faults.campaign.setting import Services, Setting
from tests.faults.campaign.sources import Remote, remote_source
from tests.faults.campaign.workers import RunningWorker
from tests.faults.checker import Violation, check
from tests.faults.truth import Truth, plant
from tests.integration.factories import make_instrument, make_storage

KILLED = "kill_at_random"
_DISK_BYTES = 128 << 20
_FINISH_SECONDS = 90.0


@dataclass
class Result:
    """What a round did and what was found."""

    number: int
    setting: Setting
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    files: int = 0
    phases: list[tuple[str, float]] = field(default_factory=list)


class Round:
    """The world of a round, as faults see it."""

    def __init__(self, result: Result, services: Services, folder: Path, rng: random.Random):
        self.result = result
        self.setting = result.setting
        self.services = services
        self.folder = folder
        self.rng = rng
        self.truth = Truth(may_meet={"lease_lost", "source_file_changed"})
        self.url = ""
        self.instrument = uuid.UUID(int=0)
        self.archive = folder / "archive"
        self.prefix = ""
        self.files: Files
        self.disk: Disk | None = None
        self.remote: Remote | None = None
        self.globus: GlobusSide | None = None
        self.destination: Destination | None = None
        self._running: list[RunningWorker] = []

    @property
    def log(self) -> Path:
        """What the workers said."""
        return self.folder / "workers.log"

    # --- the world ---------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def world(self) -> AsyncIterator[None]:
        """Database, source, storage; all gone at the end."""
        async with contextlib.AsyncExitStack() as stack:
            if self.setting.database == "postgresql":
                postgresql = self.services.postgresql()
                self.url = await asyncio.to_thread(postgresql.make)
                stack.callback(postgresql.drop, self.url)
            else:
                self.url = self.services.sqlite.make(self.folder)
            if self.setting.storage == "disk":
                place = self.folder / "disk"
                self.disk = stack.enter_context(disk(place, self.archive, _DISK_BYTES))
            elif not self.setting.is_posix:
                self.archive = self.folder / "served" / "archive"
                self.archive.mkdir(parents=True)
            else:
                self.archive.mkdir()
            database = Database(self.url)
            stack.push_async_callback(database.close)
            await self._set_up(database, stack)
            stack.callback(self._kill_all)
            yield

    async def _set_up(self, database: Database, stack: contextlib.AsyncExitStack) -> None:
        if self.setting.source == "globus":
            self.globus = stack.enter_context(globus_side(self.folder))
            root, slug = self.globus.root, "instrument"
            self.instrument = await make_rows(database, self.globus, self.folder)
            await make_storage(database, self.archive, self.instrument)
            self.prefix = slug
        elif self.setting.source == "local":
            root = self.folder / "instrument"
            root.mkdir()
            self.instrument = await make_instrument(database, slug="instrument")
            if self.setting.is_posix:
                await make_storage(database, self.archive, self.instrument)
            self.prefix = "instrument"
            slug = "instrument"
        else:
            self.remote = await stack.enter_async_context(
                remote_source(self.setting.source, self.services, database, self.folder)
            )
            self.instrument, slug, root = await self.remote.instrument(self.archive)
            # The time-outs are short, and a worker stands still at moments.
            self.truth.may_meet |= {"source_timeout", "source_connection_lost"}
        any_name = self.setting.source == "local" and self.setting.is_posix
        self.files = Files(root, self.rng, any_name=any_name)
        self.truth.sources[slug] = self.files.truth
        self.files.add(self.rng.randrange(20, 60))
        self._plant()
        if not self.setting.is_posix:
            self.destination = await stack.enter_async_context(
                served_storage(self.setting.storage, database, self.archive, self.instrument)
            )
            self.truth.folders[self.destination.path] = self.archive
            # The time-outs are short, and a worker stands still at moments.
            self.truth.may_meet |= {"storage_stalled", "storage_connection_lost"}

    def _plant(self) -> None:
        """What stood at the destination before: other content, the same content, strangers'."""
        below = self.archive / self.prefix
        one, two, same = self.files.some(3)
        size = self.files.path(two).stat().st_size
        self.truth.planted = [
            plant(below / self.files.path(one).relative_to(self.files.truth.root), b"other"),
            plant(below / self.files.path(two).relative_to(self.files.truth.root), b"?" * size),
            plant(
                below / self.files.path(same).relative_to(self.files.truth.root),
                self.files.path(same).read_bytes(),
                adoptable=True,
            ),
            plant(below / "a stranger's.txt", b"was here before"),
            plant(below / f".streamweave-ffffffff-{'0' * 32}-1-part", b"another installation's"),
        ]
        self.truth.may_stay.add("destination_conflict")

    # --- workers -----------------------------------------------------------------------------

    def start(
        self, *, worker: str = "worker-1", moments: tuple[Moment, ...] = (), **options: Any
    ) -> RunningWorker:
        """Start an engine process on this world."""
        given = child.Options(
            url=self.url,
            instrument=self.instrument,
            log=self.log,
            folder=self.files.truth.root if self.setting.source == "local" else None,
            environment=self.globus.environment if self.globus else {},
            io_timeout_seconds=self._io_timeout_seconds,
            worker=worker,
            moments=moments,
            **{"data": self.folder, **(self.remote.for_workers() if self.remote else {})},
            **options,
        )
        running = RunningWorker(given)
        self._running.append(running)
        return running

    @property
    def _io_timeout_seconds(self) -> float:
        if self.destination is not None:
            return self.destination.io_timeout_seconds
        return self.remote.io_timeout_seconds if self.remote else 1.0

    async def kill(self, worker: RunningWorker, kind: str = KILLED) -> bool:
        """Kill -9 a worker; time passes until its leases are over."""
        was_alive = worker.kill()
        self._running.remove(worker)
        if was_alive:
            self.injected(kind)
        await asyncio.to_thread(let_leases_run_out, self.url, worker.options.worker)
        return was_alive

    async def over(self, *workers: RunningWorker, within_seconds: float = 3.0) -> None:
        """Let workers come to their end; whoever needs longer is killed in the middle of it."""
        for worker in workers:
            if worker not in self._running:
                continue
            if await worker.end(within_seconds) is None:
                worker.thaw()
            await self.kill(worker)

    def _kill_all(self) -> None:
        for worker in self._running:
            worker.kill()

    def injected(self, kind: str, count: int = 1) -> None:
        """Count a fault that really happened."""
        self.result.faults[kind] += count

    async def count(self, what: str) -> int:
        """Count rows: `table WHERE condition`."""
        return await asyncio.to_thread(count_rows, self.url, what)

    async def attempts_with(self, code: str) -> int:
        """How many attempts ended with a code."""
        return await self.count(f"attempts WHERE error_code = '{code}'")

    def chance(self, probability: float) -> bool:
        """Whether something of this probability is the case."""
        return self.rng.random() < probability

    def new_work(self) -> None:
        """The instrument goes on working: some new files, some changed ones."""
        self.files.add(self.rng.randrange(4, 16))
        for name in self.files.some(self.rng.randrange(3)):
            self.files.replace(name)

    # --- the end -----------------------------------------------------------------------------

    async def finish(self) -> None:
        """After the faults: a worker goes on until all is quiet, sweeps, seals; then judgement."""
        worker = self.start(worker="finisher", finish=True, lease_seconds=4.0)
        code = await worker.end(_FINISH_SECONDS)
        if code != 0:
            worker.kill()
            detail = f"The last worker ended with {code}: {self.tail()}"
            self.result.violations.append(Violation("did_not_finish", "worker", detail))
            return
        self._running.remove(worker)
        self.result.violations += await asyncio.to_thread(check, self.url, self.truth)
        self.result.files = len(self.files.truth.final)

    def tail(self) -> str:
        """The end of the workers' log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def keep(self, place: Path) -> None:
        """Keep what a person needs who looks for the cause of a violation."""
        target = place / f"round-{self.result.number}"
        target.mkdir(parents=True, exist_ok=True)
        for name in ("workers.log", "streamweave.db", "streamweave.db-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(self.folder / name, target)
        found = [one.as_json() for one in self.result.violations]
        (target / "violations.json").write_text(json.dumps(found, indent=1))
