"""The service between: files left out, tasks that end early, refusals, answers that are lost."""

from abc import abstractmethod

from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.kinds.network import lasts
from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import Setting
from tests.integration.fake_globus import FakeGlobus, error


class AtGlobus(Kind):
    """Kinds that need an instrument behind a Globus collection."""

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.source == "globus"

    async def act(self, round_: Round) -> None:
        assert round_.globus is not None
        service = round_.globus.service
        round_.new_work()
        wanted = round_.rng.randrange(1, 5)
        self.spoil(service, wanted)
        worker = round_.start()
        await lasts(lambda: self.left(service) < wanted)
        struck = wanted - self.left(service)
        self.mend(service)
        round_.injected(self.name, struck)
        await round_.over(worker, within_seconds=5.0)

    @abstractmethod
    def spoil(self, service: FakeGlobus, wanted: int) -> None:
        """Let the service do it so many times."""

    @abstractmethod
    def left(self, service: FakeGlobus) -> int:
        """How many times it has still to do it."""

    @abstractmethod
    def mend(self, service: FakeGlobus) -> None:
        """Let it behave again."""


class FileLeftOut(AtGlobus):
    """A task of many files leaves some of them out."""

    name = "globus_file_left_out"
    codes = frozenset({"source_error"})

    def spoil(self, service: FakeGlobus, wanted: int) -> None:
        service.skips_next = wanted

    def left(self, service: FakeGlobus) -> int:
        return service.skips_next

    def mend(self, service: FakeGlobus) -> None:
        service.skips_next = 0


class TaskEndsEarly(AtGlobus):
    """A task expires, or somebody cancels it, when half of its files are there."""

    name = "globus_task_ends_early"
    codes = frozenset({"globus_task_failed"})
    reasons = (
        {"code": "DEADLINE", "description": "deadline expired"},
        {"code": "CANCELED", "description": "canceled by the owner"},
    )

    def spoil(self, service: FakeGlobus, wanted: int) -> None:
        service.ends_next = [self.reasons[number % 2] for number in range(wanted)]

    def left(self, service: FakeGlobus) -> int:
        return len(service.ends_next)

    def mend(self, service: FakeGlobus) -> None:
        service.ends_next = []


class Throttled(AtGlobus):
    """Requests are answered by 429 Too Many Requests, or by 502."""

    name = "globus_throttled"
    codes = frozenset({"globus_throttled", "source_unreachable"})
    answers = (error(429, "TooManyRequests", "slow down"), error(502, "BadGateway", "try again"))

    def spoil(self, service: FakeGlobus, wanted: int) -> None:
        service.refusals = [self.answers[number % 2] for number in range(wanted)]

    def left(self, service: FakeGlobus) -> int:
        return len(service.refusals)

    def mend(self, service: FakeGlobus) -> None:
        service.refusals = []


class AnswerLost(AtGlobus):
    """A task is accepted, and the answer is an error."""

    name = "globus_answer_lost"
    codes = frozenset({"source_unreachable"})

    def spoil(self, service: FakeGlobus, wanted: int) -> None:
        service.fails_after_accepting = wanted

    def left(self, service: FakeGlobus) -> int:
        return service.fails_after_accepting

    def mend(self, service: FakeGlobus) -> None:
        service.fails_after_accepting = 0


KINDS = [FileLeftOut, TaskEndsEarly, Throttled, AnswerLost]
