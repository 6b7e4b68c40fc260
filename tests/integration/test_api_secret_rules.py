"""A stored secret is never sent to an address that its owner did not confirm."""

import uuid
from typing import Any

import pytest
from sqlalchemy import update

from app.models import ServiceAccount
from app.services import checks
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)

SECRET = "s3cr3t-of-the-lab"
PC: dict[str, Any] = {"protocol": "smb", "host": "pc", "root": "data"}
EVIL: dict[str, Any] = {"protocol": "smb", "host": "evil", "root": "data"}
S3: dict[str, Any] = {"protocol": "s3", "url": "https://s3.lab.example", "root": "bucket"}


async def _account(api: Api, *, proven: bool = False) -> str:
    made = await api.make("accounts", name="reader", username="svc", secret=SECRET)
    if proven:
        async with api.database.write() as session:
            await session.execute(update(ServiceAccount).values(proven_version=1))
    return str(made["id"])


async def _create(api: Api, slug: str, account: str | None, **source: Any) -> Any:
    body = {"name": slug, "slug": slug, "service_account_id": account, **source}
    return await api.admin.post("/api/instruments", json=body)


async def _change(api: Api, instrument: str, **body: Any) -> Any:
    path = f"/api/instruments/{instrument}"
    tag = (await api.admin.get(path)).headers["etag"]
    return await api.admin.patch(path, json=body, headers={"If-Match": tag})


def _refused(answer: Any) -> bool:
    if answer.status_code < 400:
        return False
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "secret_required"), answer.text
    assert [one["pointer"] for one in problem["errors"]] == ["/secret"]
    assert SECRET not in answer.text
    return True


async def test_a_fresh_account_needs_its_secret_for_a_second_address_only(api: Api) -> None:
    account = await _account(api)
    assert (await _create(api, "first", account, **PC)).status_code == 201
    assert (await _create(api, "same", account, **PC)).status_code == 201
    assert (await _create(api, "sub", account, **{**PC, "root": "data/sub"})).status_code == 201
    assert _refused(await _create(api, "other", account, **EVIL))
    assert _refused(await _create(api, "other", account, **EVIL, secret="guess"))
    made = await _create(api, "other", account, **EVIL, secret=SECRET)
    assert made.status_code == 201
    assert SECRET not in made.text
    assert SECRET not in (await api.admin.get("/api/audit")).text
    assert (await _create(api, "again", account, **EVIL)).status_code == 201


@pytest.mark.parametrize(
    ("known", "change"),
    [
        (PC, {"host": "evil"}),
        (PC, {"port": 4450}),
        (PC, {"protocol": "sftp"}),
        (PC, {"options": {"domain": "EVIL"}}),
        (S3, {"url": "http://s3.lab.example"}),
        (S3, {"options": {"force_path_style": False}}),
        ({"protocol": "sftp", "host": "pc", "host_key": "ssh-ed25519 A"}, {"host_key": None}),
        ({"protocol": "webdav", "url": "https://dav"}, {"options": {"vendor": "sharepoint"}}),
    ],
)
async def test_each_part_of_an_address_counts(
    api: Api, known: dict[str, Any], change: dict[str, Any]
) -> None:
    account = await _account(api)
    made = await _create(api, "one", account, **known)
    assert made.status_code == 201, made.text
    assert _refused(await _create(api, "two", account, **{**known, **change}))
    assert _refused(await _change(api, made.json()["id"], **change))
    assert (await _change(api, made.json()["id"], **change, secret=SECRET)).status_code == 200


@pytest.mark.parametrize("proven", [True, False])
async def test_unlinking_moving_and_linking_again_is_no_way_around(api: Api, proven: bool) -> None:
    account = await _account(api, proven=proven)
    first = await _create(api, "one", account, **PC, **({"secret": SECRET} if proven else {}))
    one = first.json()["id"]
    assert (await _change(api, one, service_account_id=None)).status_code == 200
    assert (await _change(api, one, host="evil")).status_code == 200
    assert _refused(await _change(api, one, service_account_id=account))
    assert _refused(await _change(api, one, service_account_id=account, secret="guess"))
    back = await _change(api, one, service_account_id=account, host="pc", secret=SECRET)
    assert back.status_code == 200


@pytest.mark.parametrize("proven", [True, False])
async def test_deleting_the_instrument_is_no_way_around(api: Api, proven: bool) -> None:
    account = await _account(api, proven=proven)
    made = await _create(api, "one", account, **PC, secret=SECRET)
    tag = {"If-Match": made.headers["etag"]}
    gone = await api.admin.delete(f"/api/instruments/{made.json()['id']}", headers=tag)
    assert gone.status_code == 204
    assert _refused(await _create(api, "two", account, **EVIL))


async def test_another_account_at_a_known_address_needs_its_own_secret(api: Api) -> None:
    account = await _account(api)
    other = await api.make("accounts", name="other", username="x", secret="of the other")
    await _create(api, "elsewhere", other["id"], **EVIL)
    one = (await _create(api, "one", account, **PC)).json()["id"]
    assert _refused(await _change(api, one, service_account_id=other["id"]))
    assert _refused(await _change(api, one, service_account_id=other["id"], secret=SECRET))
    linked = await _change(api, one, service_account_id=other["id"], secret="of the other")
    assert linked.status_code == 200


async def test_a_draft_is_tested_only_where_the_secret_may_go(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    async def _ask(*arguments: Any) -> dict[str, Any]:
        asked.append(dict(arguments[-1]))
        return {"ok": True}

    monkeypatch.setattr(checks, "_ask", _ask)
    account = await _account(api)

    async def draft(**body: Any) -> Any:
        values = {"service_account_id": account, **body}
        return await api.admin.post("/api/instruments/check", json=values)

    assert (await draft(**PC)).status_code == 200  # an account that was never used
    await _create(api, "one", account, **PC)
    assert (await draft(**PC)).status_code == 200
    assert _refused(await draft(**EVIL))
    assert _refused(await draft(**EVIL, secret="guess"))
    assert (await draft(**EVIL, secret=SECRET)).status_code == 200
    assert (await draft(**{**EVIL, "service_account_id": None})).status_code == 200
    assert len(asked) == 4
    assert not [one for one in asked if "secret" in one or SECRET in str(one)]


async def test_a_source_without_an_account_needs_no_secret(api: Api) -> None:
    one = (await _create(api, "one", None, **PC)).json()["id"]
    assert (await _change(api, one, host="evil")).status_code == 200
    assert uuid.UUID(one)
