"""Signing in, CSRF, tokens, the first admin, accounts of people."""

import pytest

from app.auth.current import SESSION_COOKIE
from app.services.users import ensure_setup_code
from tests.integration.api_fixtures import PASSWORD, Api

pytest_plugins = ("tests.integration.api_fixtures",)


async def _login(api: Api) -> tuple[object, str]:
    client = await api.client()
    answer = await client.post(
        "/api/auth/login", data={"username": "ADMIN@lab.example", "password": PASSWORD}
    )
    assert answer.status_code == 204
    return client, answer.headers["set-cookie"]


async def test_the_session_cookie_is_http_only_and_opens_the_api(api: Api) -> None:
    client, cookie = await _login(api)
    assert SESSION_COOKIE in cookie
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    me = await client.get("/api/users/me")  # type: ignore[attr-defined]
    assert me.json()["email"] == "admin@lab.example"
    assert "hashed_password" not in me.text


async def test_a_cookie_alone_changes_nothing_but_with_the_csrf_header_it_does(api: Api) -> None:
    client = await api.client()
    await client.post(
        "/api/auth/login", data={"username": "admin@lab.example", "password": PASSWORD}
    )
    refused = await client.post("/api/tokens", json={"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert refused.headers["content-type"] == "application/problem+json"
    token = client.cookies["streamweave_csrf"]
    made = await client.post("/api/tokens", json={"name": "x"}, headers={"X-CSRF-Token": token})
    assert made.status_code == 201


async def test_logout_ends_the_session_at_once(api: Api) -> None:
    client = await api.client()
    await client.post(
        "/api/auth/login", data={"username": "admin@lab.example", "password": PASSWORD}
    )
    stolen = client.cookies[SESSION_COOKIE]
    out = await client.post(
        "/api/auth/logout", headers={"X-CSRF-Token": client.cookies["streamweave_csrf"]}
    )
    assert out.status_code == 204
    thief = await api.client()
    thief.cookies.set(SESSION_COOKIE, stolen)
    assert (await thief.get("/api/users/me")).status_code == 401


@pytest.mark.parametrize("username", ["admin@lab.example", "nobody@lab.example"])
async def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(
    api: Api, username: str
) -> None:
    answer = await api.anonymous.post(
        "/api/auth/login", data={"username": username, "password": "wrong"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "sign_in_refused")


async def test_a_program_signs_in_with_a_bearer_token_and_revokes_it(api: Api) -> None:
    answer = await api.anonymous.post(
        "/api/auth/token", data={"username": "admin@lab.example", "password": PASSWORD}
    )
    token = answer.json()["access_token"]
    program = await api.client(token)
    assert (await program.get("/api/users/me")).status_code == 200
    assert (await program.post("/api/auth/logout")).status_code == 204
    assert (await program.get("/api/users/me")).status_code == 401


async def test_the_value_of_a_token_is_shown_once_and_only_its_hash_is_kept(api: Api) -> None:
    made = await api.admin.post("/api/tokens", json={"name": "nightly"})
    value = made.json()["value"]
    listed = await api.admin.get("/api/tokens")
    assert value not in listed.text
    assert "nightly" in listed.text
    program = await api.client(value)
    assert (await program.get("/api/users/me")).status_code == 200
    gone = await api.admin.delete(f"/api/tokens/{made.json()['id']}")
    assert gone.status_code == 204
    assert (await program.get("/api/users/me")).status_code == 401


async def test_an_expired_token_opens_nothing(api: Api) -> None:
    made = await api.admin.post(
        "/api/tokens", json={"name": "old", "expires_at": "2020-01-01T00:00:00Z"}
    )
    program = await api.client(made.json()["value"])
    assert (await program.get("/api/users/me")).status_code == 401


async def test_nobody_revokes_the_token_of_another(api: Api) -> None:
    made = await api.admin.post("/api/tokens", json={"name": "mine"})
    answer = await api.stranger.delete(f"/api/tokens/{made.json()['id']}")
    assert answer.status_code == 404


async def test_no_setup_code_is_made_while_there_is_an_admin(api: Api) -> None:
    assert await ensure_setup_code(api.database) is None
    assert (await api.anonymous.get("/api/setup")).json() == {"needed": False}


async def test_only_the_newest_setup_code_makes_the_first_admin_and_only_once(api: Api) -> None:
    async with api.database.write() as session:
        from sqlalchemy import delete

        from app.models import User

        await session.execute(delete(User))
    assert (await api.anonymous.get("/api/setup")).json() == {"needed": True}
    old = await ensure_setup_code(api.database)
    code = await ensure_setup_code(api.database)
    body = {"email": "first@lab.example", "password": PASSWORD}
    for wrong in (old, "AAAA-AAAA-AAAA-AAAA"):
        refused = await api.anonymous.post("/api/setup", json={**body, "code": wrong})
        assert (refused.status_code, refused.json()["code"]) == (403, "setup_code_invalid")
    made = await api.anonymous.post("/api/setup", json={**body, "code": code})
    assert made.status_code == 201
    assert made.json()["is_superuser"] is True
    again = await api.anonymous.post(
        "/api/setup", json={"email": "b@lab.example", "password": PASSWORD, "code": code}
    )
    assert again.status_code == 403


async def test_a_weak_password_is_refused_and_not_repeated_in_the_answer(api: Api) -> None:
    answer = await api.admin.post(
        "/api/users", json={"email": "eve@lab.example", "password": "hunter2"}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/password"
    assert "hunter2" not in answer.text


async def test_a_deactivated_person_is_signed_out_everywhere(api: Api) -> None:
    user, token = await api.make_user("ada@lab.example")
    client = await api.client(token)
    read = await api.admin.get(f"/api/users/{user.id}")
    changed = await api.admin.patch(
        f"/api/users/{user.id}",
        json={"is_active": False},
        headers={"If-Match": read.headers["etag"]},
    )
    assert changed.json()["is_active"] is False
    assert (await client.get("/api/users/me")).status_code == 401
    stale = await api.admin.patch(
        f"/api/users/{user.id}",
        json={"is_active": True},
        headers={"If-Match": read.headers["etag"]},
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "edit_conflict")


async def test_the_last_admin_cannot_be_demoted(api: Api) -> None:
    me = await api.admin.get("/api/users/me")
    answer = await api.admin.patch(
        f"/api/users/{me.json()['id']}",
        json={"is_superuser": False},
        headers={"If-Match": me.headers["etag"]},
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")


async def test_one_e_mail_address_has_one_account_whatever_its_case(api: Api) -> None:
    answer = await api.admin.post(
        "/api/users", json={"email": "STRANGER@lab.example", "password": PASSWORD}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
