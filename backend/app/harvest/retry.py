"""What becomes of a failed attempt: a decision as a value."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import ErrorClass, StreamWeaveError
from app.models import CopyState

# After one of these, no other file of the instrument is tried in this batch.
INSTRUMENT_LEVEL = frozenset(
    {
        "source_unreachable",
        "source_host_unknown",
        "source_logon_failed",
        "source_account_paused",
        "source_host_key_mismatch",
        "source_share_missing",
        "source_protocol_mismatch",
        "rclone_unavailable",
        "mover_unknown",
        "mover_unavailable",
        "landing_full",
        "globus_consent_required",
        "globus_session_expired",
        "globus_endpoint_paused",
        "globus_throttled",
        "instrument_quiet",
    }
)
# After one of these, no other file goes to the storage location in this batch.
STORAGE_LEVEL = frozenset(
    {
        "storage_full",
        "storage_read_only",
        "storage_unreachable",
        "storage_stalled",
        "storage_not_mounted",
        "storage_host_unknown",
        "storage_host_key_mismatch",
        "storage_logon_failed",
        "storage_account_paused",
        "storage_share_missing",
        "storage_busy",
        "storage_unsuitable",
        "storage_program_missing",
        "storage_region_wrong",
        "storage_clock_skewed",
    }
)
# What waits without counting: nothing is wrong with the file. An instrument that is off for a
# week end, or a full disk, must not use up anybody's attempts.
UNCOUNTED = INSTRUMENT_LEVEL | STORAGE_LEVEL | {"instrument_busy", "too_many_open_files"}


@dataclass(frozen=True)
class RetryPolicy:
    """Back-off between attempts: base * 2^n seconds up to a cap, each with jitter.

    `hold_seconds` is the base for what is no fault of the file: an instrument or a storage
    location that rests.
    """

    base_seconds: float = 5.0
    cap_seconds: float = 3600.0
    max_attempts: int = 12
    hold_seconds: float = 15.0
    hold_cap_seconds: float = 900.0

    @property
    def longest_seconds(self) -> float:
        """The longest that anything may rest."""
        return max(self.cap_seconds, self.hold_cap_seconds)

    def delay_seconds(self, failures: int) -> float:
        """Return how long to wait after the n-th failure in a row (n from 1)."""
        return _jittered(self.base_seconds, failures, self.cap_seconds)

    def hold_delay_seconds(self, failures: int) -> float:
        """Return how long an instrument or storage rests after its n-th trouble in a row."""
        return _jittered(self.hold_seconds, failures, self.hold_cap_seconds)


def _jittered(base_seconds: float, failures: int, cap_seconds: float) -> float:
    ceiling = min(cap_seconds, base_seconds * 2.0 ** min(failures - 1, 30))
    return ceiling * (0.5 + random.random() / 2)


@dataclass(frozen=True)
class Decision:
    """The next state of a copy, when it is due, and which failure count it has then."""

    state: CopyState
    due_at: datetime | None
    failures: int
    observe_again: bool = False


def decide(
    error: StreamWeaveError,
    failures: int,
    policy: RetryPolicy,
    now: datetime,
    *,
    untried: bool = False,
) -> Decision:
    """Return what becomes of a copy whose attempt failed with `error`.

    A configuration error waits at the cap without counting: nobody loses a file because an admin
    slept. A source that changed goes back to observation, which is no failure of the copy, and
    neither is a storage location that could not be opened (`untried`), whatever it said.
    """
    kind = error.error_class
    if untried:
        due = now + timedelta(seconds=policy.hold_delay_seconds(1))
        return Decision(CopyState.RETRY_WAIT, due, failures)
    if kind is ErrorClass.SOURCE_CHANGED:
        return Decision(CopyState.QUEUED, None, failures, observe_again=True)
    if kind is ErrorClass.CONFLICT:
        return Decision(CopyState.CONFLICT, None, failures)
    if kind is ErrorClass.PERMANENT:
        return Decision(CopyState.FAILED, None, failures + 1)
    if kind is ErrorClass.CONFIGURATION or error.code in UNCOUNTED:
        known = error.code in UNCOUNTED
        wait = policy.hold_delay_seconds(1) if known else policy.delay_seconds(5)
        return Decision(CopyState.RETRY_WAIT, now + timedelta(seconds=wait), failures)
    failures += 1
    if failures >= policy.max_attempts:
        return Decision(CopyState.FAILED, None, failures)
    due = now + timedelta(seconds=policy.delay_seconds(failures))
    return Decision(CopyState.RETRY_WAIT, due, failures)
