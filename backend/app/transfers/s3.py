"""S3 storage: written without a name, published by a conditional write, read back by version.

An object store has no rename. What arrives is kept in memory while it is small, and otherwise as
parts of a multipart upload, which nobody sees. Publishing writes the object under its final name
with `If-None-Match: *`, so a name that exists is never replaced; then it is read back by the
version that the write answered with. Servers that take no notice of the condition are found out
once in a process, and are looked at first: there nobody else may write (`exclusive_writer_only`).

What a crash leaves: parts of an upload (a marker names them, the sweep aborts them) or, after the
write, the object itself, whose metadata says which copy and attempt it is.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from botocore.handlers import add_expect_header

from app.errors import StreamWeaveError
from app.transfers.base import Overwriting, Space, StorageCapabilities
from app.transfers.s3_batch import MARKERS, S3Batch, Shared
from app.transfers.s3_errors import Failed, code_of, is_missing, is_taken
from app.transfers.s3_objects import S3Objects, objects_of
from app.transfers.sentinel import (
    SENTINEL_PATH,
    require_sentinel,
    sentinel_bytes,
    sentinel_in,
)

_CONCURRENCY = 8
_TRIES = 2  # the engine tries again later, with back-off
_BEYOND = ("InvalidRange", "416")
_WRONG_CHECKSUM = ("BadDigest", "InvalidRequest", "XAmzContentChecksumMismatch")


@dataclass(frozen=True)
class S3Address:
    """A bucket with its credentials. `root` is `bucket` or `bucket/prefix`.

    Options: region, force_path_style (true | false), storage_class, encryption (AES256 |
    aws:kms), kms_key, object_lock (GOVERNANCE | COMPLIANCE), retain_days, proof (read_back |
    storage_checksum).
    """

    root: str
    access_key: str
    secret: str = field(repr=False)
    url: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    timeout_seconds: float = 60.0

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.root.strip("/").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What all keys begin with: empty, or ending in a slash."""
        below = self.root.strip("/").partition("/")[2]
        return f"{below}/" if below else ""


