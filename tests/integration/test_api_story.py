"""The story of a file, an instrument live, and the next times of a schedule."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.harvest import shown
from app.harvest.shown import show_progress
from app.harvest.store.attempts import AttemptRow, insert_attempts
from app.harvest.store.news import tell
from app.harvest.transfer import Arriving
from app.models import Copy, CopyProgress, CopyState, SourceFile
from app.services import audit
from app.services.outbox import dispatch
from tests.integration.api_fixtures import Api
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]
pytest_plugins = ("tests.integration.api_fixtures",)


async def _file(api: Api, state: CopyState) -> tuple[dict[str, Any], uuid.UUID, uuid.UUID]:
    storage, instrument = await api.make_storage(), await api.make_instrument()
    file_id, copy_id = await api.make_file(instrument["id"], storage["id"], "a/b.raw", state=state)
    return instrument, file_id, copy_id


async def _attempt(api: Api, instrument: dict[str, Any], copy_id: uuid.UUID) -> uuid.UUID:
    """Store a failed attempt with its batch's audit event; return the event."""
    now = utcnow()

    async def work(session: Any) -> uuid.UUID:
        row = AttemptRow(
            copy_id, 1, 1, "failed", "lab-1", now, now + timedelta(seconds=100),
            error_code="storage_error", error_detail="no luck",
        )  # fmt: skip
        batch = await insert_attempts(session, [row])
        return await audit.record(
            session,
            actor="worker:lab-1",
            action="copies.failed",
            subject=f"instrument:{instrument['id']}",
            details={"batch": str(batch.id), "attempts": 1},
            instrument_id=uuid.UUID(instrument["id"]),
        )

    return await api.database.run(work)


async def test_a_story_goes_from_first_sight_over_attempts_and_people_to_the_proof(
    api: Api,
) -> None:
    instrument, file_id, copy_id = await _file(api, CopyState.FAILED)
    event_id = await _attempt(api, instrument, copy_id)
    assert (await api.admin.post(f"/api/transfers/{copy_id}/retry")).status_code == 200
    async with api.database.write() as session:
        evidence = {"received_sha256": "ab", "outcome": "published", "read_back_from": "device"}
        await session.execute(
            update(Copy).values(
                state="available",
                intent=evidence,
                available_at=utcnow() + timedelta(seconds=200),
                error_code=None,
            )
        )
    answer = await api.admin.get(f"/api/files/{file_id}/story")
    assert answer.status_code == 200, answer.text
    steps = answer.json()["steps"]
    kinds = [step["kind"] for step in steps]
    assert kinds == ["first_seen", "planned", "retried", "attempt", "available"]
    planned, retried, attempt, available = steps[1:]
    assert (planned["version"], planned["size_bytes"]) == (1, 5)
    assert retried["actor"].startswith("user:") and retried["audit_event_id"]
    assert attempt["audit_event_id"] == str(event_id)
    assert (attempt["outcome"], attempt["error_code"], attempt["worker"]) == (
        "failed", "storage_error", "lab-1",
    )  # fmt: skip
    assert attempt["remedy"] and attempt["storage_name"] == "archive"
    assert available["evidence"] == evidence and available["sha256"] == "ab"
    assert answer.json()["truncated"] is False


async def test_a_retry_of_many_and_what_stands_in_the_way_are_told(api: Api) -> None:
    _, file_id, copy_id = await _file(api, CopyState.FAILED)
    assert (await api.admin.post("/api/transfers/retry", json={})).json() == {"retried": 1}
    async with api.database.write() as session:
        await session.execute(
            update(Copy).values(
                state="conflict", error_code="destination_conflict", state_since=utcnow()
            )
        )
        await session.execute(update(SourceFile).values(state="settling", absent_since=utcnow()))
    steps = (await api.admin.get(f"/api/files/{file_id}/story")).json()["steps"]
    by_kind = {step["kind"]: step for step in steps}
    assert {"first_seen", "settling", "planned", "retried", "conflict", "absent"} == set(by_kind)
    assert by_kind["retried"]["copy_id"] == str(copy_id)
    assert by_kind["retried"]["details"] == {}, "other files' copies are not told here"
    assert by_kind["conflict"]["error_code"] == "destination_conflict"


