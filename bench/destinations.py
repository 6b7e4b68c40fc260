"""Small and large files to each kind of remote storage, everything on, against what one would type.

The reference is `rclone copy` and then `rclone check --download` from the same local folder to the
same server (rsync: `rsync -a` and then `rsync -a -n --checksum`), alternated with ours round by
round. Ours is the engine in this process: listing,
ARKs, hashes, durable where the protocol can, read back, published, evidence, audit. What we deliver
is compared with its source in the same way afterwards.
"""

import asyncio
import os
import secrets
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import func, select

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.harvest.engine import Engine
from app.models import (
    Copy,
    CopyState,
    Instrument,
    InstrumentStorage,
    ScanState,
    ServiceAccount,
    Slot,
    StorageLocation,
)
from app.services.credentials import Vault
from app.services.storages import StorageOpener, Writer
from bench.databases import made
from bench.local import local_engine
from bench.report import ratios, say, spread
from simlab.process import Login, ServerProcess
from simlab.rsync_servers import MODULE, RsyncDaemon
from simlab.seed import seed_small_files
from simlab.servers import ObjectStore, SambaServer, SftpServer, WebdavServer, rclone_path

if TYPE_CHECKING:
    from bench.__main__ import Options

_SMALL = (1_000, 16 << 10)
_LARGE = (3, 128 << 20)
_HANDS = 5
_USER = "STREAMWEAVEBENCH"


class _Samba(SambaServer):
    writable = True


class _Sftp(SftpServer):
    writable = True
    directory_cache = "5m"


class _Webdav(WebdavServer):
    writable = True
    directory_cache = "5m"


class _Rsync(RsyncDaemon):
    def settings(self) -> Sequence[str]:
        """It is written to."""
        return ["read only = no"]


_KINDS = ("cifs", "sftp", "webdav", "s3", "rsync")
_MAKERS: Mapping[str, Callable[..., ServerProcess]] = {
    "sftp": _Sftp,
    "webdav": _Webdav,
    "s3": ObjectStore,
    "rsync": _Rsync,
}


@dataclass(frozen=True)
class _Place:
    """A server to deliver to, as we and as rclone reach it."""

    kind: str
    server: ServerProcess
    root: str
    sentinel: uuid.UUID
    ours: Mapping[str, Any]
    theirs: Mapping[str, str]
    password: str


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    found: dict[str, Any] = {}
    sizes = {"small": _SMALL, "large": _LARGE}
    if options.files or options.size:
        sizes = {"asked": (options.files or _SMALL[0], options.size or _SMALL[1])}
    for name, (files, size) in sizes.items():
        source = options.folder / f"source-{name}"
        seed_small_files(source, files, size, seed=1)
        for kind in options.kinds.split(",") if options.kinds else _KINDS:
            place = _serve(kind, options.folder / f"{kind}-{name}")
            try:
                found.setdefault(kind, {})[name] = asyncio.run(
                    _rounds(options, place, source, (files, size))
                )
            finally:
                place.server.close()
    return found


def _serve(kind: str, folder: Path) -> _Place:
    files, password = folder / "files", secrets.token_hex(12)
    (files / "bench").mkdir(parents=True)
    login = Login(_USER, password)
    places: dict[str, Any] = {"login": login, "state": folder / "state", "logs": folder / "logs"}
    server: ServerProcess
    if kind == "cifs":
        server = _Samba(kind, shares={"data": files}, **places)
    else:
        maker: Callable[..., ServerProcess] = _MAKERS[kind]
        server = maker(kind, served=files, **places)
    server.start()
    at = {"host": server.host, "port": str(server.port)}
    url = f"http://{server.host}:{server.port}"
    if isinstance(server, SftpServer):
        ours: dict[str, Any] = {"host": server.host, "port": server.port,
                                "host_key": server.host_key}  # fmt: skip
        theirs = {"type": "sftp", "user": _USER, "shell_type": "none", **at}
    elif kind == "cifs":
        ours = {"host": server.host, "port": server.port}
        theirs = {"type": "smb", "user": _USER, **at}
    elif kind == "rsync":
        ours, theirs = {"host": server.host, "port": server.port}, at
    elif kind == "webdav":
        ours, theirs = (
            {"url": url},
            {"type": "webdav", "url": url, "user": _USER, "vendor": "other"},
        )
    else:
        ours = {"url": url}
        theirs = {
            "type": "s3", "provider": "Rclone", "endpoint": url, "access_key_id": _USER,
            "secret_access_key": password, "no_check_bucket": "true",
        }  # fmt: skip
    root = {"cifs": "data/bench", "rsync": f"{MODULE}/bench"}.get(kind, "bench")
    return _Place(kind, server, root, uuid.uuid4(), ours, theirs, password)


async def _rounds(
    options: "Options", place: _Place, source: Path, amount: tuple[int, int]
) -> dict[str, Any]:
    files, size = amount
    own, both = [], []
    for number in range(1, options.rounds + 1):
        both.append(files / await asyncio.to_thread(_copy_and_check, place, source, number))
        own.append(files / await _deliver(options, place, source, number, files))
        await asyncio.to_thread(_compare, place, source, f"own-{number}")
        say(f"{place.kind}, {files} x {size:,}: ours {own[-1]:.1f}, theirs {both[-1]:.1f} files/s.")
    return {
        "files": files,
        "size_bytes": size,
        "vs_rclone_copy_and_check": ratios(own, both),
        "files_per_second": spread(own),
        "reference_copy_and_check": spread(both),
    }


