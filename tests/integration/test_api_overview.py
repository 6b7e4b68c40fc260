"""The overview: what needs somebody, streams, throughput, storage, newest; only one's own."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.harvest.store.news import tell
from app.models import (
    Copy,
    CopyState,
    HourlyTally,
    Outbox,
    OutboxCursor,
    Run,
    ScanState,
    ServiceAccount,
    SourceFile,
    StorageLocation,
    StorageSample,
    new_id,
)
from app.services.fill import Sample, forecast
from app.services.outbox import dispatch, prune
from app.services.streams import rhythm_of
from app.services.tallies import count_news, hour_of, is_any_uncounted
from app.transfers.posix import SENTINEL
from app.worker.samples import measure_storage
from tests.integration.api_fixtures import Api
from tests.integration.engine_fixtures import opener_for
from tests.integration.factories import make_instrument, make_storage

pytest_plugins = ("tests.integration.api_fixtures",)
NOW = datetime(2026, 5, 20, 12, 30, tzinfo=UTC)


async def _overview(client: Any) -> dict[str, Any]:
    answer = await client.get("/api/overview")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_stream_counts_what_stands_where_and_when_the_last_file_came(api: Api) -> None:
    storage = await api.make_storage()
    instrument = await api.make_instrument(storage=[{"storage_location_id": storage["id"]}])
    await api.make_instrument("empty")
    states = [
        CopyState.AVAILABLE, CopyState.QUEUED, CopyState.QUEUED, CopyState.RETRY_WAIT,
        CopyState.PROVING, CopyState.FAILED, CopyState.CONFLICT,
    ]  # fmt: skip
    for number, state in enumerate(states):
        await api.make_file(instrument["id"], storage["id"], f"{number}.raw", state=state)
    async with api.database.write() as session:
        await session.execute(
            update(SourceFile).where(SourceFile.path == "0.raw").values(state="settling")
        )
    found = await _overview(api.admin)
    empty, stream = sorted(found["streams"], key=lambda one: one["name"])
    assert (empty["last_file_at"], empty["rhythm"]) == (None, [0] * 14)
    counts = {name: one["count"] for name, one in stream["counts"].items()}
    assert counts == {
        "settling": 1, "held": 0, "queued": 2, "retry_wait": 1, "moving": 1, "failed": 1,
        "conflict": 1,
    }  # fmt: skip
    assert stream["last_file_at"] is not None
    assert stream["storage"] == [{"id": storage["id"], "name": "archive", "error_code": None}]
    kinds = {(one["kind"], one["code"]) for one in found["needs_you"]}
    assert ("failed", "storage_error") in kinds
    assert ("zone_not_served", "zone_not_served") in kinds
    assert len(found["throughput"]) == 24
    assert [one["path"] for one in found["newest"]][:2] == ["6.raw", "5.raw"]


async def test_somebody_sees_their_own_and_a_stranger_nothing(api: Api) -> None:
    storage, other_place = await api.make_storage(), await api.make_storage("other-place")
    mine = await api.make_instrument(storage=[{"storage_location_id": storage["id"]}])
    other = await api.make_instrument("other", storage=[{"storage_location_id": other_place["id"]}])
    for instrument in (mine, other):
        for state in (CopyState.FAILED, CopyState.AVAILABLE):
            path = f"{instrument['slug']}/{state.value}"
            await api.make_file(instrument["id"], storage["id"], path, state=state)
        await api.database.run(
            lambda s, i=instrument: tell(  # type: ignore[misc]
                s, "copy.available", uuid.UUID(i["id"]), size_bytes=7, copy_id="c"
            )
        )
    async with api.database.write() as session:
        await session.execute(update(Copy).values(available_at=NOW))
        session.add(
            Run(
                kind="watch", zone="main", state="ended", outcome="lost", trigger="watch",
                requested_at=utcnow(), ended_at=utcnow(),
            )
        )  # fmt: skip
    await api.database.run(dispatch)
    await api.database.run(count_news)
    user, token = await api.make_user("ada@lab.example")
    await api.admin.put(f"/api/instruments/{mine['id']}/users/{user.id}")
    found = await _overview(await api.client(token))
    assert [one["name"] for one in found["streams"]] == ["TEM-2"]
    assert [one["name"] for one in found["storage"]] == ["archive"]
    assert {one["path"] for one in found["newest"]} == {"tem-2/failed", "tem-2/available"}
    safe = {one["path"]: one["safe_since"] for one in found["newest"]}
    assert safe == {"tem-2/failed": None, "tem-2/available": "2026-05-20T12:30:00Z"}
    assert [(one["kind"], one["count"]) for one in found["needs_you"]] == [("failed", 1)]
    assert sum(one["copies"] for one in found["throughput"]) == 1
    assert found["runs"] == []
    every = await _overview(api.admin)
    assert sum(one["size_bytes"] for one in every["throughput"]) == 14
    assert "run_lost" in {one["kind"] for one in every["needs_you"]}
    nothing = await _overview(api.stranger)
    assert not any(nothing[name] for name in ("streams", "storage", "newest", "needs_you", "runs"))
    assert sum(one["copies"] for one in nothing["throughput"]) == 0
    assert (await api.anonymous.get("/api/overview")).status_code == 401


async def test_troubles_are_told_once_each_with_what_to_do(api: Api) -> None:
    storage, instrument = await api.make_storage(), await api.make_instrument()
    account = await api.make("accounts", name="a", username="u", secret="s3cret-s3cret")
    await api.make_instrument(
        "smb", protocol="smb", host="h.example", root="share", service_account_id=account["id"],
        secret="s3cret-s3cret",
    )  # fmt: skip
    await api.make_file(instrument["id"], storage["id"], "d.raw", state=CopyState.DAMAGED)
    await api.make_file(instrument["id"], storage["id"], "h.raw", state=CopyState.AVAILABLE)
    async with api.database.write() as session:
        scan = await session.get_one(ScanState, uuid.UUID(instrument["id"]))
        scan.breaker_tripped_at, scan.breaker_detail = utcnow(), "12 files instead of 5,210."
        place = await session.get_one(StorageLocation, uuid.UUID(storage["id"]))
        place.error_code = "storage_full"
        held = (await session.scalars(select(SourceFile).where(SourceFile.path == "h.raw"))).one()
        held.state, held.reason_code = "held", "storage_not_configured"
        await session.execute(update(ServiceAccount).values(refused_version=1, refused_at=utcnow()))
    needs = {one["kind"]: one for one in (await _overview(api.admin))["needs_you"]}
    assert {"damaged", "listing_held", "storage_trouble", "held", "account_refused"} <= set(needs)
    for kind in ("listing_held", "storage_trouble", "held", "account_refused", "damaged"):
        assert needs[kind]["remedy"], kind
    assert needs["listing_held"]["instrument_id"] == instrument["id"]
    assert needs["storage_trouble"]["storage_id"] == storage["id"]
    assert needs["account_refused"]["service_account_id"] == account["id"]
    severities = [one["severity"] for one in (await _overview(api.admin))["needs_you"]]
    assert severities == sorted(severities, key=["critical", "warning", "notice"].index)


async def test_each_row_of_the_outbox_is_tallied_once(database: Database) -> None:
    instrument_id = await make_instrument(database)

    async def write(session: Any) -> None:
        await tell(session, "files.planned", instrument_id, count=3, size_bytes=30)
        for size in (10, 20):
            await tell(session, "copy.available", instrument_id, size_bytes=size)
        await tell(session, "copy.failed", instrument_id, code="x")
        await tell(session, "copy.available", uuid.uuid4(), size_bytes=1)  # deleted meanwhile
        await tell(session, "storage.held")

    for _ in range(2):
        await database.run(write)
        await database.run(dispatch)
        assert await database.ask(is_any_uncounted)
        assert await database.run(count_news) == 6
        assert await database.run(count_news) == 0
        assert not await database.ask(is_any_uncounted)
    async with database.read() as session:
        tally = (await session.scalars(select(HourlyTally))).one()
    assert (tally.files, tally.file_bytes, tally.copies, tally.copy_bytes, tally.failures) == (
        6, 60, 4, 60, 2,
    )  # fmt: skip
    assert tally.hour == hour_of(utcnow())


async def test_old_rows_are_pruned_behind_every_consumer_and_the_numbers_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.outbox._KEPT_ROWS", 2)
    old = utcnow() - timedelta(days=3)
    async with database.write() as session:
        for number in range(10):
            made = utcnow() if number == 7 else old
            session.add(Outbox(id=new_id(), topic="t", payload={}, created_at=made))
        session.add(OutboxCursor(consumer="hooks", seq=5))
    await database.run(dispatch)

    async def numbers() -> list[int]:
        async with database.read() as session:
            return [
                one or 0 for one in await session.scalars(select(Outbox.seq).order_by(Outbox.seq))
            ]

    assert await database.run(prune) == 5
    assert await numbers() == [6, 7, 8, 9, 10]
    async with database.write() as session:
        await session.execute(update(OutboxCursor).values(seq=10))
    assert await database.run(prune) == 2
    assert await numbers() == [8, 9, 10], "the eighth is of today, and two always stay"
    async with database.write() as session:
        session.add(Outbox(id=new_id(), topic="t", payload={}, created_at=utcnow()))
    await database.run(dispatch)
    assert (await numbers())[-1] == 11


def test_a_silence_is_unusual_when_it_is_longer_than_any_before() -> None:
    hours = [(hour_of(NOW - timedelta(hours=3 * n)), 2, 10) for n in range(20, 8, -1)]
    judged = rhythm_of(hours, None, NOW)
    assert judged.usual_interval_seconds == 3 * 3600
    assert judged.silent_since == hours[-1][0]
    assert rhythm_of(hours, NOW - timedelta(hours=1), NOW).silent_since is None
    assert rhythm_of(hours[:5], None, NOW).usual_interval_seconds is None
    today = rhythm_of([(hour_of(NOW), 4, 9)], NOW, NOW)
    assert (today.today_files, today.today_bytes, today.days[-1], len(today.days)) == (4, 9, 4, 14)


def test_a_forecast_needs_a_day_of_growth() -> None:
    def samples(growth: int, count: int = 30) -> list[Sample]:
        start = NOW - timedelta(hours=count)
        return [
            Sample(start + timedelta(hours=n), 10_000, 5_000 - growth * n) for n in range(count)
        ]

    full_at, reason = forecast(samples(10))
    assert reason is None and full_at is not None
    left = 5_000 - 10 * 29
    assert abs((full_at - NOW + timedelta(hours=1)).total_seconds() - left / 10 * 3600) < 1
    assert forecast(samples(0)) == (None, "not_growing")
    assert forecast(samples(-5)) == (None, "not_growing")
    assert forecast(samples(10, 5)) == (None, "too_few_measurements")
    assert forecast([]) == (None, "not_measured")


async def test_fill_is_told_with_its_forecast(api: Api) -> None:
    storage = await api.make_storage()
    async with api.database.write() as session:
        for number in range(48):
            session.add(
                StorageSample(
                    storage_location_id=uuid.UUID(storage["id"]),
                    hour=hour_of(utcnow() - timedelta(hours=47 - number)),
                    total_bytes=1000,
                    free_bytes=500 - 10 * number,
                )
            )
    found = await _overview(api.admin)
    (fill,) = found["storage"]
    assert (fill["total_bytes"], fill["free_bytes"], fill["used_bytes"]) == (1000, 30, 970)
    assert fill["forecast_full_at"] is not None
    assert "storage_nearly_full" in {one["kind"] for one in found["needs_you"]}


async def test_a_place_is_measured_once_an_hour_and_never_its_empty_mount_point(
    database: Database, tmp_path: Path
) -> None:
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    away.mkdir()
    location_id = await make_storage(database, here)
    await make_storage(database, away)
    (away / SENTINEL).unlink()
    await make_storage(database, tmp_path / "other", zone="elsewhere")
    opener = opener_for(database, Settings())
    assert await measure_storage(database, opener, ["main"]) == 1
    assert await measure_storage(database, opener, ["main"]) == 1
    async with database.read() as session:
        sample = (await session.scalars(select(StorageSample))).one()
        location = await session.get_one(StorageLocation, location_id)
    assert sample.storage_location_id == location_id
    assert 0 < sample.free_bytes <= sample.total_bytes
    assert location.health["total_bytes"] == sample.total_bytes
    assert location.health["trouble"] is None
    assert location.health["overwriting"] == "refused"
