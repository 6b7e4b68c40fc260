"""What rsync says: its list of files, and names as it writes them.

rsync writes what cannot be printed as `\\#ooo` (three octal digits), and a backslash so too where
it could be mistaken for one; so a name's bytes come back exactly.
"""

import calendar
import re
from collections.abc import Sequence

from streamweave_sdk.transfers import FileFacts

_ESCAPED = re.compile(rb"\\#([0-7]{3})")
_LISTED = re.compile(
    rb"(?P<kind>.)\S{9,} +(?P<size>[\d,.]+) "
    rb"(?P<time>-?\d+/\d\d/\d\d \d\d:\d\d:\d\d) (?P<name>.*)",
    re.DOTALL,
)
_BILLION = 10**9


class Listed:
    """A line of a list: a file, a directory, or something else that is left out."""

    __slots__ = ("facts", "is_directory", "is_file", "name")

    def __init__(self, kind: bytes, facts: FileFacts | None, name: bytes) -> None:
        self.is_file = kind == b"-"
        self.is_directory = kind == b"d"
        self.facts = facts  # None: its time cannot be stored
        self.name = name


def text_of(line: bytes) -> str:
    """Return a line of a complaint as text, not too long."""
    return line.decode("utf-8", "replace").strip()[:500]


def telling(lines: Sequence[bytes], exit_code: int) -> str:
    """Return the first complaint that says more than where rsync stopped."""
    found = [line for line in lines if line.strip(b"@ ") and not line.startswith(b"rsync error:")]
    return f"{text_of((found or list(lines) or [b'It said nothing.'])[0])} (exit code {exit_code})"


def unescaped(name: bytes) -> bytes:
    """Return the bytes of a name as rsync writes it."""
    if b"\\#" not in name:
        return name
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 255]), name)


def listed(line: bytes) -> Listed | None:
    """Return what a line of `--list-only` (under TZ=UTC) says; None when it is no such line."""
    found = _LISTED.fullmatch(line)
    if found is None:
        return None
    size_bytes = int(re.sub(rb"[,.]", b"", found["size"]))
    mtime_ns = _nanoseconds(found["time"])
    facts = None if mtime_ns is None else FileFacts(size_bytes, mtime_ns)
    return Listed(found["kind"], facts, unescaped(found["name"]))


def _nanoseconds(text: bytes) -> int | None:
    """Return a time in UTC as nanoseconds since 1970; None when 64 bits cannot hold it."""
    day, clock = text.split(b" ")
    try:
        year, month, date = (int(part) for part in day.rsplit(b"/", 2))
        hour, minute, second = (int(part) for part in clock.split(b":"))
        seconds = calendar.timegm((year, month, date, hour, minute, second))
    except ValueError:
        return None
    nanoseconds = seconds * _BILLION
    return nanoseconds if abs(nanoseconds) < 1 << 63 else None
