"""The wizard looks around on a source before it is saved: one folder, and its newest files."""

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from app.clock import utcnow
from app.database import lease_clock_ms
from app.models import Worker, new_id
from app.services.movers import MoverOpener
from app.services.previews import Rules, judge
from app.worker import browsing
from app.worker.checks import Checker
from app.worker.daemon import Daemon
from app.worker.storage_checks import StorageChecker
from tests.integration.api_fixtures import Api
from tests.integration.engine_fixtures import opener_for

pytest_plugins = ("tests.integration.api_fixtures",)
NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


@contextlib.asynccontextmanager
async def _worker(api: Api) -> AsyncIterator[None]:
    """A worker of the zone that answers what is asked."""
    async with api.database.write() as session:
        until = await lease_clock_ms(session) + 60_000
        session.add(Worker(id=new_id(), name="w", zone="main", until_ms=until, seen_at=utcnow()))
    storages = StorageChecker(api.database, opener_for(api.database, api.app.state.settings))
    movers = MoverOpener(api.database, api.app.state.settings, api.app.state.vault)
    checker = Checker(api.database, movers, cast(Daemon, None), "w", storages)

    async def answer() -> None:
        while True:
            if not await checker.answer_next(["main"]):
                await asyncio.sleep(0.02)

    task = asyncio.create_task(answer())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _share(api: Api) -> Path:
    share = api.roots / "share"
    for name, age in (("2025/old.raw", 90_000), ("2026/new.raw", 5), ("2026/a/deep.raw", 600)):
        path = share / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        then = time.time() - age
        os.utime(path, (then, then))
    (share / "readme.txt").write_text("x")
    (share / ".streamweave-x").write_text("x")
    return share


def _draft(share: Path, **more: Any) -> dict[str, Any]:
    return {"protocol": "local", "root": str(share), **more}


async def test_a_folder_of_a_draft_is_listed_folders_first(api: Api) -> None:
    share = _share(api)
    async with _worker(api):
        root = (await api.admin.post("/api/instruments/browse", json=_draft(share))).json()
        below = (
            await api.admin.post("/api/instruments/browse", json=_draft(share, path="2026/"))
        ).json()
        missing = (
            await api.admin.post("/api/instruments/browse", json=_draft(share, path="gone"))
        ).json()
    assert [one["name"] for one in root["entries"]] == [
        "2025", "2026", ".streamweave-x", "readme.txt",
    ]  # fmt: skip
    assert (root["total"], root["truncated"]) == (4, False)
    assert root["entries"][2]["error_code"] == "source_name_reserved"
    assert [(e["name"], e["directory"]) for e in below["entries"]] == [
        ("a", True),
        ("new.raw", False),
    ]
    assert below["entries"][1]["size_bytes"] == 5 and below["entries"][1]["modified_at"]
    assert (missing["ok"], missing["code"]) == (False, "source_folder_missing")
    assert missing["remedy"]


async def test_a_large_folder_is_cut(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "SHOWN", 2)
    instrument = await api.make_instrument(root=str(_share(api)))
    async with _worker(api):
        answer = await api.admin.post(f"/api/instruments/{instrument['id']}/browse", json={})
    found = answer.json()
    assert ([one["name"] for one in found["entries"]], found["total"], found["truncated"]) == (
        ["2025", "2026"], 4, True,
    )  # fmt: skip


@pytest.mark.parametrize("path", ["..", "a/../../b", "./x"])
async def test_nobody_leaves_the_root(api: Api, path: str) -> None:
    answer = await api.admin.post("/api/instruments/browse", json=_draft(_share(api), path=path))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/path")