def _stay_in_the_region(context: dict[str, Any], **_more: object) -> None:
    """Keep the library from looking for another region: it asks itself without end for it.

    (botocore's S3RegionRedirectorv2, at servers that answer 301 to HeadBucket.) The region is a
    setting here, and what the server says of it is shown.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


class S3Storage:
    """A bucket, or a prefix of one."""

    def __init__(
        self,
        address: S3Address,
        *,
        installation: str,
        sentinel: uuid.UUID,
        worker: str,
        case_insensitive: bool = False,
    ) -> None:
        self.address = address
        self._installation = installation
        self._sentinel = sentinel
        self._worker = worker
        self._stack = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._objects: S3Objects | None = None
        self._shared: Shared | None = None
        self._was_probed = False
        self._is_known = False  # the key was taken once
        self._refused: StreamWeaveError | None = None
        self.capabilities = StorageCapabilities(
            kind="s3",
            overwriting=Overwriting.REFUSED,
            durable=True,
            case_insensitive=case_insensitive,
            publishes_by_writing=True,
            concurrency=_CONCURRENCY,
        )

    def _key(self, path: bytes) -> str:
        return self.address.prefix + path.decode()

    async def client(self) -> Any:
        """Return the connected client, one for all batches.

        A key is tried once, alone; when it is refused nobody tries it until `check_ready`.
        """
        if self._is_known:
            return self._client
        async with self._opening:
            if self._client is None:
                self._client = await self._stack.enter_async_context(self._make_client())
                # With it a server that refuses at once is not heard: aiohttp waits for its "100".
                self._client.meta.events.unregister("before-call.s3", add_expect_header)
                self._client.meta.events.register("before-call.s3", _stay_in_the_region)
            if self._refused is not None:
                raise self._refused
            if not self._is_known:
                await self._log_on()
        return self._client

    async def objects(self) -> S3Objects:
        """Return the bucket's objects, for the requests that every file makes."""
        client = await self.client()
        async with self._opening:
            if self._objects is None:
                to = self.address
                key = (to.access_key, to.secret)
                self._objects = await objects_of(client, to.bucket, key, to.timeout_seconds)
            return self._objects

    async def _log_on(self) -> None:
        try:
            await self._read_sentinel(self._client)
        except StreamWeaveError as error:
            if error.code == "storage_logon_failed":
                self._refused = error
            raise
        self._is_known = True

    def _make_client(self) -> Any:
        address = self.address
        seconds = address.timeout_seconds
        is_path = address.options.get("force_path_style", "true") != "false"
        config = AioConfig(
            connect_timeout=min(15.0, seconds),
            read_timeout=seconds,
            retries={"total_max_attempts": _TRIES, "mode": "standard"},
            max_pool_connections=32,
            s3={"addressing_style": "path" if is_path else "virtual"},
            # We give a SHA-256 ourselves; other servers stumble over the library's own sums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return get_session().create_client(
            "s3",
            region_name=address.options.get("region") or "us-east-1",
            endpoint_url=address.url or None,
            aws_access_key_id=address.access_key,
            aws_secret_access_key=address.secret,
            config=config,
        )

    async def found_sentinel(self) -> uuid.UUID | None:
        """Return the sentinel that stands there, whosever it is; None when there is none."""
        self._refused = None
        return await self._read_sentinel(await self.client())

    async def _read_sentinel(self, client: Any) -> uuid.UUID | None:
        with Failed("looking for the sentinel"):
            try:
                answer = await client.get_object(
                    Bucket=self.address.bucket, Key=self._key(SENTINEL_PATH)
                )
                return sentinel_in(await answer["Body"].read())
            except ClientError as error:
                if not is_missing(error):
                    raise
                return None

    async def place_sentinel(self) -> None:
        """Put this storage's sentinel there; fails when one stands there."""
        if await self.found_sentinel() is not None:
            raise StreamWeaveError("destination_conflict", "A sentinel stands there.")
        client = await self.client()
        with Failed("placing the sentinel"):
            await client.put_object(
                Bucket=self.address.bucket,
                Key=self._key(SENTINEL_PATH),
                Body=sentinel_bytes(self._sentinel),
                IfNoneMatch="*",
            )

    async def check_ready(self) -> None:
        """Raise unless the sentinel is there; the first time, find out what the server keeps to."""
        found = await self.found_sentinel()
        require_sentinel(found, self._sentinel, f"s3://{self.address.root}")
        if not self._was_probed:
            with Failed("asking for conditional writes"):
                refuses = await self._refuses_put() and await self._refuses_complete()
            overwriting = Overwriting.REFUSED if refuses else Overwriting.EXCLUSIVE_WRITER_ONLY
            self.capabilities = replace(self.capabilities, overwriting=overwriting)
            await self._trust_checksums_that_are_computed()
            self._was_probed = True

    async def _trust_checksums_that_are_computed(self) -> None:
        """Send content with the SHA-256 of another: a server that takes it keeps what it is told.

        Its checksums prove nothing then, and every object is read back.
        """
        if self.address.options.get("proof") != "storage_checksum":
            return
        client = await self.client()
        place = {
            "Bucket": self.address.bucket,
            "Key": self._key(SENTINEL_PATH) + f"-trial-{uuid.uuid4().hex}",
        }
        wrong = base64.b64encode(hashlib.sha256(b"another content").digest()).decode()
        with Failed("sending a wrong checksum"):
            try:
                await client.put_object(**place, Body=b"a content", ChecksumSHA256=wrong)
            except ClientError as error:
                if code_of(error) not in _WRONG_CHECKSUM:
                    raise
                return
            with contextlib.suppress(ClientError):  # what stays is the bucket's life cycle's
                await client.delete_object(**place)
        self.address = replace(self.address, options={**self.address.options, "proof": "read_back"})

    async def _refuses_put(self) -> bool:
        """Write the sentinel over itself on condition that it is not there: must be refused."""
        client = await self.client()
        try:
            await client.put_object(
                Bucket=self.address.bucket,
                Key=self._key(SENTINEL_PATH),
                Body=sentinel_bytes(self._sentinel),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if not is_taken(error):
                raise
            return True
        return False

    async def _refuses_complete(self) -> bool:
        """The same with a multipart upload."""
        client = await self.client()
        place = {"Bucket": self.address.bucket, "Key": self._key(SENTINEL_PATH)}
        upload = (await client.create_multipart_upload(**place))["UploadId"]
        try:
            part = await client.upload_part(
                **place, UploadId=upload, PartNumber=1, Body=sentinel_bytes(self._sentinel)
            )
            parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
            await client.complete_multipart_upload(
                **place, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*"
            )
        except ClientError as error:
            with contextlib.suppress(ClientError):  # what stays is the bucket's life cycle's
                await client.abort_multipart_upload(**place, UploadId=upload)
            if not is_taken(error):
                raise
            return True
        return False

    @contextlib.asynccontextmanager
    async def batch(self) -> AsyncIterator[S3Batch]:
        """Open one batch."""
        await self.check_ready()
        if self._shared is None:
            self._shared = Shared()
        batch = S3Batch(
            await self.client(),
            await self.objects(),
            self.address,
            self.capabilities,
            self._shared,
            f"{self._installation}/{self._worker}",
        )
        try:
            yield batch
        finally:
            batch.forget()

    async def _list(self, folder: bytes) -> AsyncGenerator[tuple[str, int], None]:
        """Yield (name below the folder, bytes) of all objects below a folder."""
        client = await self.client()
        prefix = self._key(folder)
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=self.address.bucket, Prefix=prefix
        )
        with Failed("listing"):
            async for page in pages:
                for one in page.get("Contents", []):
                    yield one["Key"].removeprefix(prefix), int(one["Size"])

    async def journals(self) -> dict[str, int]:
        """Return this installation's journal objects here: name to size in bytes."""
        folder = f".streamweave/journal/{self._installation}/".encode()
        return {name: size async for name, size in self._list(folder)}

    async def read_journal(self, name: str, position: int, size_bytes: int) -> bytes:
        """Return up to `size_bytes` of a journal object from a position."""
        path = f".streamweave/journal/{self._installation}/{name}".encode()
        chunks = [c async for c in self.read(path, offset=position, size_bytes=size_bytes)]
        return b"".join(chunks)

    async def temporaries(self) -> AsyncIterator[tuple[bytes, uuid.UUID, int]]:
        """Walk this installation's unfinished uploads, by the markers that name them."""
        folder = f"{MARKERS}/{self._installation}/".encode()
        async for name, _ in self._list(folder):
            copy, _, attempt = name.rpartition("-")
            yield folder + name.encode(), uuid.UUID(copy), int(attempt)

    async def remove(self, path: bytes) -> None:
        """Abort the upload that a marker names, and remove the marker; or remove an object."""
        client = await self.client()
        with Failed("removing"):
            if path.startswith(MARKERS.encode()):
                content = b"".join([chunk async for chunk in self.read(path)])
                named = json.loads(content)
                with contextlib.suppress(ClientError):  # done or aborted already
                    await client.abort_multipart_upload(
                        Bucket=self.address.bucket, Key=named["key"], UploadId=named["upload"]
                    )
            await client.delete_object(Bucket=self.address.bucket, Key=self._key(path))

    async def space(self) -> Space | None:
        """An object store does not tell."""
        return None

    async def read(
        self, path: bytes, *, object_id: str = "", offset: int = 0, size_bytes: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream an object (the version of the evidence, where versions are kept)."""
        objects = await self.objects()
        if size_bytes == 0:
            return
        wanted: dict[str, str] = {}
        if version := object_id.partition("|")[0]:
            wanted["VersionId"] = version
        if offset or size_bytes is not None:
            last = "" if size_bytes is None else str(offset + size_bytes - 1)
            wanted["Range"] = f"bytes={offset}-{last}"
        with Failed("reading"):
            try:
                async with objects.get(self._key(path), **wanted) as (_, chunks):
                    async for chunk in chunks:
                        yield chunk
            except ClientError as error:
                if code_of(error) not in _BEYOND:
                    raise  # else nothing is left from there on

    async def close(self) -> None:
        """Close the connections."""
        async with self._opening:
            if self._objects is not None:
                self._objects.close()
            self._client, self._objects, self._is_known = None, None, False
            await self._stack.aclose()
