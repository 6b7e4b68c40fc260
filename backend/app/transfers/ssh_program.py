"""The OpenSSH client as a process of ours: nobody's own settings and keys, secrets by files alone.

What it is given is in a private folder, its working directory, for as long as it logs on.
"""

import os
import tempfile
from pathlib import Path

_MEMORY = "/dev/shm"
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
    "NumberOfPasswordPrompts=1",
    "HostKeyAlias=source",
)
# It answers once, so that a wrong password is offered once.
_ASKED = "#!/bin/sh\ncat ./secret && rm ./secret\n"
ASKING = "keyboard-interactive"
ASKPASS = {"SSH_ASKPASS": "./ask", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":"}


def ssh(*options: str) -> list[str]:
    """Return ssh with options."""
    return ["ssh", "-F", "none", *(p for option in (*_ALWAYS, *options) for p in ("-o", option))]


def private_folder() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder that nobody else may enter; removed at the end of its `with`.

    Where the system has such a place it is in memory: a kill leaves no secret on a disk. Containers
    may forbid to run anything from there, and ssh runs what answers it.
    """
    place = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) and _may_run(_MEMORY) else None
    return tempfile.TemporaryDirectory(prefix="streamweave-ssh-", dir=place)


def _may_run(place: str) -> bool:
    return not os.statvfs(place).f_flag & os.ST_NOEXEC


def log_on_by(way: str) -> list[str]:
    """Return the options for one way: `publickey`, `password` or `keyboard-interactive`."""
    is_key = way == "publickey"
    return [
        f"PreferredAuthentications={way}",
        f"BatchMode={'yes' if is_key else 'no'}",
        f"IdentityFile={'./key' if is_key else 'none'}",
    ]


def write_secret(folder: Path, secret: str, secret_kind: str) -> None:
    """Write what logs on."""
    if secret_kind == "private_key":
        write_private(folder / "key", secret.strip() + "\n")
    else:
        write_private(folder / "secret", secret + "\n")
        write_private(folder / "ask", _ASKED, 0o700)


def trust_only(folder: Path, host_keys: str) -> list[str]:
    """Write the keys that the server may show, one a line; return the options for it."""
    lines = [f"source {key.strip()}\n" for key in host_keys.splitlines() if key.strip()]
    write_private(folder / "known_hosts", "".join(lines))
    return ["StrictHostKeyChecking=yes", "UserKnownHostsFile=./known_hosts"]


def forget_secret(folder: Path) -> None:
    """Remove what logs on."""
    for name in ("secret", "key"):
        (folder / name).unlink(missing_ok=True)


def is_other_way(detail: str) -> bool:
    """Say whether a refused server takes a password only as the answer to a question."""
    ways = detail.rpartition("denied (")[2]
    return "password" not in ways and ASKING in ways


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that nobody else may read, from its first moment on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
