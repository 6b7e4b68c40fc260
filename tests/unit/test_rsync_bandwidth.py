"""A bound of bandwidth is shared by the calls that run, and never exceeded by all of them."""

import contextlib

from app.transfers.rsync.bandwidth import Bandwidth


def _shares(bandwidth: Bandwidth, calls: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        given = [stack.enter_context(bandwidth.share()) for _ in range(calls)]
    return [int(one.removeprefix("--bwlimit=").removesuffix("b")) for (one,) in given]


def test_all_calls_together_use_the_bound_and_no_more() -> None:
    bandwidth = Bandwidth(8_000_000, 4)
    assert _shares(bandwidth, 4) == [4_000_000, 2_000_000, 1_000_000, 1_000_000]
    assert _shares(bandwidth, 1) == [4_000_000], "what ended is given back"


def test_a_single_connection_has_all_of_it() -> None:
    assert _shares(Bandwidth(8_000_000, 1), 1) == [8_000_000]


def test_without_a_bound_nothing_is_said() -> None:
    with Bandwidth(None, 4).share() as arguments:
        assert arguments == []
