"""Harvest Now, progress, runs, files, transfers, checks, audit, system."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.clock import utcnow
from app.database import lease_clock_ms
from app.models import Check, Copy, CopyState, Run, ScanState, Worker, new_id
from app.services import audit
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)


async def _lab(api: Api, *states: CopyState) -> tuple[dict[str, Any], list[uuid.UUID]]:
    storage, instrument = await api.make_storage(), await api.make_instrument()
    copies = []
    for number, state in enumerate(states):
        _, copy_id = await api.make_file(
            instrument["id"], storage["id"], f"run/{number:03}.raw", state=state
        )
        copies.append(copy_id)
    return instrument, copies


async def test_transfers_of_several_states_are_one_list_and_one_csv(api: Api) -> None:
    states = (CopyState.FAILED, CopyState.CONFLICT, CopyState.AVAILABLE, CopyState.FAILED)
    _, copies = await _lab(api, *states)
    wanted = {str(copies[0]), str(copies[1]), str(copies[3])}
    query: dict[str, Any] = {"state": ["failed", "conflict"], "limit": 2}
    first = (await api.admin.get("/api/transfers", params=query)).json()
    # The order in which states are named is no other filter: the cursor holds.
    query |= {"state": ["conflict", "failed"], "cursor": first["next_cursor"]}
    rest = (await api.admin.get("/api/transfers", params=query)).json()
    assert {one["id"] for one in (*first["items"], *rest["items"])} == wanted
    text = (await api.admin.get("/api/transfers.csv", params={"state": query["state"]})).text
    assert len(text.strip().splitlines()) == 1 + len(wanted)
    one = (await api.admin.get("/api/transfers", params={"state": "conflict"})).json()
    assert [copy["id"] for copy in one["items"]] == [str(copies[1])]


@pytest.mark.parametrize("quote", ["", '"'])
async def test_one_idempotency_key_harvests_once(
    api: Api, orchestration: list[uuid.UUID], quote: str
) -> None:
    instrument, _ = await _lab(api)
    other = await api.make_instrument("other")
    headers = {"Idempotency-Key": f"{quote}k1{quote}"}
    path = f"/api/instruments/{instrument['id']}/harvest"
    first = await api.admin.post(path, headers=headers)
    again = await api.admin.post(path, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert len(orchestration) == 1
    misused = await api.admin.post(f"/api/instruments/{other['id']}/harvest", headers=headers)
    assert (misused.status_code, misused.json()["code"]) == (422, "idempotency_mismatch")
    await api.admin.post(path)
    assert len(orchestration) == 2


async def test_progress_is_done_only_after_a_scan_that_began_later_and_when_all_rests(
    api: Api,
) -> None:
    instrument, _ = await _lab(api, CopyState.AVAILABLE, CopyState.QUEUED)
    since, path = utcnow(), f"/api/instruments/{instrument['id']}/progress"

    async def progress() -> Any:
        return (await api.admin.get(path, params={"since": since.isoformat()})).json()

    async def scan(**times: Any) -> None:
        async with api.database.write() as session:
            state = await session.get_one(ScanState, uuid.UUID(instrument["id"]))
            for name, value in times.items():
                setattr(state, name, value)

    before, after = since - timedelta(seconds=1), since + timedelta(seconds=1)
    assert (await progress())["scan"]["done"] is False
    await scan(scan_started_at=before, last_scan_started_at=before, last_scan_at=after)
    assert (await progress())["scan"]["done"] is False, "it began before it was asked for"
    await scan(scan_started_at=after)
    assert (await progress())["scan"]["done"] is False, "it began, but has not ended"
    await scan(last_scan_started_at=after, last_scan_at=after)
    moving = await progress()
    assert (moving["scan"]["done"], moving["done"]) == (True, False)
    assert moving["queued"] == {"files": 1, "size_bytes": 5}
    async with api.database.write() as session:
        copy = (await session.scalars(select(Copy).where(Copy.state == "queued"))).one()
        copy.state, copy.state_since = CopyState.FAILED, utcnow()
    rested = await progress()
    assert rested["done"] is True
    assert (rested["recent_failed"]["files"], rested["recent_available"]["files"]) == (1, 0)


async def test_pages_of_files_show_each_once_and_a_cursor_fits_its_list_only(api: Api) -> None:
    instrument, _ = await _lab(api, *[CopyState.AVAILABLE] * 7)
    for query in ({}, {"q": "run/"}, {"instrument": instrument["id"]}, {"state": "available"}):
        seen, cursor = [], None
        for _ in range(3):
            params = {**query, "limit": 3, **({"cursor": cursor} if cursor else {})}
            page = (await api.admin.get("/api/files", params=params)).json()
            seen += [item["path"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert cursor is None
        assert sorted(seen) == [f"run/{number:03}.raw" for number in range(7)]
    cursor = (await api.admin.get("/api/files", params={"limit": 3})).json()["next_cursor"]
    for params in ({"cursor": cursor, "q": "run/"}, {"cursor": "x"}, {"cursor": cursor[:-4]}):
        wrong = await api.admin.get("/api/files", params=params)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "cursor_invalid")


async def test_files_are_found_by_exact_path_and_by_derived_status(api: Api) -> None:
    await _lab(api, CopyState.AVAILABLE, CopyState.FAILED, CopyState.RETRY_WAIT)
    exact = (await api.admin.get("/api/files", params={"path": "run/001.raw"})).json()["items"]
    assert [(one["status"], one["copies"][0]["error_code"]) for one in exact] == [
        ("failed", "storage_error")
    ]
    assert exact[0]["copies"][0]["remedy"]
    for status, number in (("available", 0), ("failed", 1), ("retry_wait", 2)):
        found = (await api.admin.get("/api/files", params={"state": status})).json()["items"]
        assert [one["path"] for one in found] == [f"run/{number:03}.raw"]
    assert (await api.admin.get("/api/files", params={"state": "queued"})).json()["items"] == []


async def test_versions_come_with_copies_and_evidence(api: Api) -> None:
    await _lab(api, CopyState.AVAILABLE)
    file = (await api.admin.get("/api/files")).json()["items"][0]
    versions = (await api.admin.get(f"/api/files/{file['id']}/versions")).json()["items"]
    assert versions[0]["number"] == 1
    assert versions[0]["copies"][0]["evidence"] == {"sha256": "00"}


async def test_only_failed_and_conflicting_copies_are_retried(api: Api) -> None:
    states = (CopyState.FAILED, CopyState.CONFLICT, CopyState.AVAILABLE, CopyState.SUPERSEDED)
    _, copies = await _lab(api, *states)
    answers = [await api.admin.post(f"/api/transfers/{one}/retry") for one in copies]
    assert [answer.status_code for answer in answers] == [200, 200, 409, 409]
    assert answers[0].json()["state"] == "queued"
    assert answers[0].json()["error_code"] is None
    assert answers[2].json()["code"] == "not_retryable"


async def test_many_are_retried_by_a_filter_and_the_trail_says_who_did_it(api: Api) -> None:
    instrument, _ = await _lab(api, CopyState.FAILED, CopyState.FAILED, CopyState.CONFLICT)
    none = await api.admin.post("/api/transfers/retry", json={"instrument_id": str(uuid.uuid4())})
    assert none.json() == {"retried": 0}
    some = await api.admin.post("/api/transfers/retry", json={"error_code": "storage_error"})
    assert some.json() == {"retried": 2}
    rest = await api.admin.post("/api/transfers/retry", json={"instrument_id": instrument["id"]})
    assert rest.json() == {"retried": 1}
    events = (await api.admin.get("/api/audit", params={"action": "copies.retried"})).json()
    assert [event["details"]["count"] for event in events["items"]] == [1, 2]


async def test_a_run_is_cancelled_while_it_lives_and_not_afterwards(api: Api) -> None:
    instrument, _ = await _lab(api)
    run_id = new_id()
    async with api.database.write() as session:
        session.add(
            Run(
                id=run_id, kind="harvest", zone="main", state="live", trigger="manual",
                instrument_id=uuid.UUID(instrument["id"]), requested_at=utcnow(), counters={},
            )
        )  # fmt: skip
    asked = await api.admin.post(f"/api/runs/{run_id}/cancel")
    assert asked.json()["cancel_requested"] is True
    async with api.database.write() as session:
        (await session.get_one(Run, run_id)).state = "ended"
    late = await api.admin.post(f"/api/runs/{run_id}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "run_ended")
    listed = (await api.admin.get("/api/runs", params={"state": "ended"})).json()["items"]
    assert [run["id"] for run in listed] == [str(run_id)]


async def _worker(api: Api, zone: str = "main") -> None:
    async with api.database.write() as session:
        until = await lease_clock_ms(session) + 60_000
        session.add(Worker(name="w", zone=zone, until_ms=until, seen_at=utcnow()))


async def _answer_checks(api: Api, result: dict[str, Any]) -> dict[str, Any]:
    while True:
        async with api.database.write() as session:
            check = (await session.scalars(select(Check).where(Check.done_at.is_(None)))).first()
            if check is not None:
                check.result, check.done_at = result, utcnow()
                return {"kind": check.kind, **check.request}
        await asyncio.sleep(0.01)


async def test_a_check_is_answered_by_a_worker_of_the_zone(api: Api) -> None:
    instrument, _ = await _lab(api)
    await _worker(api)
    worker = asyncio.create_task(_answer_checks(api, {"ok": True, "latency_ms": 3.5}))
    answer = await api.admin.post(f"/api/instruments/{instrument['id']}/check")
    assert answer.json()["ok"] is True
    request = await worker
    assert (request["kind"], request["root"]) == ("source", instrument["root"])


async def test_a_draft_is_checked_before_it_is_saved(api: Api) -> None:
    await _worker(api)
    worker = asyncio.create_task(_answer_checks(api, {"ok": False, "code": "source_unreachable"}))
    answer = await api.admin.post("/api/instruments/check", json={"protocol": "sftp", "host": "pc"})
    assert (answer.status_code, answer.json()["code"]) == (200, "source_unreachable")
    assert (await worker)["host"] == "pc"


async def test_without_a_living_worker_a_check_says_so_at_once(api: Api) -> None:
    storage = await api.make_storage()
    answer = await api.admin.post(f"/api/storage/{storage['id']}/check")
    assert (answer.status_code, answer.json()["code"]) == (409, "zone_not_served")


async def test_the_trail_is_verified_and_names_its_unsealed_tail(api: Api) -> None:
    await _lab(api)
    before = (await api.admin.get("/api/audit/verify")).json()
    assert (before["intact"], before["sealed"], before["unsealed"]) == (True, 0, 2)
    async with api.database.write() as session:
        await audit.seal(session)
    after = (await api.admin.get("/api/audit/verify")).json()
    assert (after["intact"], after["sealed"], after["unsealed"]) == (True, 2, 0)
    events = (await api.admin.get("/api/audit")).json()["items"]
    assert [event["seq"] for event in events] == [2, 1]


async def test_system_tells_what_lags(api: Api, orchestration: list[uuid.UUID]) -> None:
    await _lab(api, CopyState.FAILED)
    await _worker(api)
    found = (await api.admin.get("/api/system")).json()
    assert found["copies_failed"] == 1
    assert found["audit_unsealed"] == 2
    assert [(one["zone"], one["alive"]) for one in found["workers"]] == [("main", True)]
    assert found["prefect"] == {"reachable": False}


async def test_every_answer_has_a_request_id_and_every_error_is_a_problem(api: Api) -> None:
    for path, status in (("/api/nowhere", 404), ("/api/health", 200), ("/api/users/me", 401)):
        answer = await api.anonymous.get(path)
        assert answer.status_code == status
        assert answer.headers["x-request-id"]
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            body = answer.json()
            assert body["request_id"] == answer.headers["x-request-id"]
            assert {"type", "title", "status", "detail", "instance", "code", "remedy"} <= set(body)
    wrong = await api.anonymous.delete("/api/health")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_what_nobody_expected_is_a_500_without_its_cause(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> bool:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("app.services.users.setup_needed", broken)
    answer = await api.anonymous.get("/api/setup")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text


async def test_a_path_is_explained_whether_it_is_known_or_not(api: Api) -> None:
    instrument, _ = await _lab(api, CopyState.AVAILABLE, CopyState.FAILED)
    for path, status in (
        ("run/000.raw", "available"),
        ("run/001.raw", "failed"),
        ("nowhere.raw", "unknown"),
    ):
        query = {"instrument": instrument["id"], "path": path}
        answer = await api.admin.get("/api/explain", params=query)
        assert (path, answer.status_code) == (path, 200), answer.text
        assert (answer.json()["status"], bool(answer.json()["sentence"])) == (status, True)