def _copy_and_check(place: _Place, source: Path, number: int) -> float:
    """What one would type; seconds."""
    os.sync()
    began = monotonic()
    folder = f"reference-{number}"
    if place.kind == "rsync":
        _rsync(place, source, folder)
    else:
        _rclone(place, source, folder, "copy", "--transfers", "4")
    _compare(place, source, folder)
    return monotonic() - began


def _compare(place: _Place, source: Path, folder: str) -> None:
    """Compare all contents; what differs raises."""
    if place.kind != "rsync":
        _rclone(place, source, folder, "check", "--download")
    elif differs := _rsync(place, source, folder, "--dry-run", "--checksum", "--out-format=%i %n"):
        raise RuntimeError(f"{folder} differs: {differs[:500]}")


def _rsync(place: _Place, source: Path, folder: str, *more: str) -> str:
    """Run rsync from source to a folder there; return what it says of files."""
    at = f"rsync://{_USER}@{place.theirs['host']}:{place.theirs['port']}/{place.root}/{folder}/"
    done = subprocess.run(
        ["rsync", "--recursive", "--times", "--omit-dir-times", *more, f"{source}/", at],
        env={"PATH": os.environ["PATH"], "RSYNC_PASSWORD": place.password},
        check=True,
        capture_output=True,
        text=True,
    )
    return "\n".join(line for line in done.stdout.splitlines() if line[1:2] == "f")


def _rclone(place: _Place, source: Path, folder: str, *command: str) -> None:
    """Run rclone between source and a folder there; what differs raises."""
    environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": ""}
    for name, value in place.theirs.items():
        environment[f"RCLONE_CONFIG_THERE_{name.upper()}"] = value
    if place.kind != "s3":
        environment["RCLONE_CONFIG_THERE_PASS"] = _obscured(place.password)
    subprocess.run(
        [rclone_path(), command[0], str(source), f"there:{place.root}/{folder}", *command[1:]],
        env=environment,
        check=True,
        stderr=subprocess.DEVNULL,
    )


def _obscured(password: str) -> str:
    command = [rclone_path(), "obscure", "-"]
    done = subprocess.run(command, input=password, text=True, capture_output=True, check=True)
    return done.stdout.strip()


async def _deliver(
    options: "Options", place: _Place, source: Path, number: int, files: int
) -> float:
    """A harvest into a folder of its own; seconds."""
    settings = Settings(
        _env_file=None, data=options.folder, secret_keys=SecretStr(Fernet.generate_key().decode())
    )
    with made("sqlite", options.folder) as url:
        database = Database(url)
        instrument = uuid.uuid4()
        engine = local_engine(database, {instrument: source}, settings)
        try:
            await _make_rows(database, settings, place, instrument, f"own-{number}")
            os.sync()
            began = monotonic()
            await _harvest(engine, instrument)
            seconds = monotonic() - began
            await _check(database, files)
        finally:
            await engine.ports.open_storage.close()  # type: ignore[attr-defined]
            await database.close()
    return seconds


async def _harvest(engine: Engine, instrument: uuid.UUID) -> None:
    for _ in range(2):  # two observations settle a file
        await engine.scan(instrument)

    async def hand() -> None:
        while await engine.transfer(["main"]):
            pass

    await asyncio.gather(*(hand() for _ in range(_HANDS)))


async def _check(database: Database, files: int) -> None:
    async with database.read() as session:
        query = select(func.count()).where(Copy.state == CopyState.AVAILABLE)
        found = await session.scalar(query)
    if found != files:
        raise RuntimeError(f"{found} of {files} files became available")


async def _make_rows(
    database: Database, settings: Settings, place: _Place, instrument: uuid.UUID, folder: str
) -> None:
    now = utcnow()
    times = {"created_at": now, "updated_at": now}
    account = ServiceAccount(
        name="bench", username=_USER,
        secret_encrypted=Vault.from_settings(settings).encrypt(place.password), **times,
    )  # fmt: skip
    async with database.write() as session:
        session.add(account)
        await session.flush()
        location = StorageLocation(
            name=place.kind, kind=place.kind, path=place.root, sentinel=place.sentinel,
            service_account_id=account.id, **place.ours, **times,
        )  # fmt: skip
        session.add(location)
        session.add(
            Instrument(
                id=instrument,
                name="bench",
                slug=folder,
                protocol="local",
                quiet_seconds=0.0,
                connections=4,
                **times,
            )
        )
        await session.flush()
        session.add(ScanState(instrument_id=instrument))
        for number in range(1, 5):
            session.add(Slot(instrument_id=instrument, number=number))
        session.add(InstrumentStorage(instrument_id=instrument, storage_location_id=location.id))
    await _place_sentinel(settings, database, location)


async def _place_sentinel(
    settings: Settings, database: Database, location: StorageLocation
) -> None:
    opener = StorageOpener(database, settings, Writer("bench000", "bench"))
    storage = await opener(location)
    try:
        if await storage.found_sentinel() is None:
            await storage.place_sentinel()
    finally:
        await opener.close()
