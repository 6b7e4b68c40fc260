"""One's own account, and what uses accounts and storage."""

from typing import Any

import httpx
from sqlalchemy import func, select

from app.models import AuditEvent
from tests.integration.api_fixtures import PASSWORD, Api

pytest_plugins = ("tests.integration.api_fixtures",)
NEW = "a new correct horse"


async def _change(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    tag = (await client.get("/api/users/me")).headers["etag"]
    return await client.patch("/api/users/me", json=body, headers={"If-Match": tag})


async def _user(api: Api) -> httpx.AsyncClient:
    _, token = await api.make_user("ada@lab.example")
    return await api.client(token)


async def test_preferences_are_kept_and_are_no_fact_for_the_trail(api: Api) -> None:
    client = await _user(api)
    assert (await client.get("/api/users/me")).json()["preferences"] == {
        "locale": None, "theme": None, "density": None, "columns": {},
    }  # fmt: skip
    liked = {"theme": "dark", "density": "compact", "columns": {"files": ["path", "size"]}}
    changed = await _change(client, preferences=liked)
    assert changed.status_code == 200, changed.text
    kept = (await client.get("/api/users/me")).json()["preferences"]
    assert {name: kept[name] for name in liked} == liked
    async with api.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(AuditEvent)) == 0
    refused: tuple[dict[str, Any], ...] = ({"theme": "pink"}, {"more": 1}, {"columns": {"a b": []}})
    for wrong in refused:
        assert (await _change(client, preferences=wrong)).status_code == 422


async def test_a_new_name_is_audited_and_needs_what_was_read(api: Api) -> None:
    client = await _user(api)
    assert (await _change(client, display_name="Ada")).json()["display_name"] == "Ada"
    stale = await client.patch(
        "/api/users/me", json={"display_name": "B"}, headers={"If-Match": '"r1"'}
    )
    assert stale.json()["code"] == "edit_conflict"
    unread = await client.patch("/api/users/me", json={"display_name": "B"})
    assert unread.json()["code"] == "if_match_required"
    for more in ({"is_superuser": True}, {"email": "x@lab.example"}, {"is_active": False}):
        assert (await _change(client, **more)).status_code == 422
    events = (await api.admin.get("/api/audit", params={"action": "user.changed"})).json()["items"]
    assert [event["details"]["fields"] for event in events] == [["display_name"]]


async def test_a_new_password_needs_the_present_one_and_ends_other_sessions(api: Api) -> None:
    client = await _user(api)
    signed_in = await api.anonymous.post(
        "/api/auth/token", data={"username": "ada@lab.example", "password": PASSWORD}
    )
    other = await api.client(signed_in.json()["access_token"])
    tokens = (await client.get("/api/tokens")).json()["items"]
    assert [one["current"] for one in tokens] == [False, True]
    for body in ({"password": NEW}, {"password": NEW, "current_password": "wrong horse"}):
        refused = await _change(client, **body)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/current_password"
    weak = await _change(client, password="aaaa", current_password=PASSWORD)
    assert weak.json()["errors"][0]["pointer"] == "/password"
    assert (await _change(client, password=NEW, current_password=PASSWORD)).status_code == 200
    assert (await client.get("/api/users/me")).status_code == 200
    assert (await other.get("/api/users/me")).status_code == 401
    form = {"username": "ada@lab.example", "password": NEW}
    assert (await api.anonymous.post("/api/auth/token", data=form)).status_code == 200


async def test_guessing_the_present_password_has_to_wait(api: Api) -> None:
    client = await _user(api)
    for _ in range(10):
        assert (await _change(client, password=NEW, current_password="guess")).status_code == 422
    waits = await _change(client, password=NEW, current_password="guess")
    assert (waits.status_code, waits.json()["code"]) == (429, "too_many_attempts")
    assert int(waits.headers["retry-after"]) > 0


async def test_nobody_changes_nothing(api: Api) -> None:
    assert (await api.anonymous.patch("/api/users/me", json={})).status_code == 401


async def test_accounts_and_storage_name_the_instruments_that_use_them(api: Api) -> None:
    storage = await api.make_storage()
    account = await api.make("accounts", name="a", username="u", secret="s3cret-s3cret")
    assert (storage["used_by"], account["used_by"]) == ([], [])
    made = await api.make_instrument(
        protocol="smb", host="h.example", root="share", service_account_id=account["id"],
        storage=[{"storage_location_id": storage["id"]}],
    )  # fmt: skip
    use = [{"id": made["id"], "name": "TEM-2"}]
    for path in ("accounts", "storage"):
        (listed,) = (await api.admin.get(f"/api/{path}")).json()["items"]
        one = (await api.admin.get(f"/api/{path}/{listed['id']}")).json()
        assert listed["used_by"] == one["used_by"] == use
        assert (await api.stranger.get(f"/api/{path}")).status_code == 403
