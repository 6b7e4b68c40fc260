"""Storage locations of every kind by the API: addresses, first test, policy, templates."""

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import update

from app.clock import utcnow
from app.database import lease_clock_ms
from app.errors import CATALOGUE
from app.harvest.backfill import backfill
from app.models import StorageLocation, Worker, new_id
from app.services.movers import MoverOpener
from app.worker.checks import Checker
from app.worker.daemon import Daemon
from app.worker.storage_checks import StorageChecker
from tests.integration.api_fixtures import Api
from tests.integration.api_lab import lab_of
from tests.integration.engine_fixtures import opener_for
from tests.integration.s3_fixtures import BUCKET, KEY, SECRET, MotoS3, RcloneS3

pytest_plugins = ("tests.integration.api_fixtures", "tests.integration.s3_fixtures")


@contextlib.asynccontextmanager
async def worker_of(api: Api) -> AsyncIterator[None]:
    """A worker of the zone that answers what is asked."""
    async with api.database.write() as session:
        until = await lease_clock_ms(session) + 60_000
        session.add(Worker(id=new_id(), name="w", zone="main", until_ms=until, seen_at=utcnow()))
    storages = StorageChecker(api.database, opener_for(api.database, api.settings))
    movers = MoverOpener(api.database, api.settings, api.app.state.vault)
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


