"""Random interleavings of all that can happen to a file, against a model; the promises hold.

Two real engines on one real database work on a real folder and real storages, one effect at a
time; hypothesis chooses who goes on, who dies, whose lease runs out, and what people and
instruments do meanwhile. After each rule the promises are checked, at the end everything must come
to rest: available, or ended for a reason.
"""

import asyncio
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from app.database import Database
from app.services.transfers import TransferFilter, retry_transfers
from tests.faults.state_model import LOG, Truth
from tests.faults.stepped import SourceThatMayBeAway, Worker
from tests.integration.factories import make_instrument, make_storage

T = TypeVar("T")
# The second is where version 2 of the first would like to go.
PATHS = ("a.raw", "a.v2.raw", "d/b")
CONTENTS = (b"ten bytes.", b"TEN BYTES!", b"seven..", b"")
DESTINATIONS = ("a.raw", "a.v2.raw", "a.v3.raw", "a.i2.v1.raw", "d/b", "d/b.v2")
JOBS = ("transfer", "scan", "transfer", "look", "transfer", "sweep")
STOPS = (
    "write_rows",
    "read",
    "finish",
    "make_durable",
    "read_back",
    "stat",
    "publish",
    "sync_names",
    "remove_temporary",
    "look",
)
_MOST_STEPS = 300
_ROUNDS_TO_REST = 15
_SLUG = "tem"
_SENTINEL, _AWAY = Path(".streamweave/sentinel.json"), Path(".streamweave/away.json")

paths = st.sampled_from(PATHS)
contents = st.sampled_from(CONTENTS)
workers = st.integers(0, 1)
jobs = st.sampled_from(JOBS)
stops = st.sampled_from(STOPS)


