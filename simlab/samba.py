"""One smbd with several shares and real passwords, without root and beside any system samba."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from simlab.process import Login, ServerDidNotStart, ServerProcess

# smbd makes Unix sockets below its folders; their paths are cut off at 108 bytes by the kernel.
_LONGEST_RUNTIME_PATH = 70
_RUNTIME_PREFIX = "simlab-smb-"
_RUNTIME_FOLDERS = ("private", "lock", "state", "cache", "pid", "ncalrpc")

_CONFIG = """\
[global]
server role = standalone server
security = user
passdb backend = tdbsam:{runtime}/private/passdb.tdb
username map = {runtime}/users.map
map to guest = never
restrict anonymous = 2
interfaces = 127.0.0.1/8
bind interfaces only = yes
smb ports = {port}
disable netbios = yes
server min protocol = SMB2
unix extensions = no
private dir = {runtime}/private
lock directory = {runtime}/lock
state directory = {runtime}/state
cache directory = {runtime}/cache
pid directory = {runtime}/pid
ncalrpc dir = {runtime}/ncalrpc
log file = {log}
log level = 1 auth_audit:2
max log size = 10240
enable core files = no
load printers = no
printing = bsd
printcap name = /dev/null
disable spoolss = yes
{settings}
"""
_SHARE = """
[{name}]
path = {path}
read only = {read_only}
browseable = yes
"""


def _find(program: str) -> str | None:
    # /usr/sbin is not on the PATH of ordinary users.
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def _unix_user() -> str:
    # Not getpass: that believes $LOGNAME, while smbd asks the kernel who it is.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError as unknown:
        raise ServerDidNotStart(
            f"User id {os.getuid()} has no name in /etc/passwd, and samba needs one. Add an entry."
        ) from unknown


def samba_available() -> bool:
    """Whether smbd and the program that sets its passwords are installed."""
    return _find("smbd") is not None and _find("pdbedit") is not None


def _negotiate_request() -> bytes:
    header = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ16s", 64, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, b"")
    dialects = (0x0202, 0x0210, 0x0300)
    body = struct.pack("<HHHHI16sQ", 36, len(dialects), 1, 0, 0, bytes(16), 0)
    message = header + body + struct.pack(f"<{len(dialects)}H", *dialects)
    return struct.pack(">I", len(message)) + message


class SambaServer(ServerProcess):
    """smbd with shares for one user, read-only unless it plays a storage (`writable`).

    A Samba user must exist on the machine: the instrument's user name is mapped to the user that
    runs this process, with a password of its own in a password file of its own.
    """

    writable = False
    settings = ""  # more lines of the global section

    def __init__(
        self,
        name: str,
        *,
        shares: Mapping[str, Path],
        login: Login,
        state: Path,
        logs: Path,
        port: int | None = None,
    ) -> None:
        super().__init__(name, logs=logs, port=port)
        self._shares = dict(shares)
        self._login = login
        self._runtime = state.resolve()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if len(str(self._runtime)) > _LONGEST_RUNTIME_PATH:
            self._temporary = self._make_short_runtime(state)
            self._runtime = Path(self._temporary.name)

    @staticmethod
    def _make_short_runtime(state: Path) -> tempfile.TemporaryDirectory[str]:
        state.mkdir(parents=True, exist_ok=True)
        note = state / "runtime-folder"
        if note.exists():
            # Left by a laboratory that was killed; the check keeps a damaged note from harm.
            left = Path(note.read_text())
            if left.name.startswith(_RUNTIME_PREFIX) and left.is_dir():
                shutil.rmtree(left)
        temporary = tempfile.TemporaryDirectory(prefix=_RUNTIME_PREFIX)
        note.write_text(temporary.name)
        return temporary

    def command(self, port: int) -> Sequence[str]:
        """Write the configuration and the password, then run in the foreground."""
        smbd = _find("smbd")
        if smbd is None:
            raise ServerDidNotStart(
                "smbd is not installed. Run scripts/install-system-packages.sh."
            )
        self._runtime.mkdir(parents=True, exist_ok=True)
        for folder in _RUNTIME_FOLDERS:
            # ncalrpc must be open to read, private must not: smbd refuses otherwise.
            mode = 0o700 if folder == "private" else 0o755
            (self._runtime / folder).mkdir(exist_ok=True)
            (self._runtime / folder).chmod(mode)
        config = self._write_config(port)
        self._set_password(config)
        return [smbd, "--foreground", "--no-process-group", f"--configfile={config}"]

    def _write_config(self, port: int) -> Path:
        config = self._runtime / "smb.conf"
        shares = "".join(
            _SHARE.format(
                name=name, path=path.resolve(), read_only="no" if self.writable else "yes"
            )
            for name, path in self._shares.items()
        )
        config.write_text(
            _CONFIG.format(
                runtime=self._runtime,
                port=port,
                log=self.log_path.resolve(),
                settings=self.settings,
            )
            + shares
        )
        (self._runtime / "users.map").write_text(f"{_unix_user()} = {self._login.username}\n")
        return config

    def _set_password(self, config: Path) -> None:
        pdbedit = _find("pdbedit")
        if pdbedit is None:
            raise ServerDidNotStart("pdbedit is not installed: install samba-common-bin.")
        password = self._login.required_password()
        # Made anew each time: cheaper to be sure about than to change an old entry.
        (self._runtime / "private" / "passdb.tdb").unlink(missing_ok=True)
        added = subprocess.run(
            [
                pdbedit,
                f"--configfile={config}",
                "--create",
                "--password-from-stdin",
                f"--user={_unix_user()}",
            ],
            input=f"{password}\n{password}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if added.returncode != 0:
            raise ServerDidNotStart(f"pdbedit could not add the user: {added.stderr.strip()}")

    def answers(self, port: int) -> bool:
        """Whether it negotiates SMB2."""
        try:
            with socket.create_connection((self.host, port), timeout=2) as connection:
                connection.sendall(_negotiate_request())
                return connection.recv(8)[4:8] == b"\xfeSMB"
        except OSError:
            return False  # not yet: the caller asks again until its time is over

    def close(self) -> None:
        """Stop for good: also removes a runtime folder that had to be outside the laboratory's."""
        super().close()
        if self._temporary is not None:
            self._temporary.cleanup()