async def _account(api: Api, name: str = "s3", secret: str = SECRET) -> str:
    body = {"name": name, "username": KEY, "secret": secret}
    answer = await api.admin.post("/api/accounts", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _s3(server: RcloneS3 | MotoS3, account: str, **more: Any) -> dict[str, Any]:
    prefix = uuid.uuid4().hex[:8]
    return {
        "name": f"s3 {prefix}", "kind": "s3", "path": f"{BUCKET}/{prefix}", "url": server.url,
        "service_account_id": account, **more,
    }  # fmt: skip


async def test_a_new_bucket_gets_its_sentinel_at_the_first_test(
    api: Api, s3_server: RcloneS3 | MotoS3
) -> None:
    made = await api.admin.post("/api/storage", json=_s3(s3_server, await _account(api)))
    assert made.status_code == 201, made.text
    where = f"/api/storage/{made.json()['id']}"
    async with worker_of(api):
        first = (await api.admin.post(f"{where}/check")).json()
        again = (await api.admin.post(f"{where}/check")).json()
    assert first["ok"], first
    assert first["steps"][0] == "sentinel_placed"
    assert again["steps"] == [
        "sentinel", "write", "sync", "publish", "read_back:server_cache", "refuse_overwrite",
        "remove",
    ]  # fmt: skip
    health = (await api.admin.get(where)).json()["health"]
    refused = "refused" if s3_server.refuses_overwrite else "exclusive_writer_only"
    assert health["overwriting"] == refused


async def test_a_bucket_with_a_sentinel_is_taken_over(api: Api, s3_server: MotoS3) -> None:
    account = await _account(api)
    body = _s3(s3_server, account)
    made = (await api.admin.post("/api/storage", json=body)).json()
    async with worker_of(api):
        assert (await api.admin.post(f"/api/storage/{made['id']}/check")).json()["ok"]
        read = await api.admin.get(f"/api/storage/{made['id']}")
        gone = await api.admin.delete(
            f"/api/storage/{made['id']}", headers={"If-Match": read.headers["ETag"]}
        )
        assert gone.status_code == 204, gone.text
        again = (await api.admin.post("/api/storage", json={**body, "secret": SECRET})).json()
        steps = (await api.admin.post(f"/api/storage/{again['id']}/check")).json()["steps"]
    assert steps[0] == "sentinel_taken_over"
    taken = (await api.admin.get(f"/api/storage/{again['id']}")).json()
    assert taken["sentinel"] == made["sentinel"]


async def test_a_missing_bucket_is_told(api: Api, s3_server: RcloneS3 | MotoS3) -> None:
    body = {**_s3(s3_server, await _account(api)), "path": "no-such-bucket/x"}
    made = (await api.admin.post("/api/storage", json=body)).json()
    async with worker_of(api):
        answer = (await api.admin.post(f"/api/storage/{made['id']}/check")).json()
    assert not answer["ok"]
    assert answer["code"] == "storage_share_missing"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "s3", "path": "bucket"}, "/service_account_id"),
        ({"kind": "cifs", "path": "share", "url": "http://x"}, "/host"),
        ({"kind": "sftp", "host": "h", "path": ""}, "/host_key"),
        ({"kind": "webdav", "url": "ftp://x", "path": ""}, "/url"),
        ({"kind": "webdav", "url": "http://x", "path": "../up"}, "/path"),
        ({"kind": "rsync", "path": "module"}, "/host"),
        ({"kind": "rsync", "host": "h", "path": ""}, "/path"),
        ({"kind": "rsync", "host": "h", "path": "/module"}, "/path"),
        ({"kind": "rsync", "host": "h", "path": "m", "options": {"x": "y"}}, "/options"),
        ({"kind": "posix", "path": "/etc"}, "/path"),
        ({"kind": "posix", "path": "/tmp", "options": {"region": "x"}}, "/options"),
    ],
)
async def test_an_address_that_its_kind_cannot_use_is_refused(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    answer = await api.admin.post("/api/storage", json={"name": "x", **body})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_a_new_address_needs_the_secret_again(api: Api, s3_server: MotoS3) -> None:
    account = await _account(api)
    made = await api.admin.post("/api/storage", json=_s3(s3_server, account))
    assert made.status_code == 201
    other = _s3(s3_server, account, url="http://192.0.2.1:9000")
    refused = await api.admin.post("/api/storage", json=other)
    assert (refused.status_code, refused.json()["code"]) == (422, "secret_required")
    where, etag = f"/api/storage/{made.json()['id']}", {"If-Match": made.headers["ETag"]}
    moved = await api.admin.patch(where, json={"url": "http://192.0.2.1:9000"}, headers=etag)
    assert moved.json()["code"] == "secret_required"
    body = {"url": "http://192.0.2.1:9000", "secret": SECRET}
    assert (await api.admin.patch(where, json=body, headers=etag)).status_code == 200


async def test_a_policy_has_a_template_that_is_checked(api: Api) -> None:
    path = api.roots / "archive"
    place = (
        await api.admin.post("/api/storage", json={"name": "archive", "path": str(path)})
    ).json()["id"]
    body = {
        "name": "TEM", "slug": "tem", "protocol": "local", "root": str(api.roots / "share"),
        "storage": [{"storage_location_id": place, "template": "{acquired:%Y}/{path}"}],
    }  # fmt: skip
    made = await api.admin.post("/api/instruments", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["storage"][0]["template"] == "{acquired:%Y}/{path}"
    where, etag = f"/api/instruments/{made.json()['id']}", {"If-Match": made.headers["ETag"]}
    wrong = {"storage": [{"storage_location_id": place, "template": "{secret}/{path}"}]}
    refused = await api.admin.patch(where, json=wrong, headers=etag)
    assert (refused.status_code, refused.json()["code"]) == (422, "template_invalid")
    assert refused.json()["errors"][0]["pointer"] == "/storage/0/template"
    kept = {"storage": [{"storage_location_id": place, "required": False}]}
    changed = await api.admin.patch(where, json=kept, headers=etag)
    assert changed.json()["storage"][0]["template"] == "{acquired:%Y}/{path}"


async def test_a_policy_says_which_read_back_is_proof_enough(api: Api) -> None:
    storage = await api.make_storage()
    made = await api.make_instrument(
        storage=[{"storage_location_id": storage["id"], "enough": ["device"]}]
    )
    assert made["storage"][0]["enough"] == ["device"]
    where = f"/api/instruments/{made['id']}"
    etag = {"If-Match": (await api.admin.get(where)).headers["ETag"]}
    # A mover's own checksum proves nothing by itself.
    # And a local disk computes no checksum of its own.
    for wrong in ([], ["mover_checksum"], ["storage_checksum"]):
        body = {"storage": [{"storage_location_id": storage["id"], "enough": wrong}]}
        refused = await api.admin.patch(where, json=body, headers=etag)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"].startswith("/storage/0/enough")
    kept = {"storage": [{"storage_location_id": storage["id"], "required": False}]}
    changed = await api.admin.patch(where, json=kept, headers=etag)
    assert changed.json()["storage"][0]["enough"] == ["device"]
    # Nor does what is led to another place wait for what that can never give.
    there = {"If-Match": '"r1"'}
    served = await api.admin.post(
        "/api/storage", json={"name": "dav", "kind": "webdav", "url": "http://192.0.2.1/files"}
    )
    led = await api.admin.post(
        f"/api/storage/{storage['id']}/drain", json={"to": served.json()["id"]}, headers=there
    )
    assert (led.status_code, led.json()["errors"][0]["pointer"]) == (422, "/to")
    etag = {"If-Match": changed.headers["ETag"]}
    whatever = {"storage": [{"storage_location_id": storage["id"], "enough": None}]}
    changed = await api.admin.patch(where, json=whatever, headers=etag)
    assert changed.json()["storage"][0]["enough"] is None


async def test_trouble_is_told_with_its_cause_and_remedy(api: Api) -> None:
    where = f"/api/storage/{(await api.make_storage('full'))['id']}"
    well = (await api.admin.get(where)).json()
    assert (well["cause"], well["remedy"]) == (None, None)
    async with api.database.write() as session:
        await session.execute(update(StorageLocation).values(error_code="storage_full"))
    ill, entry = (await api.admin.get(where)).json(), CATALOGUE["storage_full"]
    assert (ill["cause"], ill["remedy"]) == (entry.title, entry.remedy)


async def test_a_location_is_drained_and_retired(api: Api) -> None:
    old, new = [await api.make_storage(name) for name in ("old", "new")]
    lab = await lab_of(api, old["id"], Path(new["path"]))
    lab.write("a.raw", b"content")
    await lab.harvest()
    where, first = f"/api/storage/{old['id']}", {"If-Match": '"r1"'}
    early = await api.admin.post(f"{where}/retire", json={"reason": "x"}, headers=first)
    assert early.json()["code"] == "in_use"
    same = await api.admin.post(f"{where}/drain", json={"to": old["id"]}, headers=first)
    assert same.status_code == 422
    drained = await api.admin.post(f"{where}/drain", json={"to": new["id"]}, headers=first)
    assert (drained.status_code, drained.json()["state"]) == (200, "draining")
    etag = {"If-Match": drained.headers["ETag"]}
    assert (await api.admin.get(f"{where}/emptying")).json()["only_here"] == 1
    too_early = await api.admin.post(f"{where}/retire", json={"reason": "x"}, headers=etag)
    assert too_early.json()["code"] == "in_use"
    lab.source.joinpath("a.raw").unlink()
    while await backfill(api.database) >= 0:
        pass
    await lab.drain()
    assert lab.delivered() == {"tem-2/a.raw": hashlib.sha256(b"content").hexdigest()}
    retired = await api.admin.post(f"{where}/retire", json={"reason": "moved"}, headers=etag)
    assert (retired.status_code, retired.json()["state"]) == (200, "retired")
    (file,) = (await api.admin.get("/api/files")).json()["items"]
    assert file["status"] == "available"
    content = await api.admin.get(f"/api/files/{file['id']}/content")
    assert content.content == b"content"
    assert (Path(old["path"]) / "tem-2" / "a.raw").read_bytes() == b"content"
