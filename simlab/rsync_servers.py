"""Servers that rsync speaks to: its own daemon, and OpenSSH with a key.

Both serve one folder for reading, as the user who runs the laboratory. Secrets are in files of
mode 0600.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from simlab.process import Login, ServerDidNotStart, ServerProcess
from simlab.servers import load_or_make_key

MODULE = "data"


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerDidNotStart(f"{name} is not installed: run scripts/install-system-packages.sh")
    return found


def _as_ourselves() -> list[str]:
    """Root's daemon would serve as nobody; another user's may not even say as whom."""
    return [f"uid = {os.getuid()}", f"gid = {os.getgid()}"] if os.getuid() == 0 else []


def _greets(host: str, port: int, greeting: bytes) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            return connection.recv(len(greeting)) == greeting
    except OSError:
        return False  # not yet: the caller asks again until its time is over


class RsyncDaemon(ServerProcess):
    """rsync's daemon with one module, `data`, for one user."""

    def __init__(
        self,
        name: str,
        *,
        served: Path,
        login: Login,
        state: Path,
        logs: Path,
        port: int | None = None,
    ) -> None:
        super().__init__(name, logs=logs, port=port)
        self.served = served
        self._login = login
        self._state = state

    def settings(self) -> Sequence[str]:
        """More lines of the module's configuration."""
        return []

    def command(self, port: int) -> Sequence[str]:
        """Write its configuration, and run it."""
        self._state.mkdir(parents=True, exist_ok=True)
        secrets = self._state / "rsyncd.secrets"
        secrets.touch(mode=0o600)
        secrets.write_text(f"{self._login.username}:{self._login.required_password()}\n")
        config = self._state / "rsyncd.conf"
        lines = [
            f"port = {port}", f"address = {self.host}", "use chroot = no", "reverse lookup = no",
            f"[{MODULE}]", f"path = {self.served.resolve()}", "read only = yes", "list = no",
            f"auth users = {self._login.username}", f"secrets file = {secrets.resolve()}",
            *_as_ourselves(), *self.settings(),
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        # What it says goes to the log of the process.
        where = ["--log-file=/dev/stdout", f"--config={config.resolve()}"]
        return [_program("rsync"), "--daemon", "--no-detach", *where]

    def answers(self, port: int) -> bool:
        """Whether it says `@RSYNCD:`."""
        return _greets(self.host, port, b"@RSYNCD:")


class OpenSshd(ServerProcess):
    """OpenSSH's server; who runs the laboratory enters with a key, and may run rsync there."""

    def __init__(self, name: str, *, state: Path, logs: Path, port: int | None = None) -> None:
        super().__init__(name, logs=logs, port=port)
        self._state = state

    @property
    def username(self) -> str:
        """Who may enter."""
        return getpass.getuser()

    @property
    def private_key(self) -> str:
        """What opens the door."""
        return load_or_make_key(self._state / "user_key")[0]

    @property
    def host_key(self) -> str:
        """The line `ssh-ed25519 AAAA...` that a client pins."""
        return load_or_make_key(self._state / "host_key")[1]

    def settings(self) -> Sequence[str]:
        """More lines of its configuration."""
        return []

    def command(self, port: int) -> Sequence[str]:
        """Write its configuration, and run it."""
        self._state.mkdir(parents=True, exist_ok=True)
        load_or_make_key(self._state / "host_key")
        authorized = self._state / "authorized_keys"
        authorized.write_text(load_or_make_key(self._state / "user_key")[1] + "\n")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself in
        config = self._state / "sshd_config"
        lines = [
            f"Port {port}", f"ListenAddress {self.host}", "PidFile none", "StrictModes no",
            f"HostKey {(self._state / 'host_key').resolve()}", "UsePAM no",
            f"AuthorizedKeysFile {authorized.resolve()}", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
            # A shell's start-up file of who runs it could take longer than what is run.
            f'SetEnv HOME="{self._state.resolve()}"',
            "Subsystem sftp internal-sftp", *self.settings(),
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        return [_program("sshd"), "-D", "-e", "-f", str(config.resolve())]

    def answers(self, port: int) -> bool:
        """Whether it says `SSH-2.0`."""
        return _greets(self.host, port, b"SSH-2.0")
