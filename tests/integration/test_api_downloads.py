"""Getting data out: whole, in parts, as a ZIP; only for who may see it, never a changed copy."""

import asyncio
import base64
import hashlib
import io
import json
import os
import socket
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
import uvicorn
from sqlalchemy import select
from typer.testing import CliRunner

from app.clock import utcnow
from app.models import AuditEvent, Grant, SourceFile, User
from app.transfers.base import Source
from app.transfers.local import LocalSource
from streamweave_sdk import cli
from streamweave_sdk.client import ApiProblem, Client
from streamweave_sdk.downloads import Downloaded, download
from tests.faults.tcp_proxy import TcpProxy
from tests.integration.api_fixtures import Api
from tests.integration.engine_fixtures import Lab, engine_for

pytest_plugins = ("tests.integration.api_fixtures",)
BIG = os.urandom(3_000_000)


@dataclass
class Delivered:
    """Files that were harvested, behind the API."""

    api: Api
    lab: Lab
    ids: dict[str, uuid.UUID]

    def path(self, name: str) -> str:
        """Where the content of a file is."""
        return f"/api/files/{self.ids[name]}/content"

    def at_storage(self, name: str) -> Path:
        """The file at the storage."""
        return self.lab.target / "tem-2" / name


@pytest.fixture
async def delivered(api: Api) -> AsyncIterator[Delivered]:
    """Three files, proven."""
    place = await api.make_storage()
    instrument = await api.make_instrument("tem-2", quiet_seconds=0)
    source = api.roots / "instrument"
    source.mkdir(exist_ok=True)
    await api.admin.patch(
        f"/api/instruments/{instrument['id']}",
        json={"storage": [{"storage_location_id": place["id"]}]},
        headers={"If-Match": '"r1"'},
    )

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    engine = engine_for(api.database, open_source, settings=api.settings)
    lab = Lab(
        api.database, engine, uuid.UUID(instrument["id"]), uuid.UUID(place["id"]), source,
        Path(place["path"]),
    )  # fmt: skip
    lab.write("big.raw", BIG)
    lab.write("a/small ü.txt", b"hello")
    lab.write("empty", b"")
    await lab.harvest()
    async with api.database.read() as session:
        rows = await session.scalars(select(SourceFile))
        ids = {row.path: row.id for row in rows}
    yield Delivered(api, lab, ids)


async def test_a_file_comes_whole_with_its_proven_hash(delivered: Delivered) -> None:
    answer = await delivered.api.admin.get(delivered.path("big.raw"))
    assert answer.status_code == 200
    assert answer.content == BIG
    digest = hashlib.sha256(BIG).digest()
    assert answer.headers["ETag"] == f'"{digest.hex()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert int(answer.headers["Content-Length"]) == len(BIG)
    named = await delivered.api.admin.get(delivered.path("a/small ü.txt"))
    assert "filename*=UTF-8''small%20%C3%BC.txt" in named.headers["Content-Disposition"]
    assert (await delivered.api.admin.get(delivered.path("empty"))).content == b""
    async with delivered.api.database.read() as session:
        events = (
            await session.scalars(select(AuditEvent).where(AuditEvent.action == "file.downloaded"))
        ).all()
    assert len(events) == 3


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-9", 0, 10), ("bytes=100-", 100, len(BIG)), ("bytes=-7", len(BIG) - 7, len(BIG)),
        ("bytes=2999990-9999999", 2_999_990, len(BIG)),
    ],
)  # fmt: skip
async def test_a_part_comes_by_range(
    delivered: Delivered, asked: str, begin: int, end: int
) -> None:
    answer = await delivered.api.admin.get(delivered.path("big.raw"), headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == BIG[begin:end]
    assert answer.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(BIG)}"


