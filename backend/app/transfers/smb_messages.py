"""The dozen SMB2 messages that a storage needs, as bytes (MS-SMB2 2.2, MS-FSCC 2.4 and 2.5).

Packed by hand: a file costs ten of them, and a general library spends a fifth of a millisecond of
the interpreter's time on each.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

HEADER_BYTES = 64
CREDIT_BYTES = 64 << 10
PREVIOUS = b"\xff" * 16  # the file that the message before opened

CREATE, CLOSE, FLUSH, READ, WRITE, QUERY_DIRECTORY, QUERY_INFO, SET_INFO = 5, 6, 7, 8, 9, 14, 16, 17

READ_DATA, WRITE_DATA, APPEND_DATA = 0x1, 0x2, 0x4
READ_ATTRIBUTES, WRITE_ATTRIBUTES = 0x80, 0x100
DELETE, SYNCHRONIZE = 0x10000, 0x100000

OPEN, OPEN_IF, OVERWRITE_IF = 1, 3, 5
FOLDER_ONLY, FILE_ONLY, DELETE_ON_CLOSE, OPEN_LINK_ITSELF = 0x1, 0x40, 0x1000, 0x200000

_SHARE_ALL = 7
_IMPERSONATION = 2
_ATTRIBUTE_FOLDER, _ATTRIBUTE_LINK = 0x10, 0x400
_DIRECTORY_INFORMATION = 1
_BASIC_INFORMATION, _RENAME_INFORMATION, _LINK_INFORMATION = 4, 10, 11
_FULL_SIZE_INFORMATION = 7
_SHORTEST_NEW_NAME = 24
_FILE, _FILE_SYSTEM = 1, 2
# Asks for the object's identity on its disk; the answer has the same name.
_IDENTITY = struct.pack("<IHHHHI4s4x", 0, 16, 4, 0, 0, 0, b"QFid")
_EPOCH_SECONDS = 11_644_473_600  # from 1601 to 1970
_LAST_FILETIME = 0x7FFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Part:
    """One message without its header, and the credits it costs."""

    command: int
    body: bytes
    charge: int = 1


class Reply(NamedTuple):
    """One answer: its status, and all of it with its header."""

    status: int
    message: memoryview


class Opened(NamedTuple):
    """What the answer to CREATE says."""

    handle: bytes
    size_bytes: int
    mtime_seconds: int
    is_folder: bool
    identity: str


class Closed(NamedTuple):
    """What the answer to CLOSE says."""

    size_bytes: int
    mtime_seconds: int


class Item(NamedTuple):
    """One name of a folder."""

    name: str
    is_folder: bool
    size_bytes: int


def create(name: str, access: int, disposition: int, options: int = 0) -> Part:
    """Open something, or make it."""
    text = name.encode("utf-16-le")
    padded = text + bytes(-len(text) % 8) if text else bytes(8)
    start = HEADER_BYTES + 56
    head = struct.pack(
        "<HBBIQQIIIIIHHII", 57, 0, 0, _IMPERSONATION, 0, 0, access | SYNCHRONIZE, 0, _SHARE_ALL,
        disposition, options, start, len(text), start + len(padded), len(_IDENTITY),
    )  # fmt: skip
    return Part(CREATE, head + padded + _IDENTITY)


def opened(reply: Reply) -> Opened:
    """Read the answer to CREATE."""
    message = reply.message
    written, _, _, size, attributes = struct.unpack_from("<QQQQI", message, HEADER_BYTES + 24)
    handle = bytes(message[HEADER_BYTES + 64 : HEADER_BYTES + 80])
    offset, length = struct.unpack_from("<II", message, HEADER_BYTES + 80)
    contexts = bytes(message[offset : offset + length]) if length else b""
    is_folder = bool(attributes & _ATTRIBUTE_FOLDER) and not attributes & _ATTRIBUTE_LINK
    return Opened(handle, size, _seconds(written), is_folder, _identity(contexts))


def _identity(contexts: bytes) -> str:
    """Return the object's identity, empty where the server does not tell it."""
    while len(contexts) >= 16:
        following, name_at, name_length, _, data_at, length = struct.unpack_from(
            "<IHHHHI", contexts
        )
        if contexts[name_at : name_at + name_length] == b"QFid" and length >= 16:
            return contexts[data_at : data_at + 16].hex()
        if not following:
            break
        contexts = contexts[following:]
    return ""


def close(handle: bytes = PREVIOUS) -> Part:
    """Close, and ask for what it is then."""
    return Part(CLOSE, struct.pack("<HHI16s", 24, 1, 0, handle))


def closed(reply: Reply) -> Closed:
    """Read the answer to CLOSE."""
    written, _, _, size = struct.unpack_from("<QQQQ", reply.message, HEADER_BYTES + 24)
    return Closed(size, _seconds(written))


