"""S3 servers to deliver to, each a process of its own: rclone's, and moto's with versions."""

import secrets
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.session import get_session

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.models import InstrumentStorage, ServiceAccount, StorageLocation
from app.services.credentials import Vault
from app.transfers.s3 import S3Address, S3Storage
from simlab.servers import Login, ObjectStore, _HttpServer

KEY, SECRET = "STREAMWEAVETESTKEY", "test-secret-0123456789"
BUCKET = "archive"


class RcloneS3(ObjectStore):
    """rclone's S3: takes no notice of conditions, keeps no versions."""

    refuses_overwrite = False


class MotoS3(_HttpServer):
    """moto: conditional writes, versions, checksums kept; written in Python."""

    refuses_overwrite = True

    def command(self, port: int) -> Sequence[str]:
        """The command line."""
        return [sys.executable, "-m", "moto.server", "-H", self.host, "-p", str(port)]

    def environment(self) -> Mapping[str, str]:
        """It takes any key."""
        return {}


def make_server(kind: str, folder: Path) -> RcloneS3 | MotoS3:
    """Make and start a server of a kind, with its bucket."""
    served = folder / "files"
    (served / BUCKET).mkdir(parents=True)
    maker = RcloneS3 if kind == "rclone" else MotoS3
    server = maker(
        kind, served=served, state=folder / "state", logs=folder / "logs", login=Login(KEY, SECRET)
    )
    server.start()
    if kind == "moto":
        client = boto(server.url)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return server


def boto(url: str, secret: str = SECRET):  # type: ignore[no-untyped-def]
    """The vendor's own client, to look behind the adapter's back."""
    return get_session().create_client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=secret,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            retries={"total_max_attempts": 1},
        ),
    )


def address_of(url: str, prefix: str, **options: str) -> S3Address:
    """The address of a fresh prefix."""
    return S3Address(f"{BUCKET}/{prefix}", KEY, SECRET, url, options, timeout_seconds=20.0)


def storage_at(address: S3Address, sentinel: uuid.UUID, worker: str = "w") -> S3Storage:
    """The adapter."""
    return S3Storage(address, installation="0123456789abcdef", sentinel=sentinel, worker=worker)


async def make_s3_storage(
    database: Database, settings: Settings, url: str, *instruments: uuid.UUID
) -> StorageLocation:
    """An S3 storage location with its sentinel, used by the instruments."""
    now, prefix = utcnow(), f"p{secrets.token_hex(4)}"
    account = ServiceAccount(
        name=f"s3 {prefix}", username=KEY, created_at=now, updated_at=now,
        secret_encrypted=Vault.from_settings(settings).encrypt(SECRET),
    )  # fmt: skip
    async with database.write() as session:
        session.add(account)
    location = StorageLocation(
        name=f"S3 {prefix}", kind="s3", path=f"{BUCKET}/{prefix}", url=url, sentinel=uuid.uuid4(),
        service_account_id=account.id, created_at=now, updated_at=now,
    )  # fmt: skip
    storage = storage_at(address_of(url, prefix), location.sentinel)
    await storage.place_sentinel()
    await storage.close()
    async with database.write() as session:
        session.add(location)
        await session.flush()
        for one in instruments:
            session.add(InstrumentStorage(instrument_id=one, storage_location_id=location.id))
    return location


@pytest.fixture(scope="module", params=["rclone", "moto"])
def s3_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RcloneS3 | MotoS3]:
    """An S3 server of each kind."""
    server = make_server(request.param, tmp_path_factory.mktemp(f"s3-{request.param}"))
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoS3]:
    """A server that keeps conditions and versions."""
    server = make_server("moto", tmp_path_factory.mktemp("moto"))
    assert isinstance(server, MotoS3)
    try:
        yield server
    finally:
        server.close()
