"""Files delivered to S3: published by a conditional write, proven after it, safe to repeat."""

import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select, update

from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest import crash
from app.harvest.evidence import reap
from app.harvest.sweep import sweep
from app.models import Attempt, Copy, ServiceAccount, StorageLocation, Version
from app.services.credentials import Vault
from app.transfers.base import Source, Target
from app.transfers.local import LocalSource
from tests.faults.wrappers import watch_storage
from tests.integration.engine_fixtures import Lab, engine_for
from tests.integration.factories import make_instrument
from tests.integration.s3_fixtures import BUCKET, MotoS3, RcloneS3, boto, make_s3_storage

pytest_plugins = ("tests.integration.s3_fixtures",)
Server = RcloneS3 | MotoS3
MIB = 1 << 20


class S3Lab(Lab):
    """A lab that delivers to S3."""

    server: Server
    settings: Settings
    prefix: str

    async def evidence(self) -> list[dict[str, Any]]:
        """The evidence of all attempts that ended well."""
        async with self.database.read() as session:
            rows = await session.scalars(select(Attempt).where(Attempt.evidence.is_not(None)))
            return [row.evidence or {} for row in rows]

    def objects(self) -> dict[str, str]:
        """What stands in the bucket: key below the prefix to SHA-256."""
        client = boto(self.server.url)
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{self.prefix}/"
        )
        found = {}
        for one in (one for page in pages for one in page.get("Contents", [])):
            if ".streamweave" not in one["Key"]:
                body = client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
                name = one["Key"].removeprefix(f"{self.prefix}/")
                found[name] = hashlib.sha256(body).hexdigest()
        return found

    def put(self, name: str, content: bytes) -> None:
        """Put an object there, behind the engine's back."""
        boto(self.server.url).put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=content)


@pytest.fixture
async def s3_lab(database: Database, tmp_path: Path, s3_server: Server) -> AsyncIterator[S3Lab]:
    """An instrument whose files go to a fresh prefix."""
    source = tmp_path / "instrument"
    source.mkdir()
    settings = Settings(
        data=tmp_path / "data", secret_keys=SecretStr(Fernet.generate_key().decode()),
        io_timeout_seconds=20.0,
    )  # fmt: skip
    instrument = await make_instrument(database, quiet_seconds=0.0, slug="scope")
    row = await make_s3_storage(database, settings, s3_server.url, instrument)

    async def open_source(_id: uuid.UUID, *, concurrency: int) -> Source:
        return LocalSource(source)

    engine = engine_for(database, open_source, settings=settings, lease_seconds=2.0)
    lab = S3Lab(database, engine, instrument, row.id, source, tmp_path)
    lab.server, lab.settings, lab.prefix = s3_server, settings, f"{row.path.partition('/')[2]}"
    yield lab
    await engine.ports.open_storage.close()  # type: ignore[attr-defined]


async def test_files_arrive_whole_proven_and_marked(s3_lab: S3Lab) -> None:
    contents = {
        "a/plain.txt": b"one",
        "a/ü space+%.dat": os.urandom(70_000),
        "empty": b"",
        "large.raw": os.urandom(20 * MIB + 7),
    }
    for name, content in contents.items():
        s3_lab.write(name, content)
    await s3_lab.harvest()
    wanted = {f"scope/{n}": hashlib.sha256(c).hexdigest() for n, c in contents.items()}
    assert s3_lab.objects() == wanted
    assert {copy.state for copy in (await s3_lab.copies()).values()} == {"available"}
    found = await s3_lab.evidence()
    assert {one["read_back_from"] for one in found} == {"server_cache"}
    assert all(one["read_back_sha256"] == one["received_sha256"] for one in found)
    labels = {one.get("overwriting") for one in found}
    assert labels == ({None} if s3_lab.server.refuses_overwrite else {"exclusive_writer_only"})
    key = f"{s3_lab.prefix}/scope/a/plain.txt"
    facts = boto(s3_lab.server.url).head_object(Bucket=BUCKET, Key=key)
    told = {name.lower(): value for name, value in facts["Metadata"].items()}
    assert told["streamweave-ark"].startswith("ark:")
    assert told["streamweave-version"] == "1"


async def test_an_object_that_stands_there_is_adopted_or_a_conflict(s3_lab: S3Lab) -> None:
    s3_lab.write("same", b"content")
    s3_lab.write("other", b"content")
    s3_lab.put("scope/same", b"content")
    s3_lab.put("scope/other", b"another content")
    await s3_lab.harvest()
    copies = await s3_lab.copies()
    assert copies["scope/same"].state == "available"
    assert copies["scope/other"].state == "conflict"
    assert s3_lab.objects()["scope/other"] == hashlib.sha256(b"another content").hexdigest()
    async with s3_lab.database.read() as session:
        outcomes = await session.scalars(select(Attempt.outcome).order_by(Attempt.outcome))
        assert outcomes.all() == ["adopted", "failed"]


