"""What a location asks of S3 for its objects: class, encryption, lock; small and in parts."""

import os
import secrets
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.transfers.s3 import S3Address
from tests.integration.conformance.acts import deliver
from tests.integration.s3_fixtures import KEY, SECRET, MotoS3, boto, make_server, storage_at

SMALL, LARGE = b"a spectrum", os.urandom(9 << 20)
BUCKET = "locked"
OPTIONS = {
    "storage_class": "STANDARD_IA", "encryption": "aws:kms", "kms_key": "alias/lab",
    "object_lock": "GOVERNANCE", "retain_days": "30",
}  # fmt: skip


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoS3]:
    """A server with a bucket whose objects can be locked."""
    server = make_server("moto", tmp_path_factory.mktemp("moto"))
    assert isinstance(server, MotoS3)
    boto(server.url).create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    try:
        yield server
    finally:
        server.close()


async def delivered(moto: MotoS3, content: bytes, sent: list[dict[str, str]]) -> dict[str, Any]:
    """Deliver a file, note the headers of its upload, and return what the server says of it."""
    prefix = f"p{secrets.token_hex(4)}"
    address = S3Address(f"{BUCKET}/{prefix}", KEY, SECRET, moto.url, OPTIONS, timeout_seconds=20.0)
    storage = storage_at(address, uuid.uuid4())
    await storage.place_sentinel()

    def note(params: dict[str, Any], **_more: object) -> None:
        sent.append(dict(params["headers"]))

    events = (await storage.client()).meta.events
    events.register("before-call.s3.CreateMultipartUpload", note)
    try:
        await deliver(storage, b"scope/a.raw", content)
    finally:
        await storage.close()
    place = {"Bucket": BUCKET, "Key": f"{prefix}/scope/a.raw"}
    found: dict[str, Any] = boto(moto.url).head_object(**place)
    assert boto(moto.url).get_object(**place)["Body"].read() == content
    assert found["StorageClass"] == "STANDARD_IA"
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "alias/lab")
    return {**found, **place}


async def test_a_small_object_is_locked_for_as_long_as_the_location_asks(moto: MotoS3) -> None:
    found = await delivered(moto, SMALL, [])
    assert found["ObjectLockMode"] == "GOVERNANCE"
    left = found["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    version = {name: found[name] for name in ("Bucket", "Key", "VersionId")}
    with pytest.raises(ClientError, match="AccessDenied"):
        boto(moto.url).delete_object(**version)


async def test_an_upload_in_parts_asks_for_the_same(moto: MotoS3) -> None:
    sent: list[dict[str, str]] = []
    await delivered(moto, LARGE, sent)  # moto forgets the lock of an upload: what was asked counts
    headers = sent[-1]  # the first was a trial
    assert headers["x-amz-object-lock-mode"] == "GOVERNANCE"
    until = datetime.fromisoformat(headers["x-amz-object-lock-retain-until-date"])
    assert timedelta(days=29) < until - datetime.now(UTC) <= timedelta(days=30)
