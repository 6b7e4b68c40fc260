"""How rsync reaches a source: a path of this machine, a daemon, or a server by SSH.

All names go to rsync as a list of its own on standard input, never as arguments: neither side
expands or quotes anything. The source's root is part of that list.
"""

import asyncio
import os
import posixpath
from pathlib import Path
from typing import Protocol

from app.transfers import ssh_program
from app.transfers.children import environment
from app.transfers.rsync.classify import ssh_error
from app.transfers.rsync.process import Child
from streamweave_sdk.transfers import Place, TransferError

CONFINED = "--confine-root"  # rsync 3.5


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
            ssh_program.write_private(run / "password", place.secret)

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
            if error.code != "source_logon_failed" or not ssh_program.is_other_way(error.detail):
                raise
        return await self._connect(ssh_program.ASKING)

    async def _connect(self, way: str) -> Child:
        (self._run / "ssh").unlink(missing_ok=True)
        ssh_program.write_secret(self._run, self._place.secret, self._place.secret_kind)
        master = await Child.start(
            self._command(way),
            given=b"",
            cwd=self._run,
            env=environment(**ssh_program.ASKPASS),
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
            ssh_program.forget_secret(self._run)

    def _command(self, way: str) -> list[str]:
        place = self._place
        alive = max(1, int(place.timeout_seconds / 3))
        options = [
            f"ConnectTimeout={seconds(place)}",
            f"ServerAliveInterval={alive}",
            "ServerAliveCountMax=3",
            "ControlMaster=yes",
            "PermitLocalCommand=yes",
            "LocalCommand=echo ready",
            *ssh_program.log_on_by(way),
        ]
        if place.host_key:
            options += ssh_program.trust_only(self._run, place.host_key)
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
    """Return ssh as all calls of a line start it: they share a connection."""
    return ssh_program.ssh("ControlPath=./ssh", *options)


def seconds(place: Place) -> int:
    """Return the patience with this place as a whole number of seconds."""
    return max(1, round(place.timeout_seconds))
