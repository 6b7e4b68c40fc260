"""How rsync reaches a source: a path of this machine, a daemon, or a server by SSH.

All names go to rsync as a list of its own on standard input, never as arguments: neither side
expands or quotes anything. The source's root is part of that list.
"""

import asyncio
import os
import posixpath
from pathlib import Path
from typing import Protocol

from app.transfers.rsync.classify import ssh_error
from app.transfers.rsync.process import Child, environment
from streamweave_sdk.transfers import Place, TransferError

CONFINED = "--confine-root"  # rsync 3.5
_ASKING = "keyboard-interactive"
_ALWAYS = (
    "GlobalKnownHostsFile=none",
    "IdentityAgent=none",
    "IdentitiesOnly=yes",
    "UpdateHostKeys=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "LogLevel=ERROR",
    "EscapeChar=none",
    "ControlPath=./ssh",
)
# It answers once, so that a wrong password is offered once.
_ASKED = "#!/bin/sh\ncat ./secret && rm ./secret\n"


class Line(Protocol):
    """A way to a source."""

    origin: str  # what rsync is given as the source
    base: bytes  # the root below it

    def arguments(self) -> list[str]:
        """Return what rsync needs for it."""
        ...

    def variables(self) -> dict[str, str]:
        """Return what rsync's environment needs; no secret."""
        ...

    async def ready(self) -> None:
        """Connect where that is done once for many calls."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


def line_to(place: Place, run: Path) -> Line:
    """Return the way to a place; `run` is a private folder, and rsync's working directory."""
    if place.protocol == "local":
        return LocalLine(place)
    return DaemonLine(place, run) if place.protocol == "rsync" else SshLine(place, run)


def _base(root: str) -> bytes:
    return os.fsencode(posixpath.normpath(root.strip("/") or "."))


class LocalLine:
    """A path that the worker sees; rsync refuses what a link leads out of it.

    Its reading end is a process of its own (`env` stands where ssh would, and takes the host for a
    variable), for what confines it must not confine where files land.
    """

    def __init__(self, place: Place) -> None:
        self.origin = "source=here:/"
        self._root = os.path.realpath(place.root)
        self.base = _base(self._root)

    def arguments(self) -> list[str]:
        """Keep below the root."""
        return ["--old-args", "-e", "env", f"-M{CONFINED}={self._root}"]

    def variables(self) -> dict[str, str]:
        """Nothing is needed."""
        return {}

    async def ready(self) -> None:
        """It is."""

    async def close(self) -> None:
        """Nothing is kept open."""


class DaemonLine:
    """An rsync daemon; the first part of the root is its module."""

    def __init__(self, place: Place, run: Path) -> None:
        module, _, below = place.root.strip("/").partition("/")
        host = f"[{place.host}]" if ":" in place.host else place.host
        self.origin = f"rsync://{host}:{place.port or 873}/{module}/"
        self.base = _base(below)
        self._place = place
        if place.secret:
            _write(run / "password", place.secret, 0o600)

    def arguments(self) -> list[str]:
        """The password is read from a file that only we may read."""
        connecting = [f"--contimeout={seconds(self._place)}", "--no-motd"]
        return [*connecting, "--password-file=./password"] if self._place.secret else connecting

    def variables(self) -> dict[str, str]:
        """Whom rsync logs on as: not part of the address, where some signs mean something."""
        return {"USER": self._place.username, "LOGNAME": self._place.username}

    async def ready(self) -> None:
        """Each call connects by itself."""

    async def close(self) -> None:
        """Nothing is kept open."""


