"""Every route asks who is calling; nobody learns of what they may not see."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from app.main import create_app
from app.models import CopyState
from tests.integration.api_fixtures import Api, api_settings

pytest_plugins = ("tests.integration.api_fixtures",)

PUBLIC = {"getHealth", "getSetup", "createFirstAdmin", "login", "createBearerToken"}
# What everybody who is signed in may call; ids of others' things are 404 there.
FOR_ALL = {
    "getMe", "logout", "listTokens", "createToken", "deleteToken", "listInstruments",
    "getInstrument", "harvestNow", "getProgress", "listSchedules", "getSchedule", "listRuns",
    "getRun", "listFiles", "getFile", "listFileVersions", "explain", "listTransfers",
    "getTransfer", "listAudit", "streamEvents",
    "countFiles", "previewSchedule", "getFileStory", "getLive", "getOverview", "countTransfers",
    "changeMe", "listCauses", "exportFiles", "exportTransfers", "exportAudit", "downloadFile",
    "downloadFiles", "listInstrumentHooks", "downloadSdk", "measureFiles",
    "getFileMetadata", "changeFileMetadata", "getFilePreview",
}  # fmt: skip


def _operations() -> list[tuple[str, str, str]]:
    nowhere = Path("/nonexistent")
    document = create_app(api_settings(nowhere, None, nowhere), background=False).openapi()
    return [
        (operation["operationId"], method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS = _operations()
IDS = [name for name, _, _ in OPERATIONS]


async def _call(client: Any, method: str, path: str) -> Any:
    parts = [str(uuid.uuid4()) if part.startswith("{") else part for part in path.split("/")]
    body: dict[str, Any] | None = {} if method in ("post", "put", "patch") else None
    headers = {"If-Match": '"r1"'}
    query = {"instrument": str(uuid.uuid4()), "path": "x"} if "explain" in path else None
    return await client.request(method, "/".join(parts), json=body, headers=headers, params=query)


async def test_every_route_but_the_public_ones_refuses_the_anonymous(api: Api) -> None:
    for name, method, path in OPERATIONS:
        if name in PUBLIC:
            continue
        answer = await _call(api.anonymous, method, path)
        assert (name, answer.status_code) == (name, 401)
        assert answer.json()["code"] == "not_signed_in"


async def test_every_admin_route_refuses_the_stranger(api: Api) -> None:
    for name, method, path in OPERATIONS:
        if name in PUBLIC | FOR_ALL:
            continue
        answer = await _call(api.stranger, method, path)
        assert (name, answer.status_code) == (name, 403)
        assert answer.json()["code"] == "not_allowed"


async def test_a_stranger_gets_not_found_for_what_exists_and_empty_lists(
    api: Api, orchestration: list[uuid.UUID]
) -> None:
    storage = await api.make_storage()
    instrument = await api.make_instrument()
    schedule = await api.make("schedules", instrument_id=instrument["id"], kind="watch")
    file_id, copy_id = await api.make_file(
        instrument["id"], storage["id"], "a/b.raw", state=CopyState.AVAILABLE
    )
    for path in (
        f"instruments/{instrument['id']}",
        f"instruments/{instrument['id']}/progress",
        f"schedules/{schedule['id']}",
        f"files/{file_id}",
        f"files/{file_id}/versions",
        f"transfers/{copy_id}",
        f"explain?instrument={instrument['id']}&path=a/b.raw",
    ):
        answer = await api.stranger.get(f"/api/{path}")
        assert (path, answer.status_code) == (path, 404)
    harvest = await api.stranger.post(f"/api/instruments/{instrument['id']}/harvest")
    assert harvest.status_code == 404
    assert orchestration == []
    for path in ("instruments", "schedules", "runs", "files", "transfers", "audit"):
        answer = await api.stranger.get(f"/api/{path}")
        assert (path, answer.status_code, answer.json()["items"]) == (path, 200, [])


async def test_an_assigned_user_sees_the_instrument_but_not_how_it_is_reached(api: Api) -> None:
    storage = await api.make_storage()
    instrument = await api.make_instrument()
    await api.make_file(instrument["id"], storage["id"], "a.raw", state=CopyState.AVAILABLE)
    user, token = await api.make_user("ada@lab.example")
    client = await api.client(token)
    granted = await api.admin.put(f"/api/instruments/{instrument['id']}/users/{user.id}")
    assert granted.status_code == 200
    read = (await client.get(f"/api/instruments/{instrument['id']}")).json()
    assert read["name"] == "TEM-2"
    assert read["root"] is None
    assert read["options"] is None
    assert [one["path"] for one in (await client.get("/api/files")).json()["items"]] == ["a.raw"]
    assert (await client.get("/api/audit")).json()["items"]
    revoked = await api.admin.delete(f"/api/instruments/{instrument['id']}/users/{user.id}")
    assert revoked.status_code == 204
    assert (await client.get(f"/api/instruments/{instrument['id']}")).status_code == 404


@pytest.mark.parametrize("name", sorted(PUBLIC | FOR_ALL))
def test_the_lists_of_this_test_name_real_routes(name: str) -> None:
    assert name in IDS
