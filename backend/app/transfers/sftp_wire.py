"""The packets of SFTP version 3, as bytes and back (draft-ietf-secsh-filexfer-02).

Nothing here waits or knows a connection. What the draft does not allow raises `Garbled`: the other
side cannot be understood any more, so its session has to end.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

VERSION = 3
INIT, VERSION_SAID, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = range(1, 11)
OPENDIR, READDIR, REMOVE, MKDIR = range(11, 15)
RENAME, EXTENDED = 18, 200
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED_REPLY = 201

FOR_READING, FOR_WRITING, CREATING, TRUNCATING = 0x01, 0x02, 0x08, 0x10
OK, AT_END, MISSING, DENIED, FAILURE = range(5)
UNSUPPORTED = 8

_HEAD = struct.Struct(">IBI")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_AT = struct.Struct(">QI")
_SPACE = struct.Struct(">11Q")
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 1, 2, 4, 8, 1 << 31
_FOLDER, _TYPE_BITS = 0o040000, 0o170000
_LONGEST = 34_000  # what every server takes and sends, beyond the bytes that were asked for
_BEHIND_LENGTH = _U32.size


class Garbled(Exception):
    """The server sent what is no answer to anything that it was asked."""


class Refused(Exception):
    """The server answered with a failure: its number, and its own words."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said or f"status {code}")
        self.code = code


# Version 3 ends at 8; some servers send later versions' codes all the same.
_CODES = {
    MISSING: "storage_object_missing",
    DENIED: "storage_permission_denied",
    5: "storage_connection_lost",
    6: "storage_connection_lost",
    7: "storage_connection_lost",
    10: "storage_object_missing",
    12: "storage_read_only",
    14: "storage_full",
    15: "storage_full",
    17: "storage_file_locked",
    19: "destination_conflict",
    20: "storage_name_refused",
    21: "storage_unsafe_path",
    22: "storage_permission_denied",
    24: "destination_conflict",
}
# It has one code for what it has no code for; many servers say in words what it was.
_WORDS = {
    "no space left": "storage_full",
    "quota exceeded": "storage_full",
    "read-only file system": "storage_read_only",
    "read only file system": "storage_read_only",
    "permission denied": "storage_permission_denied",
    "file name too long": "storage_name_refused",
    "invalid argument": "storage_name_refused",
    "is a directory": "destination_conflict",
    "not a directory": "destination_conflict",
}


def code_of(refused: Refused) -> str:
    """Return the catalogued error of what a server answered."""
    said = str(refused).lower()
    if refused.code == FAILURE:
        return next((code for words, code in _WORDS.items() if words in said), "storage_error")
    return _CODES.get(refused.code, "storage_error")


class Expected(NamedTuple):
    """What may come as an answer beside a status."""

    kind: int
    most_bytes: int = 0


class Answer(NamedTuple):
    """One answer: which request it is for, what it is, and what it says."""

    number: int
    kind: int
    body: bytes


class Attributes(NamedTuple):
    """What a server said of a file; 0 and "no folder" where it said nothing."""

    size_bytes: int
    mtime_seconds: int
    is_folder: bool


class VfsSpace(NamedTuple):
    """What statvfs@openssh.com says (OpenSSH's PROTOCOL, 4.4), as far as it is used."""

    block_bytes: int
    blocks: int
    free: int
    usable: int
    is_read_only: bool


def text(value: bytes) -> bytes:
    """Return a string as it is sent: its length before it."""
    return _U32.pack(len(value)) + value


def packet(kind: int, number: int, body: bytes, more_bytes: int = 0) -> bytes:
    """Return a packet, or its beginning; INIT has the version where others have their number."""
    return _HEAD.pack(len(body) + more_bytes + 5, kind, number) + body


def mode(flags: int) -> bytes:
    """Return how a file is opened, with no attributes."""
    return _U32.pack(flags) + bytes(4)


def span(offset: int, size: int) -> bytes:
    """Return a place in a file and a length."""
    return _AT.pack(offset, size)


def times(seconds: int) -> bytes:
    """Return attributes that set both times, in seconds since 1970."""
    return struct.pack(">III", _HAS_TIMES, seconds, seconds)


