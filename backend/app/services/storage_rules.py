"""What each kind of storage needs of its address, as a table and one check over it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.config import Settings
from app.models import StorageKind
from app.services.edits import InvalidField
from app.services.local_paths import check_local_path
from app.services.source_rules import check_root, check_url

# A change of these makes every process open the location anew.
ADDRESS = ("path", "host", "port", "url", "host_key", "options", "service_account_id")
_MODE = re.compile(r"^0?[0-7]{3}$")
_PLAIN = re.compile(r"^[\w .:/@+=-]{1,200}$")
_SENT = re.compile(r"^[\w .:/@+=-]{1,200}$", re.ASCII)  # in a header of HTTP


@dataclass(frozen=True)
class Needs:
    """The fields of a kind. `options` maps allowed names to what they may be."""

    required: tuple[str, ...]
    refused: tuple[str, ...]
    options: Mapping[str, re.Pattern[str]] = field(default_factory=dict)


def _one_of(*words: str) -> re.Pattern[str]:
    return re.compile("^(?:" + "|".join(re.escape(word) for word in words) + ")$")


_OWNED = {"owner": _PLAIN, "group": _PLAIN, "file_mode": _MODE, "folder_mode": _MODE}
_MOUNTED = {"fstype": _PLAIN, "mount_point": _PLAIN, "source": _PLAIN}
_PATH = ("host", "port", "url", "host_key", "service_account_id")
NEEDS: Mapping[StorageKind, Needs] = {
    StorageKind.POSIX: Needs(("path",), _PATH, _OWNED | _MOUNTED),
    StorageKind.NFS: Needs(("path",), _PATH, _OWNED | _MOUNTED),
    StorageKind.CIFS: Needs(
        ("host", "path", "service_account_id"),
        ("url", "host_key"),
        {"domain": _PLAIN, "encrypt": _one_of("true", "false")},
    ),
    StorageKind.S3: Needs(
        ("path", "service_account_id"),
        ("host", "port", "host_key"),
        {
            "region": _SENT,
            "force_path_style": _one_of("true", "false"),
            "storage_class": _SENT,
            "encryption": _one_of("AES256", "aws:kms", "aws:kms:dsse"),
            "kms_key": _SENT,
            "object_lock": _one_of("GOVERNANCE", "COMPLIANCE"),
            "retain_days": re.compile(r"^[1-9][0-9]{0,4}$"),
            "proof": _one_of("read_back", "storage_checksum"),
        },
    ),
    StorageKind.SFTP: Needs(("host", "host_key", "service_account_id"), ("url",)),
    StorageKind.WEBDAV: Needs(("url",), ("host", "port", "host_key")),
    StorageKind.RSYNC: Needs(("host", "path"), ("url", "host_key")),
}
# Where a read-back of a kind can come from (ReadBackFrom); a path may be a disk or a mount.
READ_BACKS: Mapping[StorageKind, frozenset[str]] = {
    StorageKind.POSIX: frozenset({"device", "page_cache", "server_cache"}),
    StorageKind.NFS: frozenset({"page_cache", "server_cache"}),
    StorageKind.CIFS: frozenset({"server_cache"}),
    StorageKind.S3: frozenset({"server_cache", "storage_checksum"}),
    StorageKind.SFTP: frozenset({"server_cache"}),
    StorageKind.WEBDAV: frozenset({"server_cache"}),
    StorageKind.RSYNC: frozenset({"server_cache"}),
}
_FIRST = {StorageKind.CIFS: "share", StorageKind.S3: "bucket", StorageKind.RSYNC: "module"}


def check_address(values: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Refuse an address that its kind cannot work with; return it as it is stored.

    Raises:
        InvalidField: names the field and the reason.
    """
    kind = StorageKind(values["kind"])
    needs = NEEDS[kind]
    for name in needs.required:
        if not values.get(name):
            raise InvalidField(f"/{name}", f"{kind} needs '{name}'.")
    for name in needs.refused:
        if values.get(name):
            raise InvalidField(f"/{name}", f"{kind} has no '{name}'.")
    _check_options(kind, needs, values.get("options") or {})
    if values.get("url"):
        check_url(values["url"])
    if kind.is_path:
        return {**values, "path": str(check_local_path(values["path"], settings, "/path"))}
    check_root(values.get("path") or "", "/path", _FIRST.get(kind))
    return dict(values)


def _check_options(kind: StorageKind, needs: Needs, options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        allowed = needs.options.get(name)
        if allowed is None:
            known = ", ".join(needs.options) or "none"
            raise InvalidField("/options", f"{kind} has no option '{name}'; it has: {known}.")
        if not isinstance(value, str) or not allowed.fullmatch(value):
            raise InvalidField(f"/options/{name}", f"'{value}' is no value of '{name}'.")
    if "retain_days" in options and "object_lock" not in options:
        raise InvalidField("/options/retain_days", "It needs 'object_lock'.")
