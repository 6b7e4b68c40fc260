"""Runs rounds one after the other: chooses kinds so that each has its turn, and adds up."""

import asyncio
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simlab.servers import samba_available
from tests.faults.campaign import kinds, whole_stack
from tests.faults.campaign.choice import Choice, by_turns, covering
from tests.faults.campaign.databases import SqliteDatabases
from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.mounts import enter_namespace
from tests.faults.campaign.round import Result, Round
from tests.faults.campaign.setting import Services, Setting, setting_of
from tests.faults.checker import Violation
from tests.integration.source_fixtures import Servers

_AGAIN = 3  # in a slice that must have each kind
_LONG_SECONDS = 25.0  # a round that needs longer to come to rest is worth a look


@dataclass(frozen=True)
class Plan:
    """What to run."""

    rounds: int
    seed: int
    only: tuple[str, ...] = ()  # kinds; empty means all
    first: int = 0
    step: int = 1  # each so-manieth round; the others are another process's
    folder: Path | None = None
    verbose: bool = False
    stack_every: int = 100  # rounds; 0: never
    cover: bool = False  # each kind once, in as few rounds as that needs
    keep: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "streamweave-faults")

    def is_whole_stack(self, number: int) -> bool:
        """Whether a round is one of the whole stack: the 50th, the 150th, ..."""
        return (
            not self.cover
            and bool(self.stack_every)
            and number % self.stack_every == self.stack_every // 2
        )


@dataclass
class Report:
    """What all rounds together did."""

    seed: int
    results: list[Result] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
    #: rounds that ended by a mistake of their own, and which
    broken: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def by_kind(self) -> Counter[str]:
        """Injected faults by kind."""
        return sum((result.faults for result in self.results), Counter())

    @property
    def violations(self) -> list[tuple[int, Violation]]:
        """All violations with their round."""
        return [(one.number, found) for one in self.results for found in one.violations]

    def as_json(self) -> dict[str, Any]:
        """The report as one object."""
        found = self.by_kind
        known = {*kinds.ALL, *whole_stack.VICTIMS}
        return {
            "rounds": len(self.results),
            "seed": self.seed,
            "faults": found.total(),
            "faults_by_kind": {name: found[name] for name in sorted(known | found.keys())},
            "kinds_without_a_fault": sorted(known - found.keys()),
            "not_run": self.not_run,
            "broken": {str(number): why for number, why in sorted(self.broken.items())},
            "files": sum(result.files for result in self.results),
            "violations": len(self.violations),
            "violations_found": [
                {"replay": f"{self.seed}:{number}", **violation.as_json()}
                for number, violation in self.violations[:100]
            ],
            "replay": "python -m tests.faults.campaign --replay SEED:ROUND (rounds count from 0)",
            "seconds": round(self.seconds, 1),
        }


def run_stack_round(number: int, plan: Plan, services: Services) -> Result:
    """Run one round of the whole stack."""
    result = Result(number, whole_stack.SETTING)
    with tempfile.TemporaryDirectory(prefix=f"stack-{number}-", dir=services.folder) as place:
        stack = whole_stack.StackRound(Path(place), random.Random(f"{plan.seed}:stack:{number}"))
        result.violations = stack.run()
        result.faults.update(stack.faults)
        result.files = sum(len(source.final) for source in stack.truth.sources.values())
    return result


async def run_round(number: int, choice: Choice | None, plan: Plan, services: Services) -> Result:
    """Run one round to its judgement."""
    setting = choice[0] if choice else setting_of(number, services)
    rng = random.Random(f"{plan.seed}:{number}")
    result = Result(number, setting)
    with tempfile.TemporaryDirectory(prefix=f"round-{number}-", dir=services.folder) as place:
        round_ = Round(result, services, Path(place), rng)
        async with round_.world():
            chosen = choice[1] if choice else by_turns(setting, number, plan.only, rng)
            for kind in chosen:
                await _act(kind, round_)
                for _ in range(_AGAIN):
                    if choice and not result.faults[kind.name]:
                        await _act(kind, round_)  # its moment did not come
            began = time.monotonic()
            await round_.finish()
            result.phases.append(("finish", time.monotonic() - began))
            if result.violations or result.phases[-1][1] > _LONG_SECONDS:
                round_.keep(plan.keep)
    return result