class Reader:
    """Reads what a packet is made of, never beyond its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._body)

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        taken = self._body[self._at : self._at + size]
        if len(taken) != size:
            raise Garbled("A packet ends too early.")
        self._at += size
        return taken

    def number(self) -> int:
        """Return the next 32 bits."""
        return int.from_bytes(self.take(4), "big")

    def text(self) -> bytes:
        """Return the next string."""
        return self.take(self.number())

    def attributes(self) -> Attributes:
        """Return the attributes of a file."""
        flags = self.number()
        size = int.from_bytes(self.take(8), "big") if flags & _HAS_SIZE else 0
        if flags & _HAS_OWNER:
            self.take(8)
        kind = self.number() & _TYPE_BITS if flags & _HAS_MODE else 0
        seconds = int.from_bytes(self.take(8)[4:], "big") if flags & _HAS_TIMES else 0
        for _ in range(self.number() if flags & _HAS_MORE else 0):
            self.text()
            self.text()
        return Attributes(size, seconds, kind == _FOLDER)


def refusal(status: bytes) -> Refused | None:
    """Return what a status says, None when all is well."""
    reader = Reader(status)
    code = reader.number()
    if code == OK:
        return None
    # Old servers send the number alone.
    return Refused(code, "" if reader.is_over else reader.text().decode(errors="replace"))


def data(body: bytes) -> memoryview:
    """Return what was read."""
    if int.from_bytes(body[:4], "big") != len(body) - 4:
        raise Garbled("A packet of data has another length than it says.")
    return memoryview(body)[4:]


def names(body: bytes) -> Iterator[tuple[bytes, Attributes]]:
    """Return the names of a part of a folder."""
    reader = Reader(body)
    for _ in range(reader.number()):
        name = reader.text()
        reader.text()  # the same for people
        yield name, reader.attributes()


def extensions(body: bytes) -> Mapping[bytes, bytes]:
    """Return what a server offers beyond the draft, with its own version of each."""
    reader, offered = Reader(body), {}
    while not reader.is_over:
        name = reader.text()
        offered[name] = reader.text()
    return offered


def limits(body: bytes) -> tuple[int, int]:
    """Return the longest read and write of limits@openssh.com (PROTOCOL, 4.8); 0 is "not said"."""
    reader = Reader(body)
    reader.take(8)
    reading, writing = _U64.unpack(reader.take(8))[0], _U64.unpack(reader.take(8))[0]
    return reading, writing


def space(body: bytes) -> VfsSpace:
    """Return what statvfs@openssh.com says."""
    _, size, blocks, free, usable, _, _, _, _, flags, _ = _SPACE.unpack(
        Reader(body).take(_SPACE.size)
    )
    return VfsSpace(size, blocks, free, usable, bool(flags & 1))


class Answers:
    """Cuts a stream of bytes into answers. What was not asked for, or is too long, is `Garbled`."""

    def __init__(self, asked: Mapping[int, Expected]) -> None:
        self._asked = asked
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Answer]:
        """Return the answers that are whole now."""
        held = self._held
        held += data
        at = 0
        try:
            while len(held) - at >= _HEAD.size:
                length, kind, number = _HEAD.unpack_from(held, at)
                self._check(length, kind, number)
                end = at + _BEHIND_LENGTH + length
                if len(held) < end:
                    return
                body = bytes(memoryview(held)[at + _HEAD.size : end])
                at = end
                yield Answer(number, kind, body)
        finally:
            del held[:at]

    def _check(self, length: int, kind: int, number: int) -> None:
        if kind == VERSION_SAID:
            expected, number = self._asked.get(-1), -1
        else:
            expected = self._asked.get(number)
        if expected is None:
            raise Garbled(f"An answer to what was not asked: number {number}.")
        if kind not in (STATUS, expected.kind):
            raise Garbled(f"An answer of the wrong kind: {kind} for {expected.kind}.")
        if not _HEAD.size - _BEHIND_LENGTH <= length <= _LONGEST + expected.most_bytes:
            raise Garbled(f"An answer of {length} bytes.")