async def test_only_who_may_see_the_file_hears_its_story(api: Api) -> None:
    instrument, file_id, _ = await _file(api, CopyState.AVAILABLE)
    path, live = f"/api/files/{file_id}/story", f"/api/instruments/{instrument['id']}/live"
    user, token = await api.make_user("ada@lab.example")
    client = await api.client(token)
    for one in (path, live):
        assert (await api.anonymous.get(one)).status_code == 401
        assert (await api.stranger.get(one)).status_code == 404
        assert (await client.get(one)).status_code == 404
    await api.admin.put(f"/api/instruments/{instrument['id']}/users/{user.id}")
    for one in (path, live):
        assert (await client.get(one)).status_code == 200


async def test_live_shows_what_flies_how_fast_and_when_it_is_done(api: Api) -> None:
    storage, instrument = await api.make_storage(), await api.make_instrument()
    states = {"big": CopyState.TRANSFERRING, "q": CopyState.QUEUED, "done": CopyState.AVAILABLE}
    copies = {
        name: (await api.make_file(instrument["id"], storage["id"], name, state=state))[1]
        for name, state in states.items()
    }
    instrument_id = uuid.UUID(instrument["id"])
    path = f"/api/instruments/{instrument['id']}/live"
    async with api.database.write() as session:
        await session.execute(
            update(Copy).where(Copy.id == copies["big"]).values(size_bytes=6000, attempt=3)
        )
        await session.execute(update(Copy).where(Copy.id == copies["q"]).values(size_bytes=4000))
        session.add(CopyProgress(copy_id=copies["big"], attempt=2, received_bytes=1, at=utcnow()))
    before = (await api.admin.get(path)).json()
    assert before["in_flight"][0]["received_bytes"] is None, "of an attempt that is over"
    assert before["eta"] is None
    async with api.database.write() as session:
        await session.execute(update(CopyProgress).values(attempt=3, received_bytes=1000))
    for _ in range(6):
        await api.database.run(lambda s: tell(s, "copy.available", instrument_id, size_bytes=1000))
    await api.database.run(lambda s: tell(s, "copy.available", None, size_bytes=10**9))
    await api.database.run(dispatch)
    found = (await api.admin.get(path)).json()
    (flying,) = found["in_flight"]
    assert (flying["path"], flying["state"], flying["received_bytes"]) == (
        "big", "transferring", 1000,
    )  # fmt: skip
    assert (found["moving"]["count"], found["waiting"]["count"]) == (1, 1)
    assert found["waiting_bytes"] == 4000
    assert found["files_per_second"] == pytest.approx(0.1, rel=0.05)
    assert found["bytes_per_second"] == pytest.approx(100, rel=0.05)
    assert found["eta"] is not None


async def test_progress_is_written_of_long_files_and_goes_with_them(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "LONG_SECONDS", 0.0)
    lab.write("a.raw", b"x" * 3_000_000)
    seen: list[tuple[int, int]] = []
    told: set[uuid.UUID] = set()
    add = Arriving.add

    async def add_and_show(arriving: Arriving, chunk: bytes) -> None:
        await add(arriving, chunk)
        told.update(await show_progress(lab.database, lab.engine.arriving, told))
        async with lab.database.read() as session:
            rows = (await session.scalars(select(CopyProgress))).all()
            seen.extend((row.attempt, row.received_bytes) for row in rows)

    monkeypatch.setattr(Arriving, "add", add_and_show)
    await lab.harvest()
    assert {attempt for attempt, _ in seen} == {1}
    assert [received for _, received in seen][-1] == 3_000_000
    assert lab.engine.arriving == {}
    await show_progress(lab.database, lab.engine.arriving, told)
    async with lab.database.read() as session:
        assert (await session.scalars(select(CopyProgress))).all() == []


async def test_the_next_times_of_a_schedule_are_told_before_it_is_saved(api: Api) -> None:
    body = {"cron": "0 2 * * *", "time_zone": "Europe/Berlin"}
    answer = await api.stranger.post("/api/schedules/preview", json=body)
    assert answer.status_code == 200
    times = answer.json()["times"]
    assert len(times) == 5
    assert all(one["at"].endswith("Z") and "T02:00:00+0" in one["local"] for one in times)
    for wrong, code in (
        ({**body, "cron": "0 2 30 2 *"}, "cron_invalid"),
        ({**body, "cron": "61 * * * *"}, "cron_invalid"),
        ({**body, "time_zone": "Mars/Base"}, "time_zone_unknown"),
    ):
        refused = await api.admin.post("/api/schedules/preview", json=wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
        assert refused.json()["errors"][0]["pointer"] in ("/cron", "/time_zone")
    assert (await api.anonymous.post("/api/schedules/preview", json=body)).status_code == 401
