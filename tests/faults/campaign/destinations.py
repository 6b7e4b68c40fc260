"""Storage behind a real server in a round: samba, S3 or rsync, and what stands in between.

The objects are files of a folder that the server has, so the checker looks at them itself.
"""

import contextlib
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.models import InstrumentStorage, ServiceAccount, StorageLocation
from app.services.credentials import Vault
from app.services.storages import StorageOpener, Writer
from simlab.process import Login, ServerProcess
from simlab.rsync_servers import MODULE, RsyncDaemon
from simlab.samba import SambaServer
from simlab.servers import ObjectStore
from tests.faults.tcp_proxy import TcpProxy
from tests.integration.s3_refusing import RefusingDoor

_USER = "STREAMWEAVEROUND"
_IO_TIMEOUT_SECONDS = 2.5


class _Samba(SambaServer):
    writable = True


class _Rsync(RsyncDaemon):
    def settings(self) -> Sequence[str]:
        """It is written to."""
        return ["read only = no"]


@dataclass
class Destination:
    """A storage's server and the way to it; over HTTP through a door that can refuse and lie."""

    kind: str
    path: str  # of the storage location
    server: ServerProcess
    proxy: TcpProxy
    door: RefusingDoor | None
    io_timeout_seconds: float = _IO_TIMEOUT_SECONDS


def _server(kind: str, archive: Path, password: str) -> ServerProcess:
    folder = archive.parent.parent / f"{kind}-server"
    folder.mkdir()
    places: dict[str, Any] = {"state": folder / "state", "logs": folder / "logs"}
    login = Login(_USER, password)
    if kind == "smb":
        return _Samba(kind, shares={"data": archive.parent}, login=login, **places)
    if kind == "rsync":
        return _Rsync(kind, served=archive.parent, login=login, **places)
    return ObjectStore(kind, served=archive.parent, login=login, **places)


@contextlib.contextmanager
def _door(kind: str, server: ServerProcess) -> Iterator[RefusingDoor | None]:
    if kind != "s3":
        yield None
        return
    with RefusingDoor(f"http://{server.host}:{server.port}") as door:
        yield door


@contextlib.asynccontextmanager
async def served_storage(
    kind: str, database: Database, archive: Path, instrument: uuid.UUID
) -> AsyncIterator[Destination]:
    """Serve a folder that exists, make its storage location, and let an instrument use it."""
    password = secrets.token_hex(12)
    server = _server(kind, archive, password)
    server.start()
    try:
        with _door(kind, server) as door:
            proxy = TcpProxy(int(door.url.rpartition(":")[2]) if door else server.port)
            await proxy.start()
            try:
                below = {"smb": "data/", "rsync": f"{MODULE}/"}.get(kind, "")
                path = below + archive.name
                await _make_rows(database, archive, instrument, (kind, path, password, proxy.port))
                yield Destination(kind, path, server, proxy, door)
            finally:
                await proxy.stop()
    finally:
        server.close()


async def _make_rows(
    database: Database,
    archive: Path,
    instrument: uuid.UUID,
    where: tuple[str, str, str, int],
) -> None:
    kind, path, password, port = where
    settings = Settings(data=archive.parent.parent)  # as the workers have it
    now = utcnow()
    times = {"created_at": now, "updated_at": now}
    at: dict[str, Any] = {"host": "127.0.0.1", "port": port}
    if kind == "s3":
        at = {"url": f"http://127.0.0.1:{port}"}
    async with database.write() as session:
        account = ServiceAccount(
            name="storage", username=_USER,
            secret_encrypted=Vault.from_settings(settings).encrypt(password), **times,
        )  # fmt: skip
        session.add(account)
        await session.flush()
        location = StorageLocation(
            name="Storage", kind="cifs" if kind == "smb" else kind, path=path,
            sentinel=uuid.uuid4(), service_account_id=account.id, **at, **times,
        )  # fmt: skip
        session.add(location)
        await session.flush()
        session.add(InstrumentStorage(instrument_id=instrument, storage_location_id=location.id))
    opener = StorageOpener(database, settings, Writer("0123456789abcdef", "round"))
    storage = await opener(location)
    await storage.place_sentinel()
    await opener.close()
