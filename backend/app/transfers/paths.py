"""Names from sources are hostile: what is refused, and how a name is shown and folded."""

import hashlib
import unicodedata

MAX_PATH_BYTES = 4096
# StreamWeave's own names at a destination: temporaries, sentinel, journal.
RESERVED_PREFIX = b".streamweave"


def name_problem(name: bytes) -> str | None:
    """Return the error code of a directory entry's name that must be refused, or None."""
    if name in (b"", b".", b".."):
        return "source_name_unsafe"
    if b"\x00" in name or b"/" in name:
        return "source_name_unsafe"
    if name.startswith(RESERVED_PREFIX):
        return "source_name_reserved"
    if len(name) > 1024:
        return "source_name_unsafe"
    return None


def path_problem(path: bytes) -> str | None:
    """Return the error code of a relative path that must be refused, or None."""
    if not path or path.startswith(b"/") or len(path) > MAX_PATH_BYTES:
        return "source_name_unsafe"
    for part in path.split(b"/"):
        if (problem := name_problem(part)) is not None:
            return problem
    return None


def join(directory: bytes, name: bytes) -> bytes:
    """Return the path of a name in a directory (`b""` is the root)."""
    return directory + b"/" + name if directory else name


def parent(path: bytes) -> bytes:
    """Return the directory of a path (`b""` is the root)."""
    return path.rpartition(b"/")[0]


def display(path: bytes) -> str:
    """Return the path for people and for text columns: undecodable bytes and NUL are shown."""
    return path.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def path_hash(path: bytes) -> bytes:
    """Return the SHA-256 of the path's exact bytes: its identity on an instrument."""
    return hashlib.sha256(path).digest()


def dest_key(path: bytes, *, case_insensitive: bool) -> bytes:
    """Return the SHA-256 of the path as the storage compares names.

    A case-insensitive storage (SMB, APFS, NTFS) also takes both Unicode forms of a letter for
    one; others compare bytes.
    """
    if not case_insensitive:
        return hashlib.sha256(path).digest()
    text = unicodedata.normalize("NFC", path.decode("utf-8", "surrogateescape")).casefold()
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
