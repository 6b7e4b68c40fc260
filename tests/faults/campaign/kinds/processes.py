"""Workers killed, stopped, doubled; their clocks set."""

from typing import ClassVar

from app.harvest.crash import CRASH_POINTS
from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.round import KILLED, Round

_A_FILE_EACH = {"after_file", "after_link"}  # passed once a file, the others once a batch
STEPS = ("read", "after make_durable", "before read_back", "before publish", "before sync_names")


class KillAtPoint(Kind):
    """SIGKILL at a named line of the engine."""

    point: ClassVar[str]

    async def act(self, round_: Round) -> None:
        for _ in range(2):
            round_.new_work()
            count = round_.rng.randrange(1, 4) if self.point in _A_FILE_EACH else 1
            worker = round_.start(crash_at=f"{self.point}:{count}")
            if await worker.end(4.0) == -9:
                round_.injected(self.name)
            await round_.kill(worker)


AT_POINTS: list[type[Kind]] = [
    type(
        f"KillAt_{point}",
        (KillAtPoint,),
        {"name": f"kill_{point}", "point": point, "__doc__": f"SIGKILL {point}."},
    )
    for point in CRASH_POINTS
]


class KillAtRandom(Kind):
    """SIGKILL whenever it happens to come, again and again."""

    name = KILLED

    async def act(self, round_: Round) -> None:
        for _ in range(round_.rng.randrange(2, 6)):
            round_.new_work()
            worker = round_.start()
            await worker.end(0.03 + round_.rng.random() * 0.5)
            await round_.kill(worker)


class KillAtStep(Kind):
    """SIGKILL between two calls to the storage, or in the middle of a file."""

    name = "kill_at_step"

    async def act(self, round_: Round) -> None:
        for _ in range(round_.rng.randrange(1, 4)):
            round_.new_work()
            step = round_.rng.choice((*STEPS, "stat", "list", "before remove_temporary"))
            worker = round_.start(moments=((step, round_.rng.randrange(1, 4)),))
            if await worker.moment(3.0) is not None:
                await round_.kill(worker, self.name)
            else:
                await round_.over(worker)


class TwoWorkersKilled(Kind):
    """Two workers share the zone; both are killed at random, and replaced."""

    name = "two_workers_killed"

    async def act(self, round_: Round) -> None:
        names = ("worker-1", "worker-2")
        for _ in range(round_.rng.randrange(1, 4)):
            round_.new_work()
            both = [round_.start(worker=name) for name in names]
            round_.rng.shuffle(both)
            for worker in both:
                await worker.end(0.05 + round_.rng.random() * 0.4)
                await round_.kill(worker, self.name)


class StoppedPastItsLease(Kind):
    """SIGSTOP until another worker has taken its copies over; then it wakes up and goes on."""

    name = "stopped_past_its_lease"
    codes = frozenset({"lease_lost", "storage_error"})

    async def act(self, round_: Round) -> None:
        round_.new_work()
        step = round_.rng.choice(STEPS)
        sleeper = round_.start(lease_seconds=0.5, moments=((step, 1),))
        if await sleeper.moment(3.0) is None:
            await round_.over(sleeper)
            return
        sleeper.freeze()
        sleeper.go_on()
        # The other one waits for the leases to run out by themselves, and finishes the work.
        other = round_.start(worker="worker-2", lease_seconds=0.5)
        # (If the sleeper stands still inside a transaction, SQLite makes everybody wait for it.)
        if await other.end(3.0) is not None:
            round_.injected(self.name)
        sleeper.thaw()
        await round_.over(other, sleeper)


class ClockJumps(Kind):
    """The wall clock of a worker jumps by hours, forward and back, while it works."""

    name = "clock_jumps"

    async def act(self, round_: Round) -> None:
        round_.new_work()
        steps = ("list", "stat", *STEPS)
        moments = tuple((step, number) for step in steps for number in (1, 2, 3))
        worker = round_.start(moments=moments)
        while await worker.moment(1.0) is not None:
            worker.go_on(clock=round_.rng.choice((-1, 1)) * round_.rng.randrange(60, 40_000))
            round_.injected(self.name)
        await round_.over(worker, within_seconds=0.5)


KINDS = [
    *AT_POINTS,
    KillAtRandom,
    KillAtStep,
    TwoWorkersKilled,
    StoppedPastItsLease,
    ClockJumps,
]
