"""Completeness: when is a file complete? A verdict as a value, with its reason.

The policy of this file is quiet time: unchanged between two observations, at least
`quiet_seconds` apart by *our* clock (instrument clocks drift, and a listing may lag behind while
a writer holds the file open). Further policies (done markers, closed flags) answer the same way.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.transfers.base import FileFacts


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of a file: the facts last seen and since when they have held."""

    facts: FileFacts
    unchanged_since: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """Settled, or which facts to remember from now on and when to look again."""

    settled: bool
    seen: Seen
    look_again_at: datetime


class CompletenessPolicy(Protocol):
    """Judges one file from what was remembered and what opening it says now."""

    def judge(self, seen: Seen, opened: FileFacts, now: datetime) -> Verdict:
        """Return the verdict."""
        ...


@dataclass(frozen=True, slots=True)
class QuietTime:
    """Complete when size and modification time have not changed for a while."""

    quiet_seconds: float

    def judge(self, seen: Seen, opened: FileFacts, now: datetime) -> Verdict:
        """Return the verdict; any change starts the quiet time anew."""
        quiet = timedelta(seconds=self.quiet_seconds)
        if opened != seen.facts:
            return Verdict(False, Seen(opened, now), now + quiet)
        ready_at = seen.unchanged_since + quiet
        return Verdict(now >= ready_at, seen, ready_at)
