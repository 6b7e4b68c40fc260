"""Whose turn it is, when several wait for the one writer."""

import asyncio

import pytest

from app.turns import Turns, turn_of


async def _wait(turns: Turns, who: str, said: list[str]) -> None:
    with turn_of(who):
        async with turns:
            said.append(who)


async def _waiting(turns: Turns, names: list[str], said: list[str]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(_wait(turns, name, said)) for name in names]
    await asyncio.sleep(0)  # each has asked
    return tasks


async def test_who_asked_once_waits_for_one_of_who_asked_often() -> None:
    turns, said = Turns(), list[str]()
    async with turns:
        tasks = await _waiting(turns, ["many", "many", "many", "many", "few"], said)
    await asyncio.gather(*tasks)
    assert said == ["many", "few", "many", "many", "many"]


async def test_one_name_is_served_in_the_order_in_which_it_asked() -> None:
    turns, said = Turns(), list[int]()

    async def one(number: int) -> None:
        async with turns:
            said.append(number)

    async with turns:
        tasks = [asyncio.create_task(one(number)) for number in range(5)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert said == [0, 1, 2, 3, 4]


async def test_who_is_cancelled_leaves_no_turn_behind() -> None:
    turns, said = Turns(), list[str]()
    async with turns:
        tasks = await _waiting(turns, ["one", "two", "three"], said)
        tasks[0].cancel()
    tasks[1].cancel()  # its turn may have come at this moment
    await asyncio.gather(*tasks, return_exceptions=True)
    assert said[-1] == "three"
    async with asyncio.timeout(1), turns:
        said.append("free")
    assert said[-1] == "free"


async def test_an_error_passes_the_turn_on() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="within"):
        async with turns:
            raise ValueError("within")
    said = list[str]()
    async with asyncio.timeout(1):
        await _wait(turns, "next", said)
    assert said == ["next"]
