"""S3 destinations: rclone's server, which takes no notice of conditions, and moto, which does."""

import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.transfers.base import Storage
from app.transfers.s3 import S3Address, S3Storage
from simlab.process import Login, ServerProcess
from simlab.servers import ObjectStore, S3Server
from tests.integration.conformance.places import RCLONE_CHANGES, Destination, Door, Place
from tests.integration.conformance.server_destination import ServerDestination
from tests.integration.s3_fixtures import BUCKET, KEY, SECRET, MotoS3, boto

_NOT_HERE = {"NoSuchKey", "404"}


class S3Place(Place):
    """A prefix of a bucket."""

    def __init__(self, server: ServerProcess, client: Any, secret: str, bucket: str) -> None:
        super().__init__()
        self._server = server
        self._client = client
        self._secret = secret
        self._bucket = bucket
        self._prefix = f"root-{uuid.uuid4().hex[:8]}"

    def _key(self, path: bytes) -> str:
        return f"{self._prefix}/{path.decode()}"

    def open(self, door: Door = Door()) -> Storage:
        """Open it."""
        host, port = door.host or self._server.host, door.port or self._server.port
        address = S3Address(
            root=f"{self._bucket}/{self._prefix}" if door.root is None else door.root,
            access_key=KEY,
            secret=self._secret if door.secret is None else door.secret,
            url=f"http://{host}:{port}",
            timeout_seconds=door.timeout_seconds,
        )
        return S3Storage(
            address, installation=door.installation, sentinel=self.sentinel, worker=door.worker
        )

    async def put(self, path: bytes, content: bytes) -> None:
        """Put it."""
        self._client.put_object(Bucket=self._bucket, Key=self._key(path), Body=content)

    async def content(self, path: bytes) -> bytes | None:
        """Get it."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(path))
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_HERE:
                raise
            return None
        content: bytes = answer["Body"].read()
        return content

    async def remove(self, path: bytes) -> None:
        """Delete it."""
        self._client.delete_object(Bucket=self._bucket, Key=self._key(path))

    async def paths(self) -> set[bytes]:
        """List."""
        prefix = f"{self._prefix}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        return {
            one["Key"].removeprefix(prefix).encode()
            for page in pages
            for one in page.get("Contents", [])
        }


class _Store(ObjectStore):
    """It also tells whom it refused."""

    def environment(self) -> Mapping[str, str]:
        """More of a log."""
        return {**super().environment(), "RCLONE_LOG_LEVEL": "DEBUG"}


class _ReadOnlyStore(_Store):
    """It lets nobody write."""

    writable = False


class RcloneS3Destination(ServerDestination[S3Server]):
    """rclone serve s3."""

    name = "s3-rclone"
    refuses_overwrite = False
    is_durable = True
    names_it_changes = RCLONE_CHANGES | {"256 bytes"}  # it goes on listing what it refused
    denied_codes = frozenset({"storage_error"})
    name_errors = frozenset({"storage_name_refused", "storage_error"})  # it says no more
    share_missing_door = Door(root="no-such-bucket/x")
    refused_line = "Access Denied"

    @property
    def login(self) -> Login:
        """Its key pair."""
        return Login(KEY, self.password)

    def make(self, name: str) -> S3Server:
        """Make a server with its bucket."""
        (self.files / BUCKET).mkdir(exist_ok=True)
        kind = _ReadOnlyStore if name == "read-only" else _Store
        state, logs = self.folder / name, self.folder / "logs"
        return kind(name, served=self.files, state=state, logs=logs, login=self.login)

    def place_at(self, folder: Path, server: S3Server) -> Place:
        """Make a place; all are put there by the server that can be written to."""
        client = boto(self.server.url, self.password)
        return S3Place(server, client, self.password, BUCKET)


class MotoDestination(Destination):
    """moto: conditional writes and versions; it keeps everything in its memory."""

    name = "s3-moto"
    refuses_overwrite = True
    keeps_racers_apart = False  # it looks and then writes, in threads
    is_durable = True

    def __init__(self, folder: Path) -> None:
        served = folder / "files"
        served.mkdir(parents=True)
        login = Login(KEY, SECRET)
        self._bucket = f"bucket-{secrets.token_hex(3)}"
        self._server = MotoS3(
            "moto", served=served, state=folder / "state", logs=folder / "logs", login=login
        )

    def start(self) -> None:
        """Start it with a bucket that keeps versions."""
        self._server.start()
        client = boto(self._server.url)
        client.create_bucket(Bucket=self._bucket)
        client.put_bucket_versioning(
            Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"}
        )

    def close(self) -> None:
        """End it."""
        self._server.close()

    def place(self) -> Place:
        """A prefix of its own."""
        return S3Place(self._server, boto(self._server.url), SECRET, self._bucket)