async def test_real_files_are_judged_and_told_where_they_would_go(api: Api) -> None:
    share, storage = _share(api), await api.make_storage()
    more = {
        "slug": "tem-2",
        "quiet_seconds": 120,
        "storage": [{"storage_location_id": storage["id"]}],
    }
    async with _worker(api):
        found = (
            await api.admin.post("/api/instruments/preview", json=_draft(share, **more))
        ).json()
        instrument = await api.make_instrument(
            root=str(share), quiet_seconds=1, storage=[{"storage_location_id": storage["id"]}]
        )
        saved = (await api.admin.post(f"/api/instruments/{instrument['id']}/preview")).json()
    files = {one["path"]: one for one in found["files"]}
    assert [one["path"] for one in found["files"]] == [
        "readme.txt", "2026/new.raw", "2026/a/deep.raw", "2025/old.raw",
    ]  # fmt: skip
    assert {path: one["verdict"] for path, one in files.items()} == {
        "readme.txt": "settling", "2026/new.raw": "settling", "2026/a/deep.raw": "settled",
        "2025/old.raw": "settled",
    }  # fmt: skip
    assert files["2025/old.raw"]["destinations"] == [
        {
            "storage_location_id": storage["id"],
            "storage_name": "archive",
            "path": f"{storage['path']}/tem-2/2025/old.raw",
            "problem": None,
        }
    ]
    assert (found["total"], found["truncated"]) == (4, False)
    assert {one["path"] for one in saved["files"] if one["verdict"] == "settled"} >= {
        "2026/new.raw"
    }
    unknown = _draft(share, **{**more, "storage": [{"storage_location_id": str(uuid.uuid4())}]})
    refused = await api.admin.post("/api/instruments/preview", json=unknown)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/storage")


async def test_templates_say_where_files_would_go_and_which_names_would_meet(api: Api) -> None:
    share, storage = _share(api), await api.make_storage()
    (share / "2026" / "old.raw").write_bytes(b"the same name")
    place = {"storage_location_id": storage["id"], "template": "{instrument}/{name}"}
    more = {"slug": "tem-2", "quiet_seconds": 120}
    async with _worker(api):
        found = (
            await api.admin.post(
                "/api/instruments/preview", json=_draft(share, **more, storage=[place])
            )
        ).json()
        wrong = place | {"template": "{secret}"}
        refused = await api.admin.post(
            "/api/instruments/preview", json=_draft(share, **more, storage=[wrong])
        )
    aimed = {one["path"]: one["destinations"][0] for one in found["files"]}
    assert aimed["readme.txt"]["path"] == f"{storage['path']}/tem-2/readme.txt"
    assert aimed["readme.txt"]["problem"] is None
    meeting = [aimed[path]["problem"] for path in ("2025/old.raw", "2026/old.raw")]
    assert meeting.count(None) == 1
    assert any(problem and "would have the same name there" in problem for problem in meeting)
    assert (refused.status_code, refused.json()["code"]) == (422, "template_invalid")


def test_one_look_says_what_it_can() -> None:
    rules = Rules("tem", 120, NOW - timedelta(days=10))

    def of(age: timedelta) -> tuple[str, str]:
        mtime_ns = int((NOW - age).timestamp()) * 10**9
        return judge(mtime_ns, rules, NOW)[:2]

    assert of(timedelta(hours=3)) == (
        "settled", "Complete: last change 3 h ago, more than 120 s without change.",
    )  # fmt: skip
    verdict, sentence = of(timedelta(seconds=40))
    assert verdict == "settling"
    assert sentence.endswith("last change 40 s ago, complete after 120 s without change.")
    assert of(timedelta(days=-1))[0] == "settling"
    assert of(timedelta(days=11)) == ("skipped", "Left out: older than 2026-05-10.")
    assert judge(10**30, rules, NOW)[0] == "settling"


async def test_a_look_around_is_an_admin_s(api: Api) -> None:
    share = _share(api)
    instrument = await api.make_instrument(root=str(share))
    user, token = await api.make_user("ada@lab.example")
    await api.admin.put(f"/api/instruments/{instrument['id']}/users/{user.id}")
    granted = await api.client(token)
    for path, body in (
        ("browse", _draft(share)),
        ("preview", _draft(share, slug="a")),
        (f"{instrument['id']}/browse", {}),
        (f"{instrument['id']}/preview", None),
    ):
        for client, status in ((api.anonymous, 401), (api.stranger, 403), (granted, 403)):
            answer = await client.post(f"/api/instruments/{path}", json=body)
            assert (path, answer.status_code) == (path, status)


async def test_without_a_worker_a_look_says_so_at_once(api: Api) -> None:
    answer = await api.admin.post("/api/instruments/browse", json=_draft(_share(api)))
    assert (answer.status_code, answer.json()["code"]) == (409, "zone_not_served")
