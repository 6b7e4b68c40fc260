"""Signing in: off the event loop, bounded, in equal time, and in the audit trail."""

import threading
from typing import Any

import pytest
from fastapi_users.password import PasswordHelper

from app.auth.accounts import DECOY
from tests.integration.api_fixtures import PASSWORD, Api

pytest_plugins = ("tests.integration.api_fixtures",)

ADMIN = "admin@lab.example"


async def _sign_in(api: Api, username: str, password: str = "wrong", **headers: str) -> Any:
    return await api.anonymous.post(
        "/api/auth/token", data={"username": username, "password": password}, headers=headers
    )


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads in which a password was verified or hashed."""
    threads: list[threading.Thread] = []
    for name in ("verify_and_update", "hash"):
        real = getattr(PasswordHelper, name)

        def noted(self: Any, *arguments: Any, _real: Any = real) -> Any:
            threads.append(threading.current_thread())
            return _real(self, *arguments)

        monkeypatch.setattr(PasswordHelper, name, noted)
    return threads


async def test_no_password_is_hashed_on_the_event_loop(
    api: Api, verified: list[threading.Thread]
) -> None:
    assert (await _sign_in(api, ADMIN, PASSWORD)).status_code == 200
    await _sign_in(api, ADMIN)
    await _sign_in(api, "nobody@lab.example")
    body = {"email": "new@lab.example", "password": PASSWORD}
    made = await api.make("users", **body)
    path = f"/api/users/{made['id']}"
    tag = {"If-Match": (await api.admin.get(path)).headers["etag"]}
    changed = await api.admin.patch(path, json={"password": PASSWORD + "2"}, headers=tag)
    assert changed.status_code == 200
    assert len(verified) >= 5
    assert threading.main_thread() not in verified


@pytest.mark.parametrize("password", ["wrong", PASSWORD])
async def test_unknown_and_inactive_people_cost_what_a_wrong_password_costs(
    api: Api, verified: list[threading.Thread], password: str
) -> None:
    user, _ = await api.make_user("gone@lab.example")
    tag = {"If-Match": (await api.admin.get(f"/api/users/{user.id}")).headers["etag"]}
    await api.admin.patch(f"/api/users/{user.id}", json={"is_active": False}, headers=tag)
    answers, costs = [], []
    for username, given in (
        (ADMIN, "wrong"), ("nobody@lab.example", password), ("gone@lab.example", password),
    ):  # fmt: skip
        verified.clear()
        answer = await _sign_in(api, username, given)
        answers.append({**answer.json(), "request_id": ""})
        costs.append(len(verified))
    assert costs == [1, 1, 1]
    assert answers[0]["code"] == "sign_in_refused"
    assert answers[0] == answers[1] == answers[2]


async def test_guessing_one_persons_password_is_bounded(api: Api) -> None:
    codes = [(await _sign_in(api, ADMIN)).status_code for _ in range(10)]
    assert codes == [400] * 10
    for username in (ADMIN, ADMIN.upper()):
        answer = await _sign_in(api, username, PASSWORD)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (429, "too_many_attempts"), answer.text
        assert 0 < int(answer.headers["retry-after"]) <= 300
        assert answer.headers["content-type"] == "application/problem+json"
    login = await api.anonymous.post(
        "/api/auth/login", data={"username": ADMIN, "password": PASSWORD}
    )
    assert login.status_code == 429
    assert (await _sign_in(api, "stranger@lab.example", PASSWORD)).status_code == 200
    assert (await api.admin.get("/api/users/me")).status_code == 200


async def test_one_client_that_tries_many_addresses_is_bounded(api: Api) -> None:
    codes = [(await _sign_in(api, f"{n}@lab.example")).status_code for n in range(31)]
    assert codes == [400] * 30 + [429]


async def test_signing_in_rightly_is_never_too_often(api: Api) -> None:
    codes = {(await _sign_in(api, ADMIN, PASSWORD)).status_code for _ in range(12)}
    assert codes == {200}


async def test_signing_in_and_being_refused_are_audited_without_an_address(api: Api) -> None:
    await _sign_in(api, ADMIN, PASSWORD)
    page = await api.client()
    await page.post("/api/auth/login", data={"username": ADMIN, "password": PASSWORD})
    await _sign_in(api, ADMIN)
    await _sign_in(api, "nobody@lab.example")
    me = (await api.admin.get("/api/users/me")).json()["id"]
    answer = await api.admin.get("/api/audit")
    events = [(one["action"], one["actor"], one["subject"]) for one in answer.json()["items"]]
    assert events == [
        ("sign_in.refused", "anonymous", "user:unknown"),
        ("sign_in.refused", "anonymous", f"user:{me}"),
        ("sign_in.done", f"user:{me}", f"user:{me}"),
        ("sign_in.done", f"user:{me}", f"user:{me}"),
    ]
    assert "@" not in answer.text
    assert PASSWORD not in answer.text
    assert (await api.stranger.get("/api/audit")).json()["items"] == []


async def test_the_decoy_costs_what_a_stored_hash_costs() -> None:
    made = PasswordHelper().hash("x")
    assert [len(part) for part in DECOY.split("$")] == [len(part) for part in made.split("$")]
    assert DECOY.split("$")[:4] == made.split("$")[:4]
    assert PasswordHelper().verify_and_update("x", DECOY) == (False, None)
