"""Quiet hours and bandwidth, by themselves."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.harvest.quiet import is_quiet
from app.transfers import throttle


@pytest.mark.parametrize(
    ("start", "end", "hour", "quiet"),
    [
        ("08:00", "18:00", 7, False),
        ("08:00", "18:00", 8, True),
        ("08:00", "18:00", 17, True),
        ("08:00", "18:00", 18, False),
        ("22:00", "06:00", 23, True),
        ("22:00", "06:00", 5, True),
        ("22:00", "06:00", 6, False),
        ("22:00", "06:00", 12, False),
    ],
)
def test_quiet_hours_also_over_midnight(start: str, end: str, hour: int, quiet: bool) -> None:
    now = datetime(2026, 11, 24, hour, 0, tzinfo=UTC)
    assert is_quiet({"from": start, "to": end, "time_zone": "UTC"}, now) is quiet


def test_quiet_hours_are_in_their_own_time_zone() -> None:
    hours = {"from": "08:00", "to": "18:00", "time_zone": "America/New_York"}
    assert is_quiet(hours, datetime(2026, 11, 24, 14, 0, tzinfo=UTC))
    assert not is_quiet(hours, datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    assert not is_quiet(None, datetime(2026, 11, 24, 10, 0, tzinfo=UTC))


@given(
    rate=st.integers(1_000, 10**9),
    chunks=st.lists(st.integers(1, 1 << 20), min_size=1, max_size=60),
)
def test_never_more_than_the_rate_and_one_burst_passes(rate: int, chunks: list[int]) -> None:
    clock = _Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.transfers.throttle.monotonic", lambda: clock.now)
        patch.setattr("app.transfers.throttle.asyncio.sleep", clock.sleep)
        bucket = throttle.TokenBucket(rate)

        async def read() -> None:
            for chunk in chunks:
                await bucket.take(chunk)

        asyncio.run(read())
    assert sum(chunks) <= rate * (clock.now + 1) * 1.001 + 1


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
