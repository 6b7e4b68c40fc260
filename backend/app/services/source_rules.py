"""What each protocol needs of an instrument's source, as a table and one check over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.config import Settings
from app.errors import StreamWeaveError
from app.models import Protocol
from app.services.edits import InvalidField
from app.services.local_paths import check_local_path
from app.services.movers import chosen_mover, place_of
from app.transfers.movers import ensure_serves, ensure_suitable, known_movers, options_of


@dataclass(frozen=True)
class Needs:
    """The fields of a protocol. `options` maps allowed names to their type."""

    required: tuple[str, ...]
    refused: tuple[str, ...]
    options: Mapping[str, type] = field(default_factory=dict)


NEEDS: Mapping[Protocol, Needs] = {
    Protocol.SMB: Needs(("host", "root"), ("url", "host_key"), {"domain": str}),
    Protocol.SFTP: Needs(("host",), ("url",)),
    Protocol.S3: Needs(
        ("url", "root"),
        ("host", "port", "host_key"),
        {"region": str, "provider": str, "force_path_style": bool},
    ),
    Protocol.WEBDAV: Needs(("url",), ("host", "port", "host_key"), {"vendor": str}),
    Protocol.LOCAL: Needs(("root",), ("host", "port", "url", "host_key", "service_account_id")),
    Protocol.RSYNC: Needs(("host", "root"), ("url", "host_key")),
    Protocol.GLOBUS: Needs(("service_account_id",), ("host", "port", "url", "host_key")),
    Protocol.ADAPTER: Needs(("mover",), ()),
}
_FIRST = {Protocol.SMB: "share", Protocol.S3: "bucket", Protocol.RSYNC: "module"}
# A change of these makes the worker's daemon build a new remote.
REMOTE = (
    "protocol", "host", "port", "url", "root", "host_key", "options", "service_account_id",
    "mover", "mover_options",
)  # fmt: skip


def check_source(values: Mapping[str, Any], settings: Settings) -> None:
    """Refuse a source that its protocol cannot work with.

    Raises:
        InvalidField: names the field and the reason.
    """
    protocol = Protocol(values["protocol"])
    needs = NEEDS[protocol]
    for name in needs.required:
        if not values.get(name):
            raise InvalidField(f"/{name}", f"{protocol} needs '{name}'.")
    for name in needs.refused:
        if values.get(name):
            raise InvalidField(f"/{name}", f"{protocol} has no '{name}'.")
    _check_options(protocol, needs, values.get("options") or {})
    if values.get("url"):
        check_url(values["url"])
    _check_mover(values, settings)
    if protocol is Protocol.LOCAL:
        check_local_path(values["root"], settings, "/root")
    else:
        check_root(values.get("root") or "", "/root", _FIRST.get(protocol))


def _check_mover(values: Mapping[str, Any], settings: Settings) -> None:
    """Refuse a mover that is not here, cannot reach this source, or lacks settings."""
    given = values.get("mover_options") or {}
    try:
        mover = known_movers().find(chosen_mover(values))
        ensure_serves(mover, str(values["protocol"]))
    except StreamWeaveError as error:
        raise InvalidField("/mover", error.detail) from error
    try:
        options = options_of(mover, given)
        ensure_suitable(mover, place_of(values), options)
    except StreamWeaveError as error:
        raise InvalidField("/mover_options", error.detail) from error
    for name, field_info in type(options).model_fields.items():
        extra = field_info.json_schema_extra
        if isinstance(extra, dict) and extra.get("format") == "local-path":
            check_local_path(str(getattr(options, name)), settings, f"/mover_options/{name}")


def _check_options(protocol: Protocol, needs: Needs, options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        allowed = needs.options.get(name)
        if allowed is None:
            raise InvalidField("/options", f"{protocol} does not allow this option.")
        if not isinstance(value, allowed):
            raise InvalidField(f"/options/{name}", f"'{name}' is a {allowed.__name__}.")
        if isinstance(value, str) and (len(value) > 200 or not value.isprintable()):
            raise InvalidField(f"/options/{name}", f"'{name}' is not a plain short text.")


def check_url(url: str) -> None:
    """Refuse what is no address of a web server, or holds a log-on."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidField("/url", "This is no address.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidField("/url", "The address begins with http:// or https:// and a host.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidField("/url", "Log-on and parameters do not belong in the address.")


def check_root(root: str, pointer: str, first: str | None) -> None:
    """Refuse a folder that is not written plainly, or lacks its first part (share, bucket)."""
    if "\\" in root:
        raise InvalidField(pointer, "Use '/' between folders.")
    parts = root.strip("/").split("/") if root.strip("/") else []
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidField(pointer, "Folders are named one by one, without '.' or '..'.")
    if first is not None and (not parts or root.startswith("/")):
        raise InvalidField(pointer, f"It begins with the {first}: '{first}/folder'.")
