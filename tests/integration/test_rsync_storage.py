"""Files delivered to an rsync daemon, by the engine and by the API."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.models import Attempt
from simlab.process import Login
from simlab.rsync_servers import MODULE, RsyncDaemon
from tests.integration.api_fixtures import Api
from tests.integration.api_lab import lab_of
from tests.integration.test_api_storage import worker_of

pytest_plugins = ("tests.integration.api_fixtures",)
USER = "storage"


class _Writable(RsyncDaemon):
    def settings(self) -> Sequence[str]:
        """It is written to."""
        return ["read only = no"]


class _Served:
    """A daemon, the folder that it serves, and its password."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir()
        self.password = f"test-secret-{secrets.token_hex(8)}"
        self.server = _Writable(
            "archive", served=self.files, state=folder / "state", logs=folder / "logs",
            login=Login(USER, self.password),
        )  # fmt: skip

    async def location(self, api: Api, name: str = "archive", **more: Any) -> dict[str, Any]:
        """Make a storage location there, and have it tested once."""
        (self.files / name).mkdir(exist_ok=True)
        account = {"name": name, "username": USER, "secret": self.password}
        made = await api.admin.post("/api/accounts", json=account)
        body = {
            "name": name, "kind": "rsync", "path": f"{MODULE}/{name}", "host": self.server.host,
            "port": self.server.port, "service_account_id": made.json()["id"], **more,
        }  # fmt: skip
        answer = await api.admin.post("/api/storage", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[_Served]:
    """A daemon that runs."""
    there = _Served(tmp_path)
    there.server.start()
    yield there
    there.server.close()


async def test_a_new_module_gets_its_sentinel_at_the_first_test(api: Api, served: _Served) -> None:
    made = await served.location(api)
    where = f"/api/storage/{made['id']}"
    async with worker_of(api):
        first = (await api.admin.post(f"{where}/check")).json()
        again = (await api.admin.post(f"{where}/check")).json()
    assert first["ok"], first
    assert first["steps"][0] == "sentinel_placed"
    assert again["steps"] == [
        "sentinel", "write", "sync", "read_back:server_cache", "publish", "refuse_overwrite",
        "remove",
    ]  # fmt: skip
    health = (await api.admin.get(where)).json()["health"]
    roots = os.getuid() == 0
    assert health["overwriting"] == ("exclusive_writer_only" if roots else "refused")
    assert health["durable"] is False
    left = [path.name for path in (served.files / "archive").rglob("*") if path.is_file()]
    assert left == ["sentinel.json"]


async def test_a_refused_password_pauses_the_account(api: Api, served: _Served) -> None:
    served.password = "another"
    made = await served.location(api)
    async with worker_of(api):
        answer = (await api.admin.post(f"/api/storage/{made['id']}/check")).json()
    assert (answer["ok"], answer["code"]) == (False, "storage_logon_failed")
    assert served.server.log_path.read_text().count("auth failed on module") == 1


async def test_another_host_or_port_needs_the_secret_again(api: Api, served: _Served) -> None:
    made = await served.location(api)
    where, etag = f"/api/storage/{made['id']}", {"If-Match": '"r1"'}
    changes: tuple[dict[str, Any], ...] = ({"port": 8730}, {"host": "192.0.2.1"})
    for change in changes:
        moved = await api.admin.patch(where, json=change, headers=etag)
        assert (moved.status_code, moved.json()["code"]) == (422, "secret_required")
    confirmed = {"port": 8730, "secret": served.password}
    assert (await api.admin.patch(where, json=confirmed, headers=etag)).status_code == 200


async def test_files_are_delivered_proven_and_read_again(api: Api, served: _Served) -> None:
    made = await served.location(api)
    async with worker_of(api):
        assert (await api.admin.post(f"/api/storage/{made['id']}/check")).json()["ok"]
    root = served.files / "archive"
    lab = await lab_of(api, made["id"], root)
    contents = {
        **{f"many/{number}": b"%d" % number for number in range(45)},
        "a/ü space+%.dat": os.urandom(70_000),
        "-n [x]*\n ": b"odd",
        "empty": b"",
        "large.raw": os.urandom((9 << 20) + 7),
    }
    for name, content in contents.items():
        lab.write(name, content)
    await lab.harvest()
    wanted = {f"tem-2/{n}": hashlib.sha256(c).hexdigest() for n, c in contents.items()}
    assert lab.delivered() == wanted
    async with api.database.read() as session:
        rows = await session.scalars(select(Attempt).where(Attempt.evidence.is_not(None)))
        found = [row.evidence or {} for row in rows]
    assert {one["read_back_from"] for one in found} == {"server_cache"}
    assert {one["outcome"] for one in found} == {"published"}
    assert list((root / ".streamweave" / "parts").iterdir()) == []
    file = (await api.admin.get("/api/files", params={"q": "large"})).json()["items"][0]
    answer = await api.admin.get(f"/api/files/{file['id']}/content")
    assert answer.content == contents["large.raw"]
    part = {"Range": "bytes=5-14"}
    answer = await api.admin.get(f"/api/files/{file['id']}/content", headers=part)
    assert answer.content == contents["large.raw"][5:15]
    await lab.engine.ports.open_storage.close()  # type: ignore[attr-defined]