class SshLine:
    """A server by SSH: one log-on that all calls share, and the only process that knows secrets.

    Calls find it by its socket; without it they cannot connect, so none of them logs on by itself.
    """

    def __init__(self, place: Place, run: Path) -> None:
        self.origin = "source:/" if place.root.startswith("/") else "source:"
        self.base = _base(place.root)
        self._place = place
        self._run = run
        self._master: Child | None = None
        self._connecting = asyncio.Lock()
        self._refused: TransferError | None = None

    def arguments(self) -> list[str]:
        """The name of the host is never used: the shared connection leads there."""
        return ["-e", " ".join(_ssh("ControlMaster=no", "ProxyCommand=false"))]

    def variables(self) -> dict[str, str]:
        """Nothing is needed."""
        return {}

    async def ready(self) -> None:
        """Log on, unless that connection stands.

        Raises:
            TransferError: `source_logon_failed`, `source_host_key_mismatch`, `source_timeout`,
                `source_unreachable`, `source_host_unknown`.
        """
        async with self._connecting:
            if self._master is not None and self._master.is_running:
                return
            if self._refused is not None:
                raise self._refused  # accounts get locked out
            await self.close()
            try:
                self._master = await self._log_on()
            except TransferError as error:
                if error.code == "source_logon_failed":
                    self._refused = error
                raise

    async def _log_on(self) -> Child:
        """Offer the secret once: by the other way only where the server does not know the first."""
        if self._place.secret_kind == "private_key":
            return await self._connect("publickey")
        try:
            return await self._connect("password")
        except TransferError as error:
            ways = error.detail.rpartition("denied (")[2]
            if error.code != "source_logon_failed" or "password" in ways or _ASKING not in ways:
                raise
        return await self._connect(_ASKING)

    async def _connect(self, way: str) -> Child:
        (self._run / "ssh").unlink(missing_ok=True)
        self._write_secrets()
        master = await Child.start(
            self._command(way),
            given=b"",
            cwd=self._run,
            env=environment(SSH_ASKPASS="./ask", SSH_ASKPASS_REQUIRE="force", DISPLAY=":"),
        )
        try:
            async with asyncio.timeout(self._place.timeout_seconds):
                if await master.line() == b"ready":
                    return master
                await master.wait()
            raise ssh_error(master.complaints)
        except TimeoutError as error:
            await master.end()
            raise TransferError("source_timeout", "The SSH server stopped answering.") from error
        except BaseException:
            await master.end()
            raise
        finally:
            for name in ("secret", "key"):
                (self._run / name).unlink(missing_ok=True)

    def _write_secrets(self) -> None:
        place = self._place
        if place.secret_kind == "private_key":
            _write(self._run / "key", place.secret.strip() + "\n", 0o600)
        else:
            _write(self._run / "secret", place.secret + "\n", 0o600)
            _write(self._run / "ask", _ASKED, 0o700)
        if place.host_key:
            _write(self._run / "known_hosts", f"source {place.host_key.strip()}\n", 0o600)

    def _command(self, way: str) -> list[str]:
        place = self._place
        alive = max(1, int(place.timeout_seconds / 3))
        options = [
            f"ConnectTimeout={seconds(place)}",
            f"ServerAliveInterval={alive}",
            "ServerAliveCountMax=3",
            "NumberOfPasswordPrompts=1",
            "ControlMaster=yes",
            "PermitLocalCommand=yes",
            "LocalCommand=echo ready",
            "HostKeyAlias=source",
            f"PreferredAuthentications={way}",
            f"BatchMode={'yes' if way == 'publickey' else 'no'}",
            f"IdentityFile={'./key' if way == 'publickey' else 'none'}",
        ]
        if place.host_key:
            options += ["StrictHostKeyChecking=yes", "UserKnownHostsFile=./known_hosts"]
        else:
            options += ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
        user = ["-l", place.username] if place.username else []
        where = ["-p", str(place.port or 22), *user, "-N", "-T", "--", place.host]
        return [*_ssh(*options), *where]

    async def close(self) -> None:
        """Log off."""
        if self._master is not None:
            master, self._master = self._master, None
            await master.end()


def _ssh(*options: str) -> list[str]:
    """Return ssh with options, and nobody's own settings and keys."""
    return ["ssh", "-F", "none", *(p for option in (*_ALWAYS, *options) for p in ("-o", option))]


def seconds(place: Place) -> int:
    """Return the patience with this place as a whole number of seconds."""
    return max(1, round(place.timeout_seconds))


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file that nobody else may read, from its first moment on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
