"""Where a program finds its server: environment first, then a private file of the user.

`STREAMWEAVE_URL` and `STREAMWEAVE_TOKEN` win over the file that `streamweave login` writes
(mode 0600, in the user's configuration directory).
"""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_config_path

DEFAULT_URL = "http://127.0.0.1:8700"


@dataclass(frozen=True)
class Connection:
    """A server and the token to speak to it with."""

    url: str = DEFAULT_URL
    token: str | None = field(default=None, repr=False)


def config_file() -> Path:
    """Return where the connection is kept."""
    return user_config_path("streamweave") / "connection.json"


def load_connection() -> Connection:
    """Return the connection of this user."""
    stored: dict[str, str] = {}
    try:
        stored = json.loads(config_file().read_text())
    except FileNotFoundError:
        stored = {}
    url = os.environ.get("STREAMWEAVE_URL")
    token = os.environ.get("STREAMWEAVE_TOKEN")
    # The stored token belongs to the stored server: another one must not get it.
    if token is None and (url is None or url.rstrip("/") == stored.get("url")):
        token = stored.get("token")
    return Connection((url or stored.get("url") or DEFAULT_URL).rstrip("/"), token)


def save_connection(connection: Connection) -> Path:
    """Store a connection, readable by this user only, and return where."""
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": connection.url.rstrip("/"), "token": connection.token}, file)
    temporary.replace(path)
    return path


def forget_connection() -> None:
    """Remove the stored connection."""
    config_file().unlink(missing_ok=True)
