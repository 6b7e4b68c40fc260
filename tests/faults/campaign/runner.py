"""Runs rounds one after the other: chooses kinds so that each has its turn, and adds up."""

import asyncio
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simlab.servers import samba_available
from tests.faults.campaign import kinds
from tests.faults.campaign.databases import SqliteDatabases
from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.mounts import enter_namespace
from tests.faults.campaign.round import Result, Round
from tests.faults.campaign.setting import Services, Setting, setting_of
from tests.faults.checker import Violation
from tests.integration.source_fixtures import Servers


@dataclass(frozen=True)
class Plan:
    """What to run."""

    rounds: int
    seed: int
    only: tuple[str, ...] = ()  # kinds; empty means all
    first: int = 0
    folder: Path | None = None
    verbose: bool = False
    keep: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "streamweave-faults")


@dataclass
class Report:
    """What all rounds together did."""

    seed: int
    results: list[Result] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
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
        return {
            "rounds": len(self.results),
            "seed": self.seed,
            "faults": found.total(),
            "faults_by_kind": {name: found[name] for name in sorted({*kinds.ALL, *found})},
            "kinds_without_a_fault": sorted(kinds.ALL.keys() - found.keys()),
            "not_run": self.not_run,
            "files": sum(result.files for result in self.results),
            "lies_not_seen_by_one_read": sum(result.lies_not_seen for result in self.results),
            "violations": len(self.violations),
            "violations_found": [
                {"replay": f"{self.seed}:{number}", **violation.as_json()}
                for number, violation in self.violations[:100]
            ],
            "replay": "python -m tests.faults.campaign --replay SEED:ROUND (rounds count from 0)",
            "seconds": round(self.seconds, 1),
        }


def choose(setting: Setting, number: int, plan: Plan, rng: random.Random) -> list[type[Kind]]:
    """The kinds of a round: some by turns, so that each comes; some by chance."""
    fitting = [
        kind
        for name, kind in kinds.ALL.items()
        if kind.fits(setting) and (not plan.only or name in plan.only)
    ]
    if not fitting:
        return []
    rare = [kind for kind in fitting if not kind.fits(Setting())] or fitting
    chosen = [rare[(number // 5 + turn) % len(rare)] for turn in range(2)]
    start = (number * 4) % len(fitting)
    chosen += (fitting + fitting)[start : start + 4]
    chosen += rng.choices(fitting, k=4)
    rng.shuffle(chosen)
    return chosen


async def run_round(number: int, setting: Setting, plan: Plan, services: Services) -> Result:
    """Run one round to its judgement."""
    rng = random.Random(f"{plan.seed}:{number}")
    result = Result(number, setting)
    with tempfile.TemporaryDirectory(prefix=f"round-{number}-", dir=services.folder) as place:
        round_ = Round(result, services, Path(place), rng)
        async with round_.world():
            for kind in choose(setting, number, plan, rng):
                round_.truth.may_meet |= kind.codes
                began = time.monotonic()
                await kind().act(round_)
                result.phases.append((kind.name, time.monotonic() - began))
            began = time.monotonic()
            await round_.finish()
            result.phases.append(("finish", time.monotonic() - began))
            if result.violations:
                round_.keep(plan.keep)
    return result


async def run(plan: Plan, services: Services, report: Report) -> None:
    """Run all rounds of a plan, saying on standard error how it goes."""
    samba = samba_available()
    if not samba:
        report.not_run["smb"] = "samba is not installed"
    began = time.monotonic()
    for number in range(plan.first, plan.first + plan.rounds):
        setting = setting_of(number, can_mount=services.can_mount, samba=samba)
        started = time.monotonic()
        result = await run_round(number, setting, plan, services)
        report.results.append(result)
        report.seconds = time.monotonic() - began
        if plan.verbose:
            say("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.phases))
        say(f"{_line(result)} in {time.monotonic() - started:.1f} s")
        for violation in result.violations:
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
    services = Services(folder, SqliteDatabases(folder), Servers(folder), reason is None)
    try:
        yield services
    finally:
        services.close()
        shutil.rmtree(folder, ignore_errors=True)


def execute(plan: Plan) -> Report:
    """Run a plan in this process."""
    report = Report(plan.seed)
    os.environ.pop("STREAMWEAVE_CRASH_AT", None)
    with started_services(plan, report) as services:
        asyncio.run(run(plan, services, report))
    return report