def flush(handle: bytes = PREVIOUS) -> Part:
    """Write it to the server's disk."""
    return Part(FLUSH, struct.pack("<HHI16s", 24, 0, 0, handle))


def read(offset: int, size: int, handle: bytes = PREVIOUS) -> Part:
    """Read up to `size` bytes."""
    body = struct.pack(
        "<HBBIQ16sIIIHHx", 49, 80, 0, size, offset, handle, 0, 0, 0, 0, 0
    )  # fmt: skip
    return Part(READ, body, _charge(size))


def data_of(reply: Reply) -> bytes:
    """Read the answer to READ."""
    offset, _, length = struct.unpack_from("<BBI", reply.message, HEADER_BYTES + 2)
    return bytes(reply.message[offset : offset + length])


def write(offset: int, content: bytes, handle: bytes = PREVIOUS) -> Part:
    """Write."""
    head = struct.pack(
        "<HHIQ16sIIHHI", 49, HEADER_BYTES + 48, len(content), offset, handle, 0, 0, 0, 0, 0
    )
    return Part(WRITE, head + content, _charge(len(content)))


def written(reply: Reply) -> int:
    """Read the answer to WRITE: how much was."""
    (count,) = struct.unpack_from("<I", reply.message, HEADER_BYTES + 4)
    return int(count)


def _charge(size: int) -> int:
    return max(1, -(-size // CREDIT_BYTES))


def set_mtime(mtime_ns: int, handle: bytes = PREVIOUS) -> Part:
    """Set the time of the last write; the others stay."""
    time = min(max(mtime_ns // 100 + _EPOCH_SECONDS * 10**7, 1), _LAST_FILETIME)
    return _set(_BASIC_INFORMATION, struct.pack("<QQQQII", 0, 0, time, 0, 0, 0), handle)


def rename(name: str, handle: bytes = PREVIOUS) -> Part:
    """Rename, never replacing what stands at the new name."""
    return _set(_RENAME_INFORMATION, _new_name(name), handle)


def link(name: str, handle: bytes = PREVIOUS) -> Part:
    """Give it a second name, never replacing what stands there."""
    return _set(_LINK_INFORMATION, _new_name(name), handle)


def _new_name(name: str) -> bytes:
    text = name.encode("utf-16-le")
    value = struct.pack("<B7xQI", 0, 0, len(text)) + text
    return value.ljust(_SHORTEST_NEW_NAME, b"\0")


def _set(kind: int, value: bytes, handle: bytes) -> Part:
    head = struct.pack("<HBBIHHI16s", 33, _FILE, kind, len(value), HEADER_BYTES + 32, 0, 0, handle)
    return Part(SET_INFO, head + value)


def query_space(handle: bytes = PREVIOUS) -> Part:
    """Ask for the space of the file system."""
    body = struct.pack(
        "<HBBIHHIII16sx", 41, _FILE_SYSTEM, _FULL_SIZE_INFORMATION, 32, 0, 0, 0, 0, 0, handle
    )
    return Part(QUERY_INFO, body)


def space_of(reply: Reply) -> tuple[int, int]:
    """Read the answer: total and free bytes for the caller."""
    (offset,) = struct.unpack_from("<H", reply.message, HEADER_BYTES + 2)
    total, free, _, sectors, sector_bytes = struct.unpack_from("<QQQII", reply.message, offset)
    return total * sectors * sector_bytes, free * sectors * sector_bytes


def list_names(size: int, handle: bytes = PREVIOUS) -> Part:
    """Ask for the next names of a folder."""
    pattern = "*".encode("utf-16-le")
    head = struct.pack(
        "<HBBI16sHHI", 33, _DIRECTORY_INFORMATION, 0, 0, handle, HEADER_BYTES + 32, len(pattern),
        size,
    )  # fmt: skip
    return Part(QUERY_DIRECTORY, head + pattern, _charge(size))


def names_of(reply: Reply) -> Iterator[Item]:
    """Read the answer: one item a name."""
    offset, length = struct.unpack_from("<HI", reply.message, HEADER_BYTES + 2)
    block = bytes(reply.message[offset : offset + length])
    at = 0
    while block:
        following, size, attributes, name_length = struct.unpack_from("<I36xQ8xII", block, at)
        name = block[at + 64 : at + 64 + name_length].decode("utf-16-le", "surrogatepass")
        is_link = bool(attributes & _ATTRIBUTE_LINK)
        if name not in (".", ".."):
            yield Item(name, bool(attributes & _ATTRIBUTE_FOLDER) and not is_link, size)
        if not following:
            return
        at += following


def _seconds(filetime: int) -> int:
    return int(filetime // 10**7 - _EPOCH_SECONDS)
