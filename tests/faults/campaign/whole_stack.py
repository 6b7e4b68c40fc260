"""A round on the whole embedded stack: `streamweave up`, and each of its processes killed -9."""

import asyncio
import contextlib
import random
import subprocess
import sys
from pathlib import Path

import psutil

from app.database import Database
from app.harvest.store import instruments
from app.harvest.sweep import sweep
from app.services import audit
from app.services.installation import installation_id
from app.transfers.posix import PosixStorage
from tests.acceptance.stack import until
from tests.acceptance.up_process import UpProcess
from tests.faults.campaign.instrument import Files
from tests.faults.campaign.setting import Setting
from tests.faults.checker import Violation, check
from tests.faults.truth import Truth, plant

# Which words a process's command line has.
VICTIMS = {
    "stack_flow_run_killed": ("-m prefect", "engine"),
    "stack_prefect_killed": ("prefect", "server", "start"),
    "stack_worker_killed": ("app.cli", "worker"),
    "stack_api_killed": ("uvicorn", "create_app"),
    "stack_rclone_killed": ("rclone", "rcd"),
}
SETTING = Setting(source="local and sftp", storage="folder", database="sqlite, whole stack")
_MEETS = {
    "lease_lost", "rclone_unavailable", "source_connection_lost", "source_timeout", "source_error",
    "source_unreachable", "source_file_changed",
}  # fmt: skip


class StackRound:
    """One stack with two watched instruments; its processes die one after the other."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._rng = rng
        self.faults: dict[str, int] = {}
        self.up = UpProcess(folder)
        self._files = {
            slug: Files(root, rng, any_name=False)
            for slug, root in (("bench", self.up.source), ("far", self.up.remote))
        }
        self.truth = Truth({slug: files.truth for slug, files in self._files.items()})
        self.truth.may_meet = set(_MEETS)

    def run(self) -> list[Violation]:
        """Kill each process while there is work; then wait, stop, sweep, judge."""
        try:
            self.up.set_up()
            self.truth.planted = [plant(self.up.archive / "bench" / "stranger.txt", b"was here")]
            for instrument in (self.up.bench, self.up.far):
                schedule = {"instrument_id": instrument, "kind": "watch", "rescan_seconds": 1}
                self.up.client.post("schedules", schedule)
            victims = list(VICTIMS)
            self._rng.shuffle(victims)
            for name in victims:
                self._kill(name)
            until(lambda: not self._missing(), "all files to be available", 120)
            until(lambda: self.up.client.get("audit/verify")["unsealed"] == 0, "the sealer", 60)
        except AssertionError as error:
            return [Violation("did_not_finish", "whole stack", f"{error}; {self._missing()}")]
        finally:
            self._stop()
        asyncio.run(self._tidy())
        return check(self._url, self.truth)

    def _stop(self) -> None:
        """End it as a user does; on a busy machine, as an impatient one does."""
        tree = psutil.Process(self.up.process.pid).children(recursive=True)
        try:
            self.up.stop()
        except subprocess.TimeoutExpired:
            sys.stderr.write("the stack did not end within 60 s; it is killed\n")
            self.up.process.kill()
            self.up.sftp.close()
            for process in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(tree, timeout=20)

    def _kill(self, name: str) -> None:
        for files in self._files.values():
            files.add(self._rng.randrange(10, 40))
        words = VICTIMS[name]
        with contextlib.suppress(AssertionError):  # it is waited for until it runs
            until(lambda: self._victim(words) is not None, name, 60)
        victim = self._victim(words)
        if victim is None:
            return
        for process in [*victim.children(recursive=True), victim]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.faults[name] = self.faults.get(name, 0) + 1
        # What is next dies while this one comes back, or when all has arrived.
        if self._rng.random() < 0.3:
            until(lambda: not self._missing(), f"files after {name}", 150)

    def _victim(self, words: tuple[str, ...]) -> psutil.Process | None:
        try:
            return self.up.child(*words)
        except AssertionError:
            return None

    def _missing(self) -> int:
        wanted = {"bench": self.up.bench, "far": self.up.far}
        return sum(
            len(files.truth.final) - self.up.available(wanted[slug])
            for slug, files in self._files.items()
        )

    @property
    def _url(self) -> str:
        return f"sqlite+aiosqlite:///{self.up.data / 'streamweave.db'}"

    async def _tidy(self) -> None:
        """The daily sweep, now; and what it records."""
        database = Database(self._url)
        self.truth.installation = await installation_id(database)
        async with database.read() as session:
            locations = await instruments.open_locations(session, ["main"], resting=True)
            rows = [await instruments.storage_location(session, one) for one in locations]
        for row in rows:
            storage = PosixStorage(
                Path(row.path),
                installation=self.truth.installation,
                sentinel=row.sentinel,
                worker="sweeper",
            )
            await sweep(database, storage)
        while await database.run(audit.seal):
            pass
        await database.close()
