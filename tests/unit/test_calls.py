"""Short calls to a disk are made at once, and still keep nobody else from their turn."""

import asyncio
import time
from pathlib import Path

from app.transfers.calls import Calls

_CALLS = 60


def _spend() -> None:
    """A call that the disk answers after a millisecond, on this thread."""
    time.sleep(0.0015)  # it is what holds the loop


async def test_a_row_of_calls_gives_the_loop_away_in_between(tmp_path: Path) -> None:
    calls = Calls(tmp_path, "storage_stalled", 5.0)
    calls.look()
    assert calls.is_disk
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(others())
    for _ in range(_CALLS):
        await calls.brief(_spend)
    other.cancel()
    assert turns >= _CALLS // 3


async def test_two_who_make_calls_have_their_turns_alternately(tmp_path: Path) -> None:
    calls = Calls(tmp_path, "storage_stalled", 5.0)
    calls.look()
    order: list[str] = []

    async def work(name: str, count: int) -> None:
        for _ in range(count):
            await calls.brief(_spend)
            order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(work("many", _CALLS))
        group.create_task(work("few", 3))
    assert order.index("few") < 6
    assert max(at for at, name in enumerate(order) if name == "few") < _CALLS // 2
