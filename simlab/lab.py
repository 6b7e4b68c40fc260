"""The whole laboratory: files, servers and log-ins of all instruments, in one folder.

``DATA/instruments/`` holds the files, ``DATA/servers/`` the servers' own state, ``DATA/logs/``
their logs, ``DATA/lab.json`` (mode 0600) passwords and ports. Passwords are made once and ports are
kept where possible, so that an instrument set up in a harvester stays right over restarts.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from simlab.catalog import InstrumentSpec, load_instruments
from simlab.receiver import WebhookReceiver, new_secret
from simlab.seed import DEFAULT_SEED, seed_lab, share_path
from simlab.servers import (
    Login,
    ObjectStore,
    RcloneServer,
    S3Server,
    SambaServer,
    ServerProcess,
    SftpServer,
    WebdavServer,
    load_or_make_key,
    samba_available,
)
from simlab.writer import DEFAULT_BYTES, AcquisitionWriter

_log = logging.getLogger(__name__)
_SAMBA = "samba"
_OBJECTS, _BUCKET = "objects", "lab-archive"
_WEBHOOKS = "webhooks"
_ACCESS_KEY = "SIMLABACCESSKEY2026"
_SMB_USER = "instrument"
_WRITER_INSTRUMENT = "orbitrap"
_RCLONE_SERVERS: dict[str, type[RcloneServer]] = {
    "sftp": SftpServer,
    "s3": S3Server,
    "webdav": WebdavServer,
}


class LabInUse(RuntimeError):
    """Another process runs a laboratory in the same folder."""


@dataclass(frozen=True)
class SimInstrument:
    """How a harvester reaches one instrument, and where its files are on this machine.

    ``root`` is the share for smb, "/" for sftp, the bucket for s3, "" for webdav and an absolute
    path for local. For s3 ``username`` is the access key id and ``password`` the secret.
    """

    slug: str
    name: str
    protocol: str
    host: str | None
    port: int | None
    root: str
    username: str | None
    # Not in the repr: a failing test would print them.
    password: str | None = field(repr=False)
    private_key: str | None = field(repr=False)
    host_key: str | None
    url: str | None
    quiet_seconds: float
    path: Path
    description: str = ""


@dataclass(frozen=True)
class SimObjectStore:
    """Where files can be delivered to by S3, and the folder that shows what lies there."""

    url: str
    bucket: str
    access_key: str
    secret: str = field(repr=False)
    path: Path


@dataclass(frozen=True)
class SimWebhooks:
    """Where signed messages are posted, and the file of JSON lines that shows what came."""

    url: str
    secret: str = field(repr=False)
    path: Path


class SimLab:
    """Starts and stops the laboratory. Instruments of a protocol whose server is not installed
    are left out: :attr:`skipped` says which and why, and the caller should say it loudly."""

    def __init__(
        self,
        data: Path,
        *,
        seed: int = DEFAULT_SEED,
        scale: float = 1.0,
        only: Sequence[str] | None = None,
    ) -> None:
        specs = load_instruments()
        unknown = sorted(set(only or ()) - set(specs))
        if unknown:
            raise LookupError(f"No instrument {unknown}. There are {sorted(specs)}.")
        self._data = data.resolve()
        self._seed = seed
        self._scale = scale
        self._specs = {slug: s for slug, s in specs.items() if only is None or slug in only}
        self._servers: dict[str, ServerProcess] = {}
        self._instruments: list[SimInstrument] = []
        self._writers: list[AcquisitionWriter] = []
        self._receiver: WebhookReceiver | None = None
        self._lock: IO[bytes] | None = None
        self._ports: dict[str, int] = {}
        self._passwords: dict[str, str] = {}
        self.skipped: dict[str, str] = {}

    @property
    def instruments(self) -> list[SimInstrument]:
        """The instruments that can be reached; empty until started."""
        return list(self._instruments)

    def instrument(self, slug: str) -> SimInstrument:
        """One instrument of a started laboratory."""
        for instrument in self._instruments:
            if instrument.slug == slug:
                return instrument
        raise LookupError(f"No instrument {slug!r} runs here. {self.skipped.get(slug, '')}".strip())

    @property
    def object_store(self) -> SimObjectStore:
        """The S3 server that files can be delivered to; its folder is beside the instruments."""
        server = self._servers[_OBJECTS]
        assert isinstance(server, ObjectStore)
        return SimObjectStore(
            url=server.url,
            bucket=_BUCKET,
            access_key=_ACCESS_KEY,
            secret=self._password(_OBJECTS),
            path=self._data / _OBJECTS / _BUCKET,
        )

    @property
    def webhooks(self) -> SimWebhooks:
        """The service that webhooks can be sent to; it takes only what is signed and timely."""
        receiver = self._running_receiver()
        return SimWebhooks(receiver.url, self._passwords[_WEBHOOKS], receiver.path)

    def webhooks_received(self) -> list[dict[str, Any]]:
        """The lines of what came to that service, also in earlier runs."""
        return self._running_receiver().lines()

    def server(self, slug: str) -> ServerProcess:
        """The server of an instrument; all SMB instruments have the same one."""
        instrument = self.instrument(slug)
        if instrument.protocol == "local":
            raise LookupError(f"{slug} is a folder and has no server.")
        return self._servers[_server_name(self._specs[slug])]

    def start(self) -> None:
        """Make the files, start the servers, wait until each answers."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._read_state()
            self._skip_what_cannot_run()
            root = self._data / "instruments"
            seed_lab(root, seed=self._seed, scale=self._scale, only=list(self._specs))
            self._make_servers(root)
            for name, server in self._servers.items():
                server.start()
                self._ports[name] = server.port
            self._receive()
            self._store_state()
            self._instruments = [self._describe(spec, root) for spec in self._running()]
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Finish writers, stop servers; the files stay. Safe to call twice."""
        # Run from the last to the first, each even if another one fails: no server may be left.
        with ExitStack() as ends:
            if self._lock is not None:
                ends.callback(self._lock.close)
            for server in self._servers.values():
                ends.callback(server.close)
            if self._receiver is not None:
                ends.callback(self._receiver.close)
            for writer in self._writers:
                ends.callback(writer.stop)
        self._receiver = None
        self._writers.clear()
        self._servers.clear()
        self._instruments.clear()
        self._lock = None

    def __enter__(self) -> SimLab:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_writer(
        self,
        *,
        slug: str = _WRITER_INSTRUMENT,
        kind: str = "grow",
        seconds: float = 30.0,
        seed: int | None = None,
        size_bytes: int = DEFAULT_BYTES,
        name: str | None = None,
    ) -> AcquisitionWriter:
        """Begin an acquisition in ``live/`` of an instrument's share."""
        writer = AcquisitionWriter(
            self.instrument(slug).path / "live",
            kind=kind,
            seconds=seconds,
            seed=self._seed if seed is None else seed,
            size_bytes=size_bytes,
            name=name,
        )
        self._writers.append(writer)
        return writer.start()

    def _running_receiver(self) -> WebhookReceiver:
        if self._receiver is None:
            raise LookupError("The laboratory is not started.")
        return self._receiver

    def _receive(self) -> None:
        secret = self._passwords.setdefault(_WEBHOOKS, new_secret())
        path = self._data / f"{_WEBHOOKS}.jsonl"
        self._receiver = WebhookReceiver(path, secret=secret, port=self._ports.get(_WEBHOOKS))
        self._ports[_WEBHOOKS] = self._receiver.port

    def _take_lock(self) -> None:
        lock = (self._data / "lab.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            lock.close()
            raise LabInUse(f"Another laboratory runs in {self._data}. Stop it first.") from busy
        self._lock = lock

    def _read_state(self) -> None:
        path = self._data / "lab.json"
        if path.exists():
            state = json.loads(path.read_text(encoding="utf-8"))
            self._ports = dict(state["ports"])
            self._passwords = dict(state["passwords"])

    def _store_state(self) -> None:
        fresh = self._data / "lab.json.new"
        fresh.unlink(missing_ok=True)
        # Made with its mode: there is no moment in which others could read it.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"ports": self._ports, "passwords": self._passwords}, file, indent=2)
        fresh.replace(self._data / "lab.json")

    def _password(self, name: str) -> str:
        if name not in self._passwords:
            # The word in front lets a test search logs and answers for a secret that leaked.
            self._passwords[name] = f"simlab-secret-{name}-{secrets.token_hex(16)}"
        return self._passwords[name]

    def _skip_what_cannot_run(self) -> None:
        self.skipped = {}
        if samba_available():
            return
        for spec in self._specs.values():
            if spec.protocol == "smb":
                reason = "smbd is not installed: run scripts/install-system-packages.sh"
                self.skipped[spec.slug] = reason
                _log.warning("Instrument %s is left out: %s", spec.slug, reason)

    def _running(self) -> list[InstrumentSpec]:
        return [spec for spec in self._specs.values() if spec.slug not in self.skipped]

    def _make_servers(self, root: Path) -> None:
        shares = {s.share: share_path(root, s) for s in self._running() if s.protocol == "smb"}
        if shares:
            self._servers[_SAMBA] = SambaServer(
                _SAMBA,
                shares=shares,
                login=Login(_SMB_USER, self._password(_SAMBA)),
                state=self._data / "servers" / _SAMBA,
                logs=self._data / "logs",
                port=self._ports.get(_SAMBA),
            )
        objects = self._data / _OBJECTS
        (objects / _BUCKET).mkdir(parents=True, exist_ok=True)
        self._servers[_OBJECTS] = ObjectStore(
            _OBJECTS,
            served=objects,
            state=self._data / "servers" / _OBJECTS,
            logs=self._data / "logs",
            login=Login(_ACCESS_KEY, self._password(_OBJECTS)),
            port=self._ports.get(_OBJECTS),
        )
        for spec in self._running():
            if spec.protocol not in ("smb", "local"):
                self._servers[spec.slug] = self._make_rclone_server(spec, root)

    def _make_rclone_server(self, spec: InstrumentSpec, root: Path) -> ServerProcess:
        share = share_path(root, spec)
        return _RCLONE_SERVERS[spec.protocol](
            spec.slug,
            # Buckets are the folders inside the served one.
            served=share.parent if spec.protocol == "s3" else share,
            state=self._data / "servers" / spec.slug,
            logs=self._data / "logs",
            login=self._login(spec),
            port=self._ports.get(spec.slug),
        )

    def _login(self, spec: InstrumentSpec) -> Login:
        if _is_by_key(spec):
            _, public = load_or_make_key(self._key_path(spec))
            return Login(_username(spec), authorized_key=public)
        return Login(_username(spec), self._password(spec.slug))

    def _key_path(self, spec: InstrumentSpec) -> Path:
        return self._data / "keys" / spec.slug

    def _describe(self, spec: InstrumentSpec, root: Path) -> SimInstrument:
        server = self._servers.get(_server_name(spec))
        by_key = _is_by_key(spec)
        share = share_path(root, spec)
        roots = {
            "smb": spec.share,
            "sftp": "/",
            "s3": spec.share,
            "webdav": "",
            "local": str(share),
        }
        return SimInstrument(
            slug=spec.slug,
            name=spec.name,
            protocol=spec.protocol,
            host=server.host if server else None,
            port=server.port if server else None,
            root=roots[spec.protocol],
            username=_username(spec) if server else None,
            password=None if by_key or not server else self._password(_server_name(spec)),
            private_key=load_or_make_key(self._key_path(spec))[0] if by_key else None,
            host_key=server.host_key if isinstance(server, SftpServer) else None,
            url=server.url if isinstance(server, (S3Server, WebdavServer)) else None,
            quiet_seconds=spec.quiet_seconds,
            path=share,
            description=spec.description,
        )


def _is_by_key(spec: InstrumentSpec) -> bool:
    return spec.protocol == "sftp" and spec.login == "key"


def _server_name(spec: InstrumentSpec) -> str:
    return _SAMBA if spec.protocol == "smb" else spec.slug


def _username(spec: InstrumentSpec) -> str:
    if spec.protocol == "smb":
        return _SMB_USER
    # Access key ids are capital letters and digits; rclone refuses very short ones.
    return _ACCESS_KEY if spec.protocol == "s3" else spec.slug.replace("-", "")