class LabMachine(RuleBasedStateMachine):
    """A lab with two workers in which anything may happen at any time."""

    template: ClassVar[Path]
    moves: ClassVar[Counter[tuple[str, str]]] = Counter()  # of copies, over all examples

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir=self.template.parent))
        self.source_is_away = False
        self.names: list[str] = []
        self.workers: list[Worker] = []

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 300))

    @initialize(
        policy=st.sampled_from(["version", "new_file"]),
        storages=st.integers(1, 2),
        seen=st.booleans(),
    )
    def set_up(self, policy: str, storages: int, seen: bool) -> None:
        database = self.folder / "streamweave.db"
        shutil.copy(self.template, database)
        self.url = f"sqlite+aiosqlite:///{database}"
        roots = [self.folder / f"archive {n}" for n in range(storages)]
        self.truth = Truth(self.folder / "instrument", roots, database)
        self.truth.source.mkdir()
        self.people = Database(self.url, pool_size=1)
        self.instrument = self.wait(self._make_rows(policy))
        self.truth.change(LOG)
        self.workers = [self._hire(), self._hire()]
        for path in ("a.raw", "d/b", "keep", "d/keep"):
            self.truth.write(path, CONTENTS[0], keeps_time=False)
        if seen:
            for _ in range(2):
                self.a_worker_does(0, "scan")

    async def _make_rows(self, policy: str) -> uuid.UUID:
        instrument = await make_instrument(
            self.people, slug=_SLUG, incarnation_policy=policy, connections=1
        )
        for root in self.truth.storages:
            root.mkdir()
            await make_storage(self.people, root, instrument)
        return instrument

    def _hire(self) -> Worker:
        source = SourceThatMayBeAway(self.truth.source, lambda: self.source_is_away)
        name = f"worker-{len(self.names)}-"
        self.names.append(name)
        return Worker(name, self.url, self.instrument, source)

    # --- the instrument ----------------------------------------------------------------------

    @rule(path=paths, content=contents, keeps_time=st.booleans())
    def a_file_is_written(self, path: str, content: bytes, keeps_time: bool) -> None:
        self.truth.write(path, content, keeps_time=keeps_time)

    @rule(path=paths, content=contents, who=workers)
    def a_file_is_written_and_seen(self, path: str, content: bytes, who: int) -> None:
        self.truth.write(path, content, keeps_time=False)
        for _ in range(2):
            self.a_worker_does(who, "scan")

    @rule(path=paths, to=st.none() | paths)
    def a_file_goes_away(self, path: str, to: str | None) -> None:
        if to is None:
            self.truth.delete(path)
        else:
            self.truth.rename(path, to)

    @rule(path=paths)
    def a_file_comes_back(self, path: str) -> None:
        self.truth.bring_back(path, CONTENTS)

    # --- the storage -------------------------------------------------------------------------

    @rule(where=st.integers(0, 1), name=st.sampled_from(DESTINATIONS), content=contents)
    def somebody_puts_a_file_there(self, where: int, name: str, content: bytes) -> None:
        roots = self.truth.storages
        self.truth.place_decoy(roots[where % len(roots)] / _SLUG / name, content)

    @rule(who=workers, path=paths, content=contents, number=st.integers(0, 3))
    def what_a_worker_wrote_is_damaged(
        self, who: int, path: str, content: bytes, number: int
    ) -> None:
        self.a_file_is_written_and_seen(path, content, who)
        self.a_worker_begins(who, "transfer")
        self.a_worker_goes_on_until(who, "make_durable")
        worker = self.workers[who]
        if not worker.is_idle:
            self.truth.damage_a_temporary(worker.name, number)

    @rule(where=st.integers(-1, 1))
    def trouble_begins(self, where: int) -> None:
        """The instrument is switched off, or a storage is not mounted, until time passes."""
        if where < 0:
            self.source_is_away = True
        else:
            root = self.truth.storages[where % len(self.truth.storages)]
            if (root / _SENTINEL).exists():
                (root / _SENTINEL).rename(root / _AWAY)

    def trouble_ends(self) -> None:
        self.source_is_away = False
        for root in self.truth.storages:
            if (root / _AWAY).exists():
                (root / _AWAY).rename(root / _SENTINEL)

    # --- the workers -------------------------------------------------------------------------

    @rule(who=workers, job=jobs)
    def a_worker_begins(self, who: int, job: str) -> None:
        if self.workers[who].is_idle:
            self.wait(self.workers[who].start(job))

    @rule(who=workers, steps=st.integers(1, 12), which=st.integers(0, 3))
    def a_worker_goes_on(self, who: int, steps: int, which: int) -> None:
        for _ in range(steps):
            self.wait(self.workers[who].step(which))

    @rule(who=workers, stop=stops)
    def a_worker_goes_on_until(self, who: int, stop: str) -> None:
        worker = self.workers[who]
        for _ in range(_MOST_STEPS):
            self.wait(worker.step())
            if worker.is_idle or worker.gates.waiting[0].name == stop:
                return
        raise AssertionError(f"{worker.name} never ends")

    @rule(who=workers, job=jobs)
    def a_worker_does(self, who: int, job: str) -> None:
        """Its job to the end, or a whole one."""
        if self.workers[who].is_idle:
            self.wait(self.workers[who].start(job))
        self.wait(self.workers[who].finish())

    @rule(who=workers, job=jobs, steps=st.integers(0, 60))
    def a_worker_dies_after(self, who: int, job: str, steps: int) -> None:
        self.a_worker_begins(who, job)
        self.a_worker_goes_on(who, steps, 0)
        self.a_worker_is_killed(who)

    @rule(
        who=workers,
        path=paths,
        content=contents,
        steps=st.integers(0, 30),
        taken_over=st.booleans(),
    )
    def a_worker_dies_over_a_new_file(
        self, who: int, path: str, content: bytes, steps: int, taken_over: bool
    ) -> None:
        self.a_file_is_written_and_seen(path, content, who)
        self.a_worker_dies_after(who, "transfer", steps)
        if taken_over:
            self.time_passes()
            self.a_worker_does(who, "transfer")

    @rule(who=workers)
    def a_worker_is_killed(self, who: int) -> None:
        worker = self.workers[who]
        if worker.is_idle:
            return
        event(f"killed in {worker.job} before {worker.gates.waiting[0].name}")
        self.wait(worker.kill())
        self.workers[who] = self._hire()

    @rule(who=workers)
    def a_lease_runs_out(self, who: int) -> None:
        self.truth.leases_run_out(self.workers[who].name)

    @rule()
    def time_passes(self) -> None:
        self.trouble_ends()
        self.truth.time_passes()
        for name in set(self.names) - {worker.name for worker in self.workers}:
            self.truth.leases_run_out(name)

    @rule()
    def a_person_retries(self) -> None:
        self.wait(retry_transfers(self.people, "person", TransferFilter()))

    # --- what must hold ----------------------------------------------------------------------

    @invariant()
    def the_promises_hold(self) -> None:
        if self.workers:
            self.truth.check()

    def teardown(self) -> None:
        try:
            if self.workers:
                self._come_to_rest()
        finally:
            for worker in self.workers:
                self.wait(worker.kill())
            if self.workers:
                self.wait(self.people.close())
            self.loop.close()
            shutil.rmtree(self.folder)

    def _come_to_rest(self) -> None:
        """Everything works again, and nobody does anything but the workers."""
        self.trouble_ends()
        for worker in self.workers:
            self.wait(worker.finish())
        for _ in range(_ROUNDS_TO_REST):
            self.time_passes()
            for worker in self.workers:
                self.truth.leases_run_out(worker.name)
            for job in ("scan", "transfer", "transfer", "transfer", "sweep"):
                self.a_worker_does(0, job)
            self.truth.check()
            if self.truth.is_at_rest():
                break
        self.truth.check_at_rest()
        self.moves.update((row["was"], row["is_now"]) for row in self.truth.rows(_MOVES))


# Without these the examples would have shown nothing.
_SEEN_AT_LEAST = {
    ("transferring", "publishing"),
    ("publishing", "available"),
    ("transferring", "queued"),  # lost by its worker
    ("publishing", "conflict"),
}
_MOVES = "SELECT was, is_now FROM moves"


def _play(template: Path, tmp_path: Path, examples: int, steps: int, **options: Any) -> None:
    LabMachine.template = tmp_path / "template.db"
    shutil.copy(template, LabMachine.template)
    run_state_machine_as_test(
        LabMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )
    assert LabMachine.moves.keys() >= _SEEN_AT_LEAST


def test_whatever_happens_in_whatever_order_the_promises_hold(
    sqlite_template: Path, tmp_path: Path
) -> None:
    """The same examples each time; the long test draws others."""
    phases = [Phase.explicit, Phase.generate]  # shrinking takes minutes: the long test does
    options = {"derandomize": True, "phases": phases, "report_multiple_bugs": False}
    _play(sqlite_template, tmp_path, examples=25, steps=40, **options)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_whatever_happens_in_whatever_order_the_promises_hold_for_long(
    sqlite_template: Path, tmp_path: Path
) -> None:
    _play(sqlite_template, tmp_path, examples=500, steps=60, print_blob=True)
