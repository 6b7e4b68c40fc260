"""A wall clock that was years ahead and is set right: nothing waits for those years."""

import uuid
from datetime import datetime, timedelta, tzinfo

import pytest
from sqlalchemy import update

import app.clock
from app.harvest.engine import Engine
from app.models import CopyState, Instrument
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]


class Ahead(datetime):
    """Ten years ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=3652)


async def set_quiet(lab: Lab, seconds: float) -> None:
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(quiet_seconds=seconds))


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
async def test_what_was_seen_with_a_wrong_clock_is_fetched_with_a_right_one(
    planned: bool, restarted: bool, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that would settle in ten years, and copies that would be due then."""
    nobody = uuid.uuid4()
    lab.write("a.raw", b"content")
    assert await lab.engine.transfer(["main"]) == 0  # the engine has seen the clock when right
    await set_quiet(lab, 0 if planned else 1)
    with monkeypatch.context() as wrong:
        wrong.setitem(vars(app.clock), "datetime", Ahead)
        assert await lab.engine.scan(lab.instrument) is not None
        lab.engine._reaped_at = float("-inf")
        assert await lab.engine.transfer(["main"], only=nobody) == 0
    assert len(await lab.copies()) == planned
    await set_quiet(lab, 0)
    lab.engine._reaped_at = float("-inf")
    if restarted:
        lab.engine = Engine(lab.database, lab.engine.ports)
    await lab.drain()
    await lab.harvest()
    assert [copy.state for copy in (await lab.copies()).values()] == [CopyState.AVAILABLE]
