"""One batch on its way to S3: small files in memory, large ones as parts of an upload."""

import asyncio
import base64
import contextlib
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.transfers.base import (
    ObjectFacts,
    Overwriting,
    ReadBack,
    ReadBackFrom,
    StorageCapabilities,
    Target,
)
from app.transfers.s3_errors import Failed, code_of, is_denied, is_missing, is_taken
from app.transfers.s3_objects import S3Objects

if TYPE_CHECKING:
    from app.transfers.s3 import S3Address

MARKERS = ".streamweave/uploads"
_PART_BYTES = 8 << 20
_MOST_PARTS = 9_000  # S3 takes 10,000
_KEPT_BYTES = 16 << 20
_MOST_KEY_BYTES = 1024
_LANES = 8


class Shared:
    """What the batches of one process share: the memory for small files and for parts."""

    def __init__(self) -> None:
        self.kept_bytes = 0
        self.parts = asyncio.Semaphore(3)


@dataclass
class _Upload:
    """A multipart upload that is not complete."""

    id: str
    parts: list[dict[str, Any]] = field(default_factory=list)
    size_bytes: int = 0


class S3Temporary:
    """A file on its way: its last part in memory, the others at the storage without a name."""

    def __init__(self, batch: "S3Batch", target: Target, part_bytes: int) -> None:
        self.target = target
        self._batch = batch
        self._part_bytes = part_bytes
        self._buffer = bytearray()
        self._sending: asyncio.Task[None] | None = None
        self._is_begun = False  # a part was sent, or is on its way
        self._holds_room = False

    async def write(self, chunk: bytes) -> None:
        """Append a chunk; a whole part is sent while the next one comes."""
        self._buffer += chunk
        if len(self._buffer) >= self._part_bytes:
            await self._send()

    async def _send(self) -> None:
        if not self._holds_room:
            await self._batch.shared.parts.acquire()
            self._holds_room = True
        await self._sent()
        self._is_begun = True
        part, self._buffer = bytes(self._buffer), bytearray()
        self._sending = asyncio.create_task(self._batch.send_part(self.target, part))

    async def _sent(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            await sending

    async def finish(self, mtime_ns: int) -> ObjectFacts:
        """Keep what is small; send the last part of what is not. Nothing has a name yet."""
        try:
            if not self._is_begun and self._batch.keep(self.target, bytes(self._buffer)):
                return ObjectFacts("", len(self._buffer))
            if self._buffer or not self._is_begun:
                await self._send()
            await self._sent()
        finally:
            self._leave()
        return ObjectFacts("", self._batch.uploaded_bytes(self.target))

    async def abandon(self) -> None:
        """Forget it and abort its upload."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._leave()
        await self._batch.remove_temporary(self.target)

    def _leave(self) -> None:
        self._buffer = bytearray()
        if self._holds_room:
            self._holds_room = False
            self._batch.shared.parts.release()


class S3Batch:
    """The writing end for one batch."""

    def __init__(
        self,
        client: Any,
        objects: S3Objects,
        address: "S3Address",
        capabilities: StorageCapabilities,
        shared: Shared,
        writer: str,
    ) -> None:
        self._client = client
        self._objects = objects
        self._address = address
        self.capabilities = capabilities
        self.shared = shared
        self._installation, _, self._worker = writer.partition("/")
        self._kept: dict[Target, bytes] = {}
        self._uploads: dict[Target, _Upload] = {}
        self._published: dict[Target, ObjectFacts] = {}

    def _key(self, target: Target) -> str:
        try:
            key = self._address.prefix + target.dest_path.decode()
        except UnicodeDecodeError:
            raise StreamWeaveError("storage_name_refused", "The name is not UTF-8.") from None
        if len(key.encode()) > _MOST_KEY_BYTES:
            raise StreamWeaveError("storage_name_refused", "The key is longer than 1,024 bytes.")
        return key

    def _place(self, target: Target) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": self._key(target)}

    def _attributes(self, target: Target) -> dict[str, Any]:
        """What an object is written with: whose it is, and what the storage location asks for."""
        options = self._address.options
        seconds, fraction = divmod(target.mtime_ns, 10**9)
        found: dict[str, Any] = {
            "Metadata": {
                "streamweave-copy": str(target.copy_id),
                "streamweave-attempt": str(target.attempt),
                "streamweave-ark": target.ark,
                "streamweave-version": str(target.version),
                "mtime": f"{seconds}.{fraction:09d}",  # as rclone keeps it
            }
        }
        wanted = {
            "StorageClass": "storage_class",
            "ServerSideEncryption": "encryption",
            "SSEKMSKeyId": "kms_key",
        }
        found |= {name: options[key] for name, key in wanted.items() if options.get(key)}
        if lock := options.get("object_lock"):
            days = int(options.get("retain_days", "1"))
            found |= {
                "ObjectLockMode": lock,
                "ObjectLockRetainUntilDate": utcnow() + timedelta(days=days),
            }
        return found

    async def create(self, target: Target, size_bytes: int) -> S3Temporary:
        """Begin a file; its key is checked now, before a byte was read."""
        self._key(target)
        return S3Temporary(self, target, max(_PART_BYTES, -(-size_bytes // _MOST_PARTS)))

    def keep(self, target: Target, content: bytes) -> bool:
        """Keep a small file in memory; False when there is no room for it."""
        if self.shared.kept_bytes + len(content) > _KEPT_BYTES:
            return False
        self.shared.kept_bytes += len(content)
        self._kept[target] = content
        return True

    def forget(self) -> None:
        """Give back the memory of what was not published."""
        for target in list(self._kept):
            self._drop(target)

    def _drop(self, target: Target) -> None:
        self.shared.kept_bytes -= len(self._kept.pop(target, b""))

    def uploaded_bytes(self, target: Target) -> int:
        """How much of it was sent."""
        return self._uploads[target].size_bytes

    async def send_part(self, target: Target, part: bytes) -> None:
        """Send the next part; the first one begins the upload."""
        digest = await asyncio.get_running_loop().run_in_executor(None, _sha256, part)
        with Failed("sending a part"):
            upload = self._uploads.get(target) or await self._begin(target)
            number = len(upload.parts) + 1
            answer = await self._objects.put(
                self._key(target), part, digest,
                UploadId=upload.id, PartNumber=number, ChecksumSHA256=_base64(digest),
            )  # fmt: skip
        upload.size_bytes += len(part)
        upload.parts.append(
            {"ETag": answer["ETag"], "PartNumber": number, "ChecksumSHA256": _base64(digest)}
        )

    async def _begin(self, target: Target) -> _Upload:
        place = self._place(target)
        answer = await self._client.create_multipart_upload(
            **place, **self._attributes(target), ChecksumAlgorithm="SHA256"
        )
        upload = self._uploads[target] = _Upload(answer["UploadId"])
        # Nobody else knows of it: after a crash the sweep finds it by this marker.
        marker = json.dumps({"key": place["Key"], "upload": upload.id}).encode()
        await self._client.put_object(
            Bucket=self._address.bucket, Key=self._marker(target), Body=marker
        )
        return upload

    def _marker(self, target: Target) -> str:
        name = f"{MARKERS}/{self._installation}/{target.copy_id}-{target.attempt}"
        return self._address.prefix + name

    async def make_durable(
        self, targets: Sequence[Target], journal: bytes
    ) -> dict[Target, StreamWeaveError]:
        """Write the journal, an object of its own; an answered write is durable."""
        name = f"{self._worker}-{utcnow():%Y%m%dT%H%M%S}-{uuid.uuid4().hex}.jsonl"
        key = f"{self._address.prefix}.streamweave/journal/{self._installation}/{name}"
        try:
            with Failed("writing the journal"):
                await self._client.put_object(Bucket=self._address.bucket, Key=key, Body=journal)
        except StreamWeaveError as error:
            return dict.fromkeys(targets, error)
        return {}

    async def publish(self, target: Target) -> ObjectFacts | None:
        """Write it under its final name; None when that name exists (it stays untouched)."""
        if self.capabilities.overwriting is Overwriting.EXCLUSIVE_WRITER_ONLY:
            standing, _ = await self.look(target)
            if standing is not None:
                return None
        published: ObjectFacts | None
        with Failed("publishing"):
            try:
                published = await self._publish(target)
            except ClientError as error:
                if is_missing(error):
                    detail = f"The server does not take this key: {code_of(error)}."
                    raise StreamWeaveError("storage_name_refused", detail) from error
                standing, is_ours = await self._head(target)
                # A policy that denies overwriting says "denied" of a name that exists.
                taken = is_taken(error) or (is_denied(error) and standing is not None)
                if not taken and code_of(error) != "NoSuchUpload":
                    raise
                # An answer that was lost makes the library ask again: then it is ours.
                published = standing if is_ours else None
        if published is not None:
            self._published[target] = published
        return published

    async def _publish(self, target: Target) -> ObjectFacts:
        upload = self._uploads.get(target)
        if upload is None:
            content = self._kept[target]
            digest = _sha256(content)
            answer = await self._objects.put(
                self._key(target),
                content,
                digest,
                **self._attributes(target),
                # Who locks objects wants the algorithm named, beside the sum itself.
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=_base64(digest),
                IfNoneMatch="*",
            )
            size = len(content)
        else:
            answer = await self._client.complete_multipart_upload(
                **self._place(target),
                UploadId=upload.id,
                MultipartUpload={"Parts": upload.parts},
                IfNoneMatch="*",
            )
            if not answer.get("VersionId"):
                # Some servers answer with another ETag here than they give the object.
                standing, _ = await self._head(target)
                if standing is None:
                    raise StreamWeaveError("storage_object_missing", "It went away at once.")
                return standing
            size = upload.size_bytes
        return ObjectFacts(_object_id(answer), size)

    async def _head(self, target: Target) -> tuple[ObjectFacts | None, bool]:
        """Return what stands at the final name, and whether this very attempt wrote it."""
        with Failed("looking"):
            try:
                found = await self._objects.head(self._key(target))
            except ClientError as error:
                if not is_missing(error):
                    raise
                return None, False
        is_ours = found["Metadata"].get("streamweave-copy") == str(target.copy_id)
        return ObjectFacts(_object_id(found), int(found["ContentLength"])), is_ours

    async def sync_names(self, targets: Sequence[Target]) -> None:
        """An answered write is durable, its name with it."""

    async def look(self, target: Target) -> tuple[ObjectFacts | None, ObjectFacts | None]:
        """Return what stands at the final name; nothing has a temporary one."""
        standing, _ = await self._head(target)
        return standing, None

    async def read_back(
        self, targets: Sequence[Target], *, final: bool = False
    ) -> list[ReadBack | StreamWeaveError]:
        """Read published objects: what this batch wrote by its version, otherwise what stands."""
        lanes = asyncio.Semaphore(_LANES)

        async def one(target: Target) -> ReadBack | StreamWeaveError:
            async with lanes:
                try:
                    with Failed("reading back"):
                        return await self._read_back(target)
                except StreamWeaveError as error:
                    return error

        return list(await asyncio.gather(*(one(target) for target in targets)))

    async def _read_back(self, target: Target) -> ReadBack:
        trusts = self._address.options.get("proof") == "storage_checksum"
        key, which = self._key(target), {}
        if (known := self._published.get(target)) is not None:
            which = _that_very(known.object_id)
        if trusts and target not in self._uploads:
            found = await self._objects.head(key, **which, ChecksumMode="ENABLED")
            if (told := _whole_checksum(found)) is not None:
                size = int(found["ContentLength"])
                return ReadBack(told, size, _object_id(found), ReadBackFrom.STORAGE_CHECKSUM)
        digest, size = hashlib.sha256(), 0
        async with self._objects.get(key, **which) as (answer, chunks):
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
        return ReadBack(digest.digest(), size, _object_id(answer), ReadBackFrom.SERVER_CACHE)

    async def remove_temporary(self, target: Target) -> None:
        """Forget what is kept, and abort an upload that was not completed."""
        self._drop(target)
        upload = self._uploads.pop(target, None)
        if upload is None:
            return
        with Failed("removing the upload"):
            # A completed one is not there any more, which is fine.
            with contextlib.suppress(ClientError):
                await self._client.abort_multipart_upload(**self._place(target), UploadId=upload.id)
            await self._client.delete_object(Bucket=self._address.bucket, Key=self._marker(target))

    async def withdraw(self, target: Target) -> bool:
        """Remove the final object if this copy wrote it, by its version where there are any."""
        standing, is_ours = await self._head(target)
        if standing is None or not is_ours:
            return False
        version = standing.object_id.partition("|")[0]
        which = {"VersionId": version} if version else {}
        with Failed("withdrawing"):
            await self._client.delete_object(**self._place(target), **which)
        return True


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _object_id(answer: dict[str, Any]) -> str:
    """Return version and ETag: what tells an object from another one at its name."""
    version = answer.get("VersionId") or ""
    version = "" if version == "null" else version
    return f"{version}|{str(answer.get('ETag', '')).strip(chr(34))}"


def _that_very(object_id: str) -> dict[str, str]:
    """Return how to ask for that object and no other one."""
    version, _, etag = object_id.partition("|")
    return {"VersionId": version} if version else {"IfMatch": f'"{etag}"'}


def _whole_checksum(found: dict[str, Any]) -> bytes | None:
    """Return the storage's own SHA-256 of the whole object; None when it has none."""
    told, kind = found.get("ChecksumSHA256"), found.get("ChecksumType", "FULL_OBJECT")
    if not told or kind != "FULL_OBJECT" or "-" in told:
        return None
    return base64.b64decode(told)
