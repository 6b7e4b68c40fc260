"""The requests of every file: where they go, what they say, and when they are sent again."""

import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from app.errors import StreamWeaveError
from app.transfers.s3 import S3Address
from app.transfers.s3_objects import S3Objects, objects_of
from tests.integration.conformance.acts import deliver
from tests.integration.s3_fixtures import (
    BUCKET,
    KEY,
    SECRET,
    MotoS3,
    address_of,
    boto,
    storage_at,
)
from tests.integration.s3_refusing import Choice, Refusal, RefusingDoor

pytest_plugins = ("tests.integration.s3_fixtures",)

BUSY = Refusal(503, "SlowDown", "Please reduce your request rate.")


@asynccontextmanager
async def objects_at(address: S3Address) -> AsyncIterator[S3Objects]:
    """The objects of an address, without a log-on."""
    client = storage_at(address, uuid.uuid4())._make_client()
    async with client as made:
        objects = await objects_of(made, address.bucket, (KEY, SECRET), 5.0)
        yield objects
        objects.close()


@pytest.mark.parametrize(
    ("url", "options", "base"),
    [
        (None, {"region": "eu-central-1", "force_path_style": "false"},
         "https://archive.s3.eu-central-1.amazonaws.com"),
        (None, {"region": "eu-central-1"}, "https://s3.eu-central-1.amazonaws.com/archive"),
        ("https://store.example:8443/s3", {}, "https://store.example:8443/s3/archive"),
        ("http://store.example:9000", {"force_path_style": "false"},
         "http://archive.store.example:9000"),
    ],
)  # fmt: skip
async def test_a_bucket_is_where_the_library_says(
    url: str | None, options: dict[str, str], base: str
) -> None:
    async with objects_at(S3Address("archive/x", KEY, SECRET, url, options)) as objects:
        assert objects._base == base


async def test_the_environment_s_proxies_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")  # as curl takes it
    monkeypatch.setenv("NO_PROXY", "inside.example")
    found = {}
    for host in ("outside.example", "inside.example"):
        address = S3Address("archive", KEY, SECRET, f"https://{host}")
        async with objects_at(address) as objects:
            proxy = objects._http._way._proxy
            found[host] = proxy and proxy.netloc
    assert found == {"outside.example": "proxy.example:3128", "inside.example": None}


def busy_for(times: int) -> RefusingDoor:
    """A door whose server is busy so many times when an object is written or read."""
    left = [times]

    def rule(method: str, path: str) -> Refusal | None:
        if path.endswith("/a.raw") and method == "PUT" and left[0]:
            left[0] -= 1
            return BUSY
        return None

    return RefusingDoor("", rule)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_busy_server_is_asked_once_more(moto: MotoS3, times: int) -> None:
    with replace(busy_for(times), server_url=moto.url) as door:
        storage = storage_at(address_of(door.url, f"busy-{times}"), uuid.uuid4())
        await storage.place_sentinel()
        if times == 1:
            delivered = await deliver(storage, b"a.raw", b"content")
            assert delivered.read.sha256 == hashlib.sha256(b"content").digest()
        else:
            with pytest.raises(StreamWeaveError, match="SlowDown"):
                await deliver(storage, b"a.raw", b"content")
        await storage.close()
    assert len(door.refused) == times


def losing_once(marker: str) -> Choice:
    """The first write whose path names this is done, and its answer lost."""
    lost: list[str] = []

    def loses(method: str, path: str) -> bool:
        if method != "PUT" or marker not in path or lost:
            return False
        lost.append(path)
        return True

    return loses


@pytest.mark.parametrize(("marker", "size"), [("/a.raw", 10), ("partNumber=1", 9 << 20)])
async def test_what_was_written_and_nobody_heard_of_is_ours(
    moto: MotoS3, marker: str, size: int
) -> None:
    prefix, content = f"lost-{size}", os.urandom(size)
    with RefusingDoor(moto.url, loses_answer=losing_once(marker)) as door:
        storage = storage_at(address_of(door.url, prefix), uuid.uuid4())
        await storage.place_sentinel()
        delivered = await deliver(storage, b"a.raw", content)
        await storage.close()
    assert delivered.read.sha256 == hashlib.sha256(content).digest()
    assert len(door.struck) == 1
    found = boto(moto.url).list_object_versions(Bucket=BUCKET, Prefix=f"{prefix}/a.raw")
    assert len(found["Versions"]) == 1


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "ł", "a\x00"])
async def test_no_value_makes_another_header(moto: MotoS3, value: str) -> None:
    async with objects_at(S3Address(BUCKET, KEY, SECRET, moto.url)) as objects:
        with pytest.raises(ParamValidationError):
            await objects.put("a", b"", hashlib.sha256(b"").digest(), Metadata={"one": value})


async def test_what_an_object_says_is_told_in_the_library_s_names(moto: MotoS3) -> None:
    async with objects_at(S3Address(BUCKET, KEY, SECRET, moto.url)) as objects:
        digest = hashlib.sha256(b"abc").digest()
        key = "odd/ä +&=?#%25 'x'.raw"
        written = await objects.put(key, b"abc", digest, Metadata={"one": "1"}, IfNoneMatch="*")
        found = await objects.head(key, VersionId=written["VersionId"])
        assert found["Metadata"] == {"one": "1"}
        assert (found["ETag"], found["ContentLength"]) == (written["ETag"], "3")
        async with objects.get(key, Range="bytes=1-1") as (told, chunks):
            assert [chunk async for chunk in chunks] == [b"b"]
            assert told["ContentLength"] == "1"
        with pytest.raises(ClientError) as refused:
            await objects.put(key, b"abc", digest, IfNoneMatch="*")
        assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert boto(moto.url).get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"abc"


def test_a_secret_is_in_no_error(tmp_path: Path) -> None:
    assert SECRET not in repr(S3Address(BUCKET, KEY, SECRET, "http://x"))
