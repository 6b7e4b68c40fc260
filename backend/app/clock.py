"""Time, from the three clocks that StreamWeave tells apart.

Wall time (UTC) is for people and schedules; monotonic time counts what is left of a lease; the
boot clock is the lease clock of SQLite, where every process shares one machine.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def utcnow() -> datetime:
    """Return the wall time as an aware UTC datetime."""
    return datetime.now(UTC)


def midnight(moment: datetime) -> datetime:
    """Return the beginning of a moment's day, in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def monotonic() -> float:
    """Return seconds of a clock that never goes back, only comparable inside this process."""
    return time.monotonic()


def boot_clock_ms() -> int:
    """Return milliseconds since this machine started, the same for all of its processes.

    CLOCK_BOOTTIME goes on during suspend; where it is missing, the monotonic clock does.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def boot_id() -> str:
    """Return a text that changes at every start of the machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # No /proc (macOS): the start of the boot clock, to ten seconds, tells boots apart.
        return f"start-{int(time.time() - boot_clock_ms() / 1000) // 10}"


def from_ns(value: int) -> datetime:
    """Return a file time in nanoseconds since 1970 as an aware UTC datetime."""
    seconds, nanoseconds = divmod(value, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
