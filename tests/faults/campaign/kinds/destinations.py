"""The way to a storage behind a server: cut, frozen, killed; an S3 that refuses, forgets, lies."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from tests.faults.campaign.destinations import Destination
from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.kinds.network import lasts
from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import SERVED, Setting
from tests.integration.s3_refusing import Refusal, RefusingDoor

_LOST = frozenset(
    {"storage_connection_lost", "storage_unreachable", "storage_stalled", "storage_error"}
)
_STEPS = ("read", "before create", "before make_durable", "before read_back", "before publish")
_PART = 8 << 20  # what is larger goes to S3 in parts
GoOn = Callable[[], None]


class AtDestination(Kind):
    """Kinds that need a storage behind a server."""

    codes = _LOST
    storages: ClassVar[tuple[str, ...]] = SERVED

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.storage in cls.storages

    async def act(self, round_: Round) -> None:
        assert round_.destination is not None
        round_.new_work()
        if round_.chance(0.3):
            round_.files.add_large(_PART + round_.rng.randrange(1 << 20))
        step = round_.rng.choice(_STEPS)
        worker = round_.start(moments=((step, round_.rng.randrange(1, 3)),))
        if await worker.moment(4.0) is not None:
            await self.harm(round_, round_.destination, worker.go_on)
        await round_.over(worker, within_seconds=5.0)

    @abstractmethod
    async def harm(self, round_: Round, there: Destination, go_on: GoOn) -> None:
        """Do it, let the worker go on, and mend it again."""


class StorageConnectionCut(AtDestination):
    """Connections break in the middle of what they carry."""

    name = "storage_connection_cut"

    async def harm(self, round_: Round, there: Destination, go_on: GoOn) -> None:
        wanted = round_.rng.randrange(1, 6)
        there.proxy.cut(after_bytes=round_.rng.randrange(1, 5000), times=wanted)
        go_on()
        await lasts(lambda: there.proxy.cuts_left < wanted)
        round_.injected(self.name, wanted - there.proxy.cuts_left)
        there.proxy.cuts_left = 0


class StorageServerFrozen(AtDestination):
    """SIGSTOP of the storage's server, longer than the time-outs."""

    name = "storage_server_frozen"

    async def harm(self, round_: Round, there: Destination, go_on: GoOn) -> None:
        there.server.freeze()
        go_on()
        try:
            # As long as the fault lasts; nothing is waited for.
            await asyncio.sleep(there.io_timeout_seconds + 0.5)
            round_.injected(self.name)
        finally:
            there.server.thaw()


class StorageServerKilled(AtDestination):
    """kill -9 of the storage's server; it is started again."""

    name = "storage_server_killed"

    async def harm(self, round_: Round, there: Destination, go_on: GoOn) -> None:
        there.server.kill()
        round_.injected(self.name)
        go_on()
        await asyncio.to_thread(there.server.start)


class AtDoor(AtDestination):
    """Kinds of an S3 that answers otherwise than it should, for a while."""

    storages = ("s3",)

    async def harm(self, round_: Round, there: Destination, go_on: GoOn) -> None:
        door = there.door
        assert door is not None
        wanted = round_.rng.randrange(1, 6)
        before = len(door.refused) + len(door.struck)

        def done() -> int:
            return len(door.refused) + len(door.struck) - before

        def is_due(method: str, path: str) -> bool:
            return done() < wanted and self.concerns(method, path)

        self.spoil(door, is_due)
        go_on()
        await lasts(lambda: done() > 0)
        mend(door)
        round_.injected(self.name, done())

    @staticmethod
    def concerns(method: str, path: str) -> bool:
        """Which requests: those that write objects (the journal and the sentinel, too)."""
        return method in ("PUT", "POST")

    @abstractmethod
    def spoil(self, door: RefusingDoor, is_due: Callable[[str, str], bool]) -> None:
        """Let the door do it."""


def mend(door: RefusingDoor) -> None:
    """Let everything through again."""
    door.rule = lambda _method, _path: None
    door.loses_answer = door.changes_answer = lambda _method, _path: False


class _Refused(AtDoor):
    refusal: ClassVar[Refusal]

    def spoil(self, door: RefusingDoor, is_due: Callable[[str, str], bool]) -> None:
        refusal = self.refusal
        door.rule = lambda method, path: refusal if is_due(method, path) else None


class StorageDenied(_Refused):
    """Some writes are denied."""

    name = "storage_denied"
    codes = frozenset({"storage_permission_denied"})
    refusal = Refusal(403, "AccessDenied", "Access Denied")


class StorageQuotaReached(_Refused):
    """Some writes find the quota used up, also in the middle of an upload."""

    name = "storage_quota_reached"
    codes = frozenset({"storage_full"})
    refusal = Refusal(507, "QuotaExceeded", "The quota of the bucket is used up.")


class StorageSlowedDown(_Refused):
    """Some writes are answered with 503 SlowDown."""

    name = "storage_slow_down"
    codes = _LOST
    refusal = Refusal(503, "SlowDown", "Please reduce your request rate.")


class AnswerLost(AtDoor):
    """A write is done, and its answer is lost."""

    name = "storage_answer_lost"

    def spoil(self, door: RefusingDoor, is_due: Callable[[str, str], bool]) -> None:
        door.loses_answer = is_due


class ReadBackDiffers(AtDoor):
    """What is read back differs in one byte from what was written."""

    name = "storage_reads_other_bytes"
    codes = frozenset({"read_back_mismatch", "destination_conflict"})

    @staticmethod
    def concerns(method: str, path: str) -> bool:
        return method == "GET" and path.endswith(".raw")

    def spoil(self, door: RefusingDoor, is_due: Callable[[str, str], bool]) -> None:
        door.changes_answer = is_due


KINDS = [
    StorageConnectionCut,
    StorageServerFrozen,
    StorageServerKilled,
    StorageDenied,
    StorageQuotaReached,
    StorageSlowedDown,
    AnswerLost,
    ReadBackDiffers,
]
