"""Service accounts, storage locations, instruments, schedules: rules, ETags, secrets."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.models import (
    CopyState,
    Instrument,
    InstrumentStorage,
    ScanState,
    ServiceAccount,
    Slot,
)
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)

SECRET = "s3cr3t-of-the-lab"


async def _account(api: Api, name: str = "reader") -> dict[str, Any]:
    return await api.make("accounts", name=name, username="svc", secret=SECRET)


async def _smb(api: Api, **more: Any) -> dict[str, Any]:
    body = {"name": "TEM", "slug": "tem", "protocol": "smb", "host": "pc", "root": "data"}
    return await api.make("instruments", **{**body, **more})


async def _patch(api: Api, path: str, revision: int, **body: Any) -> Any:
    return await api.admin.patch(f"/api/{path}", json=body, headers={"If-Match": f'"r{revision}"'})


async def test_a_secret_is_stored_encrypted_and_never_answered(api: Api) -> None:
    account = await _account(api)
    texts = [json.dumps(account)]
    for path in ("accounts", f"accounts/{account['id']}", "audit"):
        texts.append((await api.admin.get(f"/api/{path}")).text)
    changed = await _patch(api, f"accounts/{account['id']}", 1, secret=SECRET + "2")
    texts.append(changed.text)
    assert changed.json()["secret_version"] == 2
    broken = await api.admin.post("/api/accounts", json={"name": 1, "secret": SECRET})
    assert broken.status_code == 422
    texts.append(broken.text)
    assert not [text for text in texts if SECRET in text]
    async with api.database.read() as session:
        stored = (await session.scalars(select(ServiceAccount.secret_encrypted))).one()
    assert SECRET not in stored
    assert api.app.state.vault.decrypt(stored) == SECRET + "2"


async def test_a_new_secret_may_log_on_again_after_a_refusal(api: Api) -> None:
    account = await _account(api)
    async with api.database.write() as session:
        row = await session.get_one(ServiceAccount, uuid.UUID(account["id"]))
        row.refused_version = 1
    changed = await _patch(api, f"accounts/{account['id']}", 1, secret="other")
    assert (changed.json()["secret_version"], changed.json()["refused_version"]) == (2, 0)


async def test_an_edit_needs_the_revision_that_was_read_and_bumps_it(api: Api) -> None:
    account = await _account(api)
    path = f"/api/accounts/{account['id']}"
    assert (await api.admin.get(path)).headers["etag"] == '"r1"'
    missing = await api.admin.patch(path, json={"name": "b"})
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_required")
    changed = await api.admin.patch(path, json={"name": "b"}, headers={"If-Match": '"r1"'})
    assert changed.headers["etag"] == '"r2"'
    stale = await api.admin.patch(path, json={"name": "c"}, headers={"If-Match": '"r1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "edit_conflict")
    assert (await api.admin.delete(path)).status_code == 428
    assert (await api.admin.delete(path, headers={"If-Match": '"r2"'})).status_code == 204


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("accounts", {"username": "x", "secret": "y"}),
        ("storage", {"path": "other"}),
        ("instruments", {"slug": "other", "protocol": "smb", "host": "h", "root": "s"}),
    ],
)
async def test_a_name_belongs_to_one(api: Api, resource: str, body: dict[str, Any]) -> None:
    await _account(api, "archive")
    await api.make_storage("archive")
    await _smb(api, name="archive")
    if "path" in body:
        body = {**body, "path": str(api.roots / body["path"])}
    answer = await api.admin.post(f"/api/{resource}", json={"name": "archive", **body})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


async def test_storage_gets_a_sentinel_and_an_archive_with_one_keeps_it(api: Api) -> None:
    made = await api.make_storage()
    sentinel = api.roots / "archive" / ".streamweave" / "sentinel.json"
    assert json.loads(sentinel.read_text()) == {"storage": made["sentinel"]}
    gone = await api.admin.delete(f"/api/storage/{made['id']}", headers={"If-Match": '"r1"'})
    assert gone.status_code == 204
    again = await api.make_storage()
    assert again["sentinel"] == made["sentinel"]


@pytest.mark.parametrize("place", ["", "../outside", "relative", "/etc", "DATA", "archive/inner"])
async def test_storage_lies_below_the_roots_outside_the_data_and_not_in_another(
    api: Api, place: str
) -> None:
    await api.make_storage("archive")
    path = str(api.roots / place) if place not in ("relative", "/etc") else place
    if place == "DATA":
        api.settings.local_roots = str(api.settings.data)
        path = str(api.settings.data / "x")
    answer = await api.admin.post("/api/storage", json={"name": "other", "path": path})
    assert answer.status_code in (409, 422)
    assert answer.json()["code"] in ("path_not_allowed", "in_use")
    assert not (api.settings.data / "x").exists()


async def test_a_link_out_of_the_roots_is_no_storage(api: Api, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (api.roots / "link").symlink_to(tmp_path / "elsewhere")
    answer = await api.admin.post(
        "/api/storage", json={"name": "x", "path": str(api.roots / "link")}
    )
    assert answer.json()["code"] == "path_not_allowed"


async def test_an_instrument_comes_with_policy_scan_state_and_slots(api: Api) -> None:
    storage = await api.make_storage()
    made = await api.make_instrument(
        connections=3, storage=[{"storage_location_id": storage["id"], "required": False}]
    )
    place = {
        "storage_location_id": storage["id"], "storage_name": "archive", "required": False,
        "template": None, "enough": None, "backfill_pending": False,
    }  # fmt: skip
    assert made["storage"] == [place]
    assert made["scan"]["files"] == 0
    key = uuid.UUID(made["id"])

    async def slots() -> list[int]:
        async with api.database.read() as session:
            query = select(Slot.number).where(Slot.instrument_id == key).order_by(Slot.number)
            return list(await session.scalars(query))

    assert await slots() == [1, 2, 3]
    await _patch(api, f"instruments/{key}", 1, connections=1)
    assert await slots() == [1]
    await _patch(api, f"instruments/{key}", 2, connections=2)
    assert await slots() == [1, 2]
    async with api.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ScanState)) == 1
    used = await api.admin.delete(f"/api/storage/{storage['id']}", headers={"If-Match": '"r1"'})
    assert (used.status_code, used.json()["code"]) == (409, "in_use")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"protocol": "smb", "root": "data"}, "/host"),
        ({"protocol": "smb", "host": "pc"}, "/root"),
        ({"protocol": "smb", "host": "pc", "root": "a/../b"}, "/root"),
        ({"protocol": "smb", "host": "pc", "root": "a\\b"}, "/root"),
        ({"protocol": "smb", "host": "pc", "root": "a", "options": {"pass": "x"}}, "/options"),
        ({"protocol": "smb", "host": "pc", "root": "a", "url": "http://x"}, "/url"),
        ({"protocol": "s3", "root": "bucket"}, "/url"),
        ({"protocol": "s3", "root": "b", "url": "http://u:p@x"}, "/url"),
        ({"protocol": "webdav", "url": "file:///etc"}, "/url"),
        ({"protocol": "sftp", "host": "h", "options": {"ssh": "cmd"}}, "/options"),
        ({"protocol": "local", "root": "/etc"}, "/root"),
        ({"protocol": "sftp", "host": "h", "zone": "moon"}, "/zone"),
    ],
)
async def test_a_source_needs_what_its_protocol_needs(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    answer = await api.admin.post("/api/instruments", json={"name": "x", "slug": "x", **body})
    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("change", "demanded"),
    [
        ({"host": "evil"}, True),
        ({"port": 4450}, True),
        ({"protocol": "sftp"}, True),
        ({"name": "other"}, False),
        ({"root": "data/sub"}, False),
        ({"host": "pc"}, False),
    ],
)
async def test_a_changed_address_demands_the_secret_again(
    api: Api, change: dict[str, Any], demanded: bool
) -> None:
    account = await _account(api)
    made = await _smb(api, service_account_id=account["id"])
    path = f"instruments/{made['id']}"
    without = await _patch(api, path, 1, **change)
    if not demanded:
        assert without.status_code == 200
        return
    assert (without.status_code, without.json()["code"]) == (422, "secret_required")
    wrong = await _patch(api, path, 1, **change, secret="guess")
    assert wrong.json()["code"] == "secret_required"
    right = await _patch(api, path, 1, **change, secret=SECRET)
    assert right.status_code == 200
    assert SECRET not in right.text
    async with api.database.read() as session:
        row = await session.get_one(Instrument, uuid.UUID(made["id"]))
        assert row.source_generation == 2


async def test_a_changed_rule_makes_all_directories_be_looked_at_again(api: Api) -> None:
    made = await api.make_instrument()
    await _patch(api, f"instruments/{made['id']}", 1, quiet_seconds=5)
    async with api.database.read() as session:
        row = await session.get_one(Instrument, uuid.UUID(made["id"]))
        assert (row.rules_generation, row.source_generation) == (2, 1)


async def test_a_changed_policy_keeps_the_folder_of_a_place_that_stays(api: Api) -> None:
    kept, dropped = await api.make_storage("kept"), await api.make_storage("dropped")
    policy = [{"storage_location_id": one["id"]} for one in (kept, dropped)]
    made = await api.make_instrument(storage=policy)
    async with api.database.write() as session:
        await session.execute(update(InstrumentStorage).values(prefix="old/folder"))
    added = await api.make_storage("added")
    wanted = [
        {"storage_location_id": kept["id"], "required": False},
        {"storage_location_id": added["id"], "required": True},
    ]
    answer = await _patch(api, f"instruments/{made['id']}", 1, storage=wanted)
    assert sorted((one["storage_name"], one["required"]) for one in answer.json()["storage"]) == [
        ("added", True),
        ("kept", False),
    ]
    async with api.database.read() as session:
        rows = await session.scalars(select(InstrumentStorage))
        prefixes = {str(one.storage_location_id): one.prefix for one in rows}
    assert prefixes == {kept["id"]: "old/folder", added["id"]: None}


async def test_pause_and_resume_are_idempotent_and_audited(api: Api) -> None:
    made = await api.make_instrument()
    for verb, paused in (("pause", True), ("pause", True), ("resume", False)):
        answer = await api.admin.post(f"/api/instruments/{made['id']}/{verb}")
        assert answer.json()["paused"] is paused
    events = (await api.admin.get("/api/audit", params={"instrument": made["id"]})).json()
    actions = [event["action"] for event in events["items"]]
    assert actions == ["instrument.resumed", "instrument.paused", "instrument.created"]


async def test_confirming_a_listing_lets_the_breaker_go(api: Api) -> None:
    made = await api.make_instrument()
    answer = await api.admin.post(f"/api/instruments/{made['id']}/confirm-listing")
    assert answer.json()["scan"]["listing_held_at"] is None
    async with api.database.read() as session:
        state = await session.get_one(ScanState, uuid.UUID(made["id"]))
        assert state.breaker_confirmed is True


async def test_an_instrument_with_files_is_not_deleted(api: Api) -> None:
    storage, empty = await api.make_storage(), await api.make_instrument("empty")
    full = await api.make_instrument("full")
    await api.make_file(full["id"], storage["id"], "a", state=CopyState.AVAILABLE)
    headers = {"If-Match": '"r1"'}
    refused = await api.admin.delete(f"/api/instruments/{full['id']}", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    gone = await api.admin.delete(f"/api/instruments/{empty['id']}", headers=headers)
    assert gone.status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "cron", "cron": "0 2 * *"}, "cron_invalid"),
        ({"kind": "cron", "cron": "0 0 30 2 *"}, "cron_invalid"),
        ({"kind": "cron", "cron": "a b c d e"}, "cron_invalid"),
        ({"kind": "cron"}, "cron_invalid"),
        ({"kind": "cron", "cron": "0 2 * * *", "time_zone": "Mars/Base"}, "time_zone_unknown"),
        ({"kind": "watch", "cron": "0 2 * * *"}, "invalid_request"),
    ],
)
async def test_a_schedule_that_never_runs_is_refused(
    api: Api, body: dict[str, Any], code: str
) -> None:
    made = await api.make_instrument()
    answer = await api.admin.post("/api/schedules", json={"instrument_id": made["id"], **body})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_cron_schedule_shows_its_next_five_times_in_its_zone(api: Api) -> None:
    made = await api.make_instrument()
    schedule = await api.make(
        "schedules",
        instrument_id=made["id"],
        kind="cron",
        cron="30 2 * * *",
        time_zone="Europe/Berlin",
    )
    assert len(schedule["next_times"]) == 5
    assert all("T02:30:00+0" in time for time in schedule["next_times"])
    off = await _patch(api, f"schedules/{schedule['id']}", 1, enabled=False)
    assert off.json()["next_times"] == []


async def test_quiet_hours_are_stored_as_the_engine_reads_them(api: Api) -> None:
    hours = {"from": "08:00", "to": "18:30", "time_zone": "Europe/Berlin"}
    made = await api.make_instrument(quiet_hours=hours)
    assert made["quiet_hours"] == hours
    wrong = await _patch(
        api, f"instruments/{made['id']}", 1, quiet_hours={**hours, "time_zone": "Mars/Base"}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "time_zone_unknown")
    off = await _patch(api, f"instruments/{made['id']}", 1, quiet_hours=None)
    assert off.json()["quiet_hours"] is None