async def test_conditions_of_ranges_are_kept(delivered: Delivered) -> None:
    get, path = delivered.api.admin.get, delivered.path("big.raw")
    etag = (await get(path, headers={"Range": "bytes=0-0"})).headers["ETag"]
    other = await get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status_code, len(other.content)) == (200, len(BIG))
    same = await get(path, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert same.status_code == 206
    assert (await get(path, headers={"If-None-Match": etag})).status_code == 304
    beyond = await get(path, headers={"Range": f"bytes={len(BIG)}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    several = await get(path, headers={"Range": "bytes=0-1,5-6"})
    assert several.status_code == 200


async def test_who_may_not_see_a_file_gets_none_of_it(delivered: Delivered) -> None:
    stranger = delivered.api.stranger
    assert (await stranger.get(delivered.path("big.raw"))).status_code == 404
    named = await stranger.get("/api/files.zip", params={"id": str(delivered.ids["big.raw"])})
    assert named.status_code == 404
    assert (await delivered.api.anonymous.get(delivered.path("big.raw"))).status_code == 401
    async with delivered.api.database.write() as session:
        user = await session.scalar(select(User).filter_by(email="stranger@lab.example"))
        assert user is not None
        session.add(
            Grant(user_id=user.id, instrument_id=delivered.lab.instrument, created_at=utcnow())
        )
    assert (await stranger.get(delivered.path("big.raw"))).content == BIG


async def test_a_changed_copy_does_not_pass_for_the_file(delivered: Delivered) -> None:
    delivered.at_storage("a/small ü.txt").write_bytes(b"HELLO")
    answer = await delivered.api.admin.get(delivered.path("a/small ü.txt"))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_proven_copy")
    assert "copy_differs" in answer.json()["detail"]
    delivered.at_storage("empty").unlink()
    gone = await delivered.api.admin.get(
        "/api/files.zip", params={"id": str(delivered.ids["empty"])}
    )
    with zipfile.ZipFile(io.BytesIO(gone.content)) as archive:
        assert "storage_object_missing" in archive.read("left-out.txt").decode()


async def test_a_selection_comes_as_a_zip_that_can_be_checked(delivered: Delivered) -> None:
    answer = await delivered.api.admin.get("/api/files.zip", params={"q": ""})
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = {name for name in archive.namelist() if name != "manifest-sha256.txt"}
        assert {name.rpartition("/")[2] for name in names} == {"big.raw", "small ü.txt", "empty"}
        lines = archive.read("manifest-sha256.txt").decode().splitlines()
        told = {line[66:]: line[:64] for line in lines}
        found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}
    assert told == found
    async with delivered.api.database.read() as session:
        event = (
            await session.scalars(select(AuditEvent).where(AuditEvent.action == "files.archived"))
        ).one()
    assert json.loads(event.canonical)["details"]["files"] == 3


async def test_only_what_is_proven_can_be_had(delivered: Delivered) -> None:
    delivered.lab.write("later", b"not yet")
    await delivered.lab.engine.scan(delivered.lab.instrument)
    async with delivered.api.database.read() as session:
        file = await session.scalar(select(SourceFile).where(SourceFile.path == "later"))
        assert file is not None
    answer = await delivered.api.admin.get(f"/api/files/{file.id}/content")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_proven_copy")
    versions = await delivered.api.admin.get(delivered.path("empty"), params={"version": 2})
    assert versions.json()["code"] == "no_proven_copy"


@pytest.fixture
async def url(delivered: Delivered) -> AsyncIterator[str]:
    """The API on a free port; the client runs in a thread beside its loop."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(delivered.api.app, lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


async def test_a_download_goes_on_where_it_stopped_and_checks_the_hash(
    delivered: Delivered, url: str, tmp_path: Path
) -> None:
    token = delivered.api.admin.headers["Authorization"].removeprefix("Bearer ")
    file_id, target = str(delivered.ids["big.raw"]), tmp_path / "here" / "big.raw"
    sha256 = hashlib.sha256(BIG).hexdigest()
    part = target.with_name(f".big.raw.{sha256[:16]}.part")
    part.parent.mkdir()
    part.write_bytes(BIG[:1_000_000])

    def run() -> Downloaded:
        with Client(url, token) as client:
            return download(client, file_id, target)

    done = await asyncio.to_thread(run)
    assert (done.resumed_at, done.size_bytes, done.sha256) == (1_000_000, len(BIG), sha256)
    assert target.read_bytes() == BIG
    assert not part.exists()
    target.unlink()
    part.write_bytes(b"x" * 10 + BIG[10:1_000_000])
    with pytest.raises(ApiProblem, match="read_back_mismatch"):
        await asyncio.to_thread(run)
    assert not target.exists()
    assert not part.exists()
    await asyncio.to_thread(run)
    assert target.read_bytes() == BIG


async def test_a_connection_that_breaks_is_taken_up_again(
    delivered: Delivered, url: str, tmp_path: Path
) -> None:
    token = delivered.api.admin.headers["Authorization"].removeprefix("Bearer ")
    target = tmp_path / "big.raw"
    proxy = TcpProxy(int(url.rpartition(":")[2]))
    await proxy.start()
    proxy.cut(after_bytes=1_500_000, times=1)

    def run() -> Downloaded:
        with Client(f"http://127.0.0.1:{proxy.port}", token) as client:
            return download(client, str(delivered.ids["big.raw"]), target)

    try:
        await asyncio.to_thread(run)
    finally:
        await proxy.stop()
    assert proxy.cuts_left == 0
    assert target.read_bytes() == BIG


async def test_the_command_downloads_an_instrument(
    delivered: Delivered, url: str, tmp_path: Path
) -> None:
    token = delivered.api.admin.headers["Authorization"].removeprefix("Bearer ")
    app = typer.Typer()
    cli.register(app)
    wanted = ["files", "download", "--instrument", "tem-2", "--to", str(tmp_path / "out"), "--json"]
    environment = {"STREAMWEAVE_URL": url, "STREAMWEAVE_TOKEN": token}
    result = await asyncio.to_thread(CliRunner().invoke, app, wanted, env=environment)
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)) == 3
    assert (tmp_path / "out" / "a" / "small ü.txt").read_bytes() == b"hello"
    again = await asyncio.to_thread(CliRunner().invoke, app, wanted, env=environment)
    assert json.loads(again.stdout) == []
