"""Choosing a mover by the API: what is installed, what is refused and why, what a check says."""

import asyncio
import uuid
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from app.clock import utcnow
from app.models import Worker, new_id
from app.services.movers import MoverOpener
from app.worker.checks import Checker
from app.worker.daemon import Daemon
from app.worker.storage_checks import StorageChecker
from tests.integration.api_fixtures import Api
from tests.integration.engine_fixtures import opener_for
from tests.integration.fake_globus import CLIENT_ID, SECRET, FakeGlobus, globus_service

pytest_plugins = ("tests.integration.api_fixtures",)
__all__ = ["globus_service"]


@pytest.fixture
def admin(api: Api) -> httpx.AsyncClient:
    """An admin's client."""
    return api.admin


async def _account(admin: httpx.AsyncClient) -> str:
    body = {"name": "globus", "username": CLIENT_ID, "secret": SECRET}
    return str((await admin.post("/api/accounts", json=body)).raise_for_status().json()["id"])


def _globus(api: Api, globus_service: FakeGlobus, account: str, **more: Any) -> dict[str, Any]:
    source, landing = api.roots / "far", api.roots / "landing"
    for folder in (source, landing):
        folder.mkdir(exist_ok=True)
    return {
        "name": "Beamline 7",
        "slug": "beamline-7",
        "protocol": "globus",
        "root": "/",
        "service_account_id": account,
        "mover_options": {
            "source_collection": globus_service.collection(source),
            "landing_collection": globus_service.collection(landing),
            "landing_path": str(landing),
            "poll_seconds": 0.1,
        },
    } | more


async def test_the_movers_that_are_here_with_the_schemas_of_their_settings(
    api: Api, admin: httpx.AsyncClient
) -> None:
    listed = (await admin.get("/api/movers")).raise_for_status().json()
    movers = {one["name"]: one for one in listed["items"]}
    assert {"rclone", "local", "globus"} <= movers.keys()
    assert movers["globus"]["default_for"] == ["globus"]
    assert "landing_path" in movers["globus"]["options_schema"]["properties"]
    assert movers["rclone"]["protocols"] == ["s3", "sftp", "smb", "webdav"]
    _, token = await api.make_user("ada@lab.example")
    assert (await (await api.client(token)).get("/api/movers")).status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"mover": "pigeon"}, "/mover", "pigeon"),
        ({"mover": "rclone"}, "/mover", "rclone serves s3, sftp, smb, webdav, not globus."),
        ({"mover": "local", "mover_options": {}}, "/mover", "direct reading serves local"),
        ({"mover_options": {}}, "/mover_options", "source_collection"),
        ({"protocol": "adapter"}, "/mover", "adapter needs 'mover'"),
        ({"service_account_id": None}, "/service_account_id", "needs"),
    ],
)
async def test_a_mover_that_cannot_reach_the_source_is_refused_when_saved(
    api: Api,
    admin: httpx.AsyncClient,
    globus_service: FakeGlobus,
    change: dict[str, Any],
    pointer: str,
    said: str,
) -> None:
    body = _globus(api, globus_service, await _account(admin)) | change
    answer = await admin.post("/api/instruments", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


async def test_a_landing_path_stays_below_the_allowed_roots(
    api: Api, admin: httpx.AsyncClient, globus_service: FakeGlobus
) -> None:
    body = _globus(api, globus_service, await _account(admin))
    body["mover_options"]["landing_path"] = "/etc"
    answer = await admin.post("/api/instruments", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/mover_options/landing_path"


async def test_another_mover_needs_the_secret_again(
    api: Api, admin: httpx.AsyncClient, globus_service: FakeGlobus
) -> None:
    """A mover sends the secret wherever its settings say."""
    body = _globus(api, globus_service, await _account(admin))
    made = (await admin.post("/api/instruments", json=body)).raise_for_status()
    path = f"/api/instruments/{made.json()['id']}"
    options = body["mover_options"] | {"landing_collection": str(uuid.uuid4())}
    headers = {"If-Match": made.headers["etag"]}
    refused = await admin.patch(path, json={"mover_options": options}, headers=headers)
    assert refused.json()["errors"][0]["pointer"] == "/secret"
    change = {"mover_options": options, "secret": SECRET}
    assert (await admin.patch(path, json=change, headers=headers)).status_code == 200


async def test_a_draft_is_checked_and_looked_into_by_its_mover(
    api: Api, admin: httpx.AsyncClient, globus_service: FakeGlobus
) -> None:
    body = _globus(api, globus_service, await _account(admin))
    source = {name: body[name] for name in body if name not in ("name", "slug")}
    (api.roots / "far" / "2026").mkdir()
    (api.roots / "far" / "2026" / "scan.h5").write_bytes(b"content")
    source["secret"] = SECRET  # nothing that is saved confirms the address
    good = await _asked(api, admin.post("/api/instruments/check", json=source))
    assert good["ok"] and [one["name"] for one in good["entries"]] == ["2026"]
    folder = await _asked(
        api, admin.post("/api/instruments/browse", json=source | {"path": "2026"})
    )
    assert [one["name"] for one in folder["entries"]] == ["scan.h5"]
    globus_service.refused["/ls"] = (403, {"code": "ConsentRequired", "required_scopes": ["x"]})
    bad = await _asked(api, admin.post("/api/instruments/check", json=source))
    assert (bad["ok"], bad["code"]) == (False, "globus_consent_required")
    assert bad["remedy"]


async def _asked(api: Api, request: Any) -> dict[str, Any]:
    """Ask while a worker answers."""
    async with api.database.write() as session:
        session.add(
            Worker(id=new_id(), name=new_id().hex, zone="main", until_ms=10**15, seen_at=utcnow())
        )
    storages = StorageChecker(api.database, opener_for(api.database, api.settings))
    movers = MoverOpener(api.database, api.settings, api.app.state.vault)
    checker = Checker(api.database, movers, cast(Daemon, None), "w", storages)

    async def answer() -> None:
        while not await checker.answer_next(["main"]):  # noqa: ASYNC110  the row is the API's
            await asyncio.sleep(0.02)

    answering = asyncio.create_task(answer())
    try:
        found = (await request).raise_for_status().json()
    finally:
        answering.cancel()
    assert not list(Path(api.settings.data / "landing").glob("*"))  # nothing is left of it
    return dict(found)
