"""Opening storage locations: from a row to its adapter, with the decrypted secret in memory only.

One adapter a location and process, since it holds connections; a changed address or secret makes
a new one. The same adapters serve the engine, connection tests, and people who download.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.models import ServiceAccount, StorageKind, StorageLocation
from app.services.credentials import Vault
from app.transfers.base import Storage
from app.transfers.file_server import FileServer, ServerAddress
from app.transfers.mounts import MountRule
from app.transfers.ownership import Ownership
from app.transfers.posix import PosixStorage
from app.transfers.served import ServedStorage
from streamweave_sdk.transfers import Place


@dataclass(frozen=True)
class Writer:
    """Whose temporaries and journals they are."""

    installation: str
    worker: str


@dataclass(frozen=True)
class _Opening:
    """All that an adapter is made from."""

    row: StorageLocation
    username: str
    secret: str
    secret_kind: str
    writer: Writer
    seconds: float
    landing: Path  # for files that a program takes from a disk, or brings to one


def _posix(one: _Opening) -> Storage:
    return PosixStorage(
        Path(one.row.path),
        installation=one.writer.installation,
        sentinel=one.row.sentinel,
        worker=one.writer.worker,
        case_insensitive=one.row.case_insensitive,
        stall_seconds=one.seconds,
        mount=_mount(one.row),
        ownership=_ownership(one.row),
    )


def _mount(row: StorageLocation) -> MountRule | None:
    """NFS must be mounted; a POSIX location only when it says where."""
    said = {name: str(row.options.get(name, "")) for name in ("fstype", "mount_point", "source")}
    if row.kind == StorageKind.POSIX and not any(said.values()):
        return None
    return MountRule(said["fstype"], said["mount_point"], said["source"])


def _ownership(row: StorageLocation) -> Ownership:
    options = {str(name): str(value) for name, value in row.options.items()}
    modes = [options.get(name) for name in ("file_mode", "folder_mode")]
    names = [options.get(name) for name in ("owner", "group")]
    owner, group = (int(n) if n is not None and n.isdecimal() else n for n in names)
    file_mode, folder_mode = (int(mode, 8) if mode else None for mode in modes)
    return Ownership(owner, group, file_mode, folder_mode)


def _s3(one: _Opening) -> Storage:
    # Its library takes half a second and 30 MB: only who has such a storage pays for it.
    from app.transfers.s3 import S3Address, S3Storage

    options = {str(name): str(value) for name, value in one.row.options.items()}
    address = S3Address(
        root=one.row.path,
        access_key=one.username,
        secret=one.secret,
        url=one.row.url,
        options=options,
        timeout_seconds=one.seconds,
    )
    return S3Storage(
        address,
        installation=one.writer.installation,
        sentinel=one.row.sentinel,
        worker=one.writer.worker,
        case_insensitive=one.row.case_insensitive,
    )


def _address(one: _Opening) -> ServerAddress:
    row = one.row
    return ServerAddress(
        host=row.host or "",
        port=row.port,
        url=row.url or "",
        root=row.path,
        username=one.username,
        secret=one.secret,
        secret_kind=one.secret_kind,
        host_key=row.host_key or "",
        options={str(name): str(value) for name, value in row.options.items()},
        timeout_seconds=one.seconds,
    )


def _served(one: _Opening, server: FileServer) -> Storage:
    return ServedStorage(
        server,
        installation=one.writer.installation,
        sentinel=one.row.sentinel,
        worker=one.writer.worker,
        case_insensitive=one.row.case_insensitive,
    )


def _cifs(one: _Opening) -> Storage:
    from app.transfers.smb import SmbFiles

    return _served(one, SmbFiles(_address(one)))


def _sftp(one: _Opening) -> Storage:
    from app.transfers.sftp import SftpFiles

    return _served(one, SftpFiles(_address(one)))


def _webdav(one: _Opening) -> Storage:
    from app.transfers.webdav import WebdavFiles

    return _served(one, WebdavFiles(_address(one)))


def _rsync(one: _Opening) -> Storage:
    from app.transfers.rsync.storage import RsyncStorage, Whose

    row = one.row
    place = Place(
        protocol="rsync",
        root=row.path,
        host=row.host or "",
        port=row.port,
        username=one.username,
        secret=one.secret,
        timeout_seconds=one.seconds,
    )
    return RsyncStorage(
        place,
        Whose(one.writer.installation, one.writer.worker, row.sentinel),
        spool=one.landing,
        case_insensitive=row.case_insensitive,
    )


_MAKERS: Mapping[str, Callable[[_Opening], Storage]] = {
    StorageKind.POSIX: _posix,
    StorageKind.NFS: _posix,
    StorageKind.WEBDAV: _webdav,
    StorageKind.S3: _s3,
    StorageKind.CIFS: _cifs,
    StorageKind.SFTP: _sftp,
    StorageKind.RSYNC: _rsync,
}


class StorageOpener:
    """The adapters of one process."""

    def __init__(self, database: Database, settings: Settings, writer: Writer) -> None:
        self._database = database
        self._settings = settings
        self.writer = writer
        self._open: dict[uuid.UUID, tuple[tuple[int, int], Storage]] = {}
        self._opening = asyncio.Lock()

    async def __call__(self, location: StorageLocation) -> Storage:
        """Return the adapter of a location, the same for all who ask.

        Raises:
            StreamWeaveError: `storage_account_paused` after a refused log-on.
        """
        async with self._opening:
            account = await self._account(location)
            key = (location.generation, account.secret_version if account else 0)
            known = self._open.get(location.id)
            if known is not None and known[0] == key:
                return known[1]
            storage = self.make(location, account)
            self._open[location.id] = (key, storage)
        if known is not None:
            await known[1].close()
        return storage

    async def _account(self, location: StorageLocation) -> ServiceAccount | None:
        if location.service_account_id is None:
            return None
        async with self._database.read() as session:
            account = await session.get(ServiceAccount, location.service_account_id)
        if account is not None and account.refused_version == account.secret_version:
            raise StreamWeaveError(
                "storage_account_paused",
                f"{location.name} refused '{account.name}' and is not asked again.",
            )
        return account

    def make(self, location: StorageLocation, account: ServiceAccount | None) -> Storage:
        """Make an adapter that belongs to the caller, also for a paused account."""
        secret = ""
        if account is not None:
            secret = Vault.from_settings(self._settings).decrypt(account.secret_encrypted)
        opening = _Opening(
            row=location,
            username=account.username if account else "",
            secret=secret,
            secret_kind=account.secret_kind if account else "password",
            writer=self.writer,
            seconds=self._settings.io_timeout_seconds,
            landing=self._settings.data / "landing",
        )
        return _MAKERS[location.kind](opening)

    async def note(self, location: StorageLocation, error: StreamWeaveError) -> None:
        """One refused log-on stops the trying, for every worker (accounts get locked out)."""
        if error.code != "storage_logon_failed" or location.service_account_id is None:
            return

        async def work(session: AsyncSession) -> None:
            account = await session.get(ServiceAccount, location.service_account_id)
            if account is not None:
                await session.execute(
                    update(ServiceAccount)
                    .where(ServiceAccount.id == account.id)
                    .values(refused_version=account.secret_version, refused_at=utcnow())
                )

        await self._database.run(work)

    async def close(self) -> None:
        """Close all connections."""
        for _, storage in self._open.values():
            await storage.close()
        self._open.clear()