async def _act(kind: type[Kind], round_: Round) -> None:
    began = time.monotonic()
    round_.truth.may_meet |= kind.codes
    await kind().act(round_)
    round_.result.phases.append((kind.name, time.monotonic() - began))


async def run(plan: Plan, services: Services, report: Report) -> None:
    """Run all rounds of a plan, saying on standard error how it goes."""
    if not services.samba:
        report.not_run["smb"] = "samba is not installed"
        say("NOT RUN over SMB: samba is not installed")
    if not services.rsync:
        report.not_run["rsync"] = "rsync is not installed"
        say("NOT RUN over rsync: it is not installed")
    choices: dict[int, Choice] = {}
    numbers = range(plan.first, plan.rounds + (plan.first if plan.step == 1 else 0), plan.step)
    if plan.cover:
        choices = dict(
            enumerate(
                covering(can_mount=services.can_mount, samba=services.samba, rsync=services.rsync)
            )
        )
        numbers = range(len(choices) + 1)
    began = time.monotonic()
    for number in numbers:
        started = time.monotonic()
        try:
            if plan.is_whole_stack(number) or (plan.cover and number not in choices):
                result = await asyncio.to_thread(run_stack_round, number, plan, services)
            else:
                result = await run_round(number, choices.get(number), plan, services)
        except Exception as error:  # noqa: BLE001  told with its traceback, and the exit code
            # A mistake of the round itself: told, counted, and no other round is lost for it.
            report.broken[number] = repr(error)
            say(f"round {number} BROKE: {traceback.format_exc()}")
            continue
        report.results.append(result)
        report.seconds = time.monotonic() - began
        if plan.verbose:
            say("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.phases))
        say(f"{_line(result)} in {time.monotonic() - started:.1f} s")
        for violation in result.violations[:10]:
            say(f"  VIOLATION {violation.kind}: {violation.subject}: {violation.explanation}")


def _line(result: Result) -> str:
    where = result.setting
    kinds_done = ", ".join(f"{name} {count}" for name, count in sorted(result.faults.items()))
    return (
        f"round {result.number} ({where.source}, {where.storage}, {where.database}): "
        f"{result.faults.total()} faults, {len(result.violations)} violations: {kinds_done}"
    )


def say(line: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def started_services(plan: Plan, report: Report) -> Iterator[Services]:
    """Everything that rounds share; ended and removed afterwards."""
    reason = enter_namespace()
    if reason is not None:
        for name, kind in kinds.ALL.items():
            if not kind.fits(Setting()) and kind.fits(Setting(storage="disk")):
                report.not_run[name] = f"no mounts: {reason}"
        say(f"NOT RUN, this user may not mount ({reason}): {', '.join(report.not_run)}")
    folder = Path(tempfile.mkdtemp(prefix="sw-faults-", dir=plan.folder))
    services = Services(
        folder,
        SqliteDatabases(folder),
        Servers(folder),
        reason is None,
        samba_available(),
        rsync=shutil.which("rsync") is not None,
    )
    try:
        yield services
    finally:
        services.close()
        shutil.rmtree(folder, ignore_errors=True)


def execute(plan: Plan) -> Report:
    """Run a plan in this process."""
    report = Report(plan.seed)
    os.environ.pop("STREAMWEAVE_CRASH_AT", None)
    with started_services(plan, report) as services, contextlib.suppress(KeyboardInterrupt):
        # Interrupted, it reports the rounds that came to their end.
        asyncio.run(run(plan, services, report))
    return report