@pytest.mark.parametrize("point", ["after_receive", "after_intent", "after_link"])
@pytest.mark.parametrize("size", [100, 9 * MIB])
async def test_a_worker_that_dies_leaves_work_that_another_ends(
    s3_lab: S3Lab, monkeypatch: pytest.MonkeyPatch, point: str, size: int
) -> None:
    content = os.urandom(size)
    s3_lab.write("file.raw", content)

    class Died(BaseException):
        """As a kill, as far as the engine can tell."""

    def die(reached: str) -> None:
        if reached == point:
            raise Died

    for module in ("batch", "publish"):
        monkeypatch.setattr(f"app.harvest.{module}.crash_point", die)
    with pytest.raises((Died, BaseExceptionGroup)):
        await s3_lab.harvest()
    for module in ("batch", "publish"):
        monkeypatch.setattr(f"app.harvest.{module}.crash_point", crash.crash_point)
    async with s3_lab.database.write() as session:
        await session.execute(update(Copy).values(lease_until_ms=0))
    await reap(s3_lab.database, s3_lab.engine.ports)
    await s3_lab.drain()
    (copy,) = (await s3_lab.copies()).values()
    assert copy.state == "available", copy.error_detail
    assert s3_lab.objects() == {"scope/file.raw": hashlib.sha256(content).hexdigest()}


async def test_what_is_published_wrong_is_taken_away_and_made_again(s3_lab: S3Lab) -> None:
    content = os.urandom(5000)
    s3_lab.write("file.raw", content)
    damaged = 0

    async def damage(_batch: Any, *_targets: Any) -> None:
        nonlocal damaged
        damaged += 1
        if damaged == 1:  # the storage gives other bytes than it was given
            client = boto(s3_lab.server.url)
            key = f"{s3_lab.prefix}/scope/file.raw"
            facts = client.head_object(Bucket=BUCKET, Key=key)
            client.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 5000, Metadata=facts["Metadata"])
            if version := facts.get("VersionId"):
                client.delete_object(Bucket=BUCKET, Key=key, VersionId=version)

    watch_storage(s3_lab.engine, publish=damage)
    await s3_lab.harvest()
    async with s3_lab.database.write() as session:
        await session.execute(update(Copy).values(lease_until_ms=0))
    await reap(s3_lab.database, s3_lab.engine.ports)
    await s3_lab.drain()
    (copy,) = (await s3_lab.copies()).values()
    assert copy.state == "available", copy.error_detail
    assert s3_lab.objects() == {"scope/file.raw": hashlib.sha256(content).hexdigest()}


async def test_a_refused_key_is_tried_once(s3_lab: S3Lab) -> None:
    if isinstance(s3_lab.server, MotoS3):
        return  # moto takes any key
    s3_lab.write("file", b"content")
    vault = Vault.from_settings(s3_lab.settings)
    async with s3_lab.database.write() as session:
        await session.execute(
            update(ServiceAccount).values(secret_encrypted=vault.encrypt("wrong-secret-1"))
        )
    async with s3_lab.database.read() as session:
        row = await session.get(StorageLocation, s3_lab.storage)
    assert row is not None
    with pytest.raises(StreamWeaveError, match="storage_logon_failed"):
        storage = await s3_lab.engine.storage(row)
        try:
            await storage.check_ready()
        except StreamWeaveError as error:
            await s3_lab.engine.hold_storage_back(row, error)
            raise
    with pytest.raises(StreamWeaveError, match="storage_account_paused"):
        await s3_lab.engine.storage(row)


async def test_uploads_of_dead_workers_are_swept(s3_lab: S3Lab) -> None:
    async with s3_lab.database.read() as session:
        row = await session.get(StorageLocation, s3_lab.storage)
    assert row is not None
    storage = await s3_lab.engine.storage(row)
    async with storage.batch() as batch:
        temporary = await batch.create(Target(b"scope/dead", uuid.uuid4(), 1), 40 * MIB)
        for _ in range(17):  # the second part waits until the first one was sent
            await temporary.write(os.urandom(MIB))
    assert await sweep(s3_lab.database, storage) == 1
    assert [one async for one in storage.temporaries()] == []
    uploads = boto(s3_lab.server.url).list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert [one for one in uploads if one["Key"].startswith(s3_lab.prefix)] == []


async def test_versions_of_a_file_are_objects_of_their_own(s3_lab: S3Lab) -> None:
    s3_lab.write("file.raw", b"first")
    await s3_lab.harvest()
    s3_lab.write("file.raw", b"second one", mtime_ns=1_700_000_100_000_000_000)
    await s3_lab.harvest()
    assert set(s3_lab.objects()) == {"scope/file.raw", "scope/file.v2.raw"}
    async with s3_lab.database.read() as session:
        assert len((await session.scalars(select(Version))).all()) == 2
