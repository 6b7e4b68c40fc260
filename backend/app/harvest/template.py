"""Path templates: how a source path becomes a destination path, from a fixed set of fields.

`{instrument}/{acquired:%Y/%m}/{path}`: no code, no attribute, no conversion. A template is checked
when it is saved; what it makes is checked again for each file, and names that meet at one place
are found by `dest_key` before anything is copied.
"""

import re
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.errors import StreamWeaveError
from app.transfers.paths import path_problem

FIELDS = {
    "instrument": "the instrument's slug",
    "path": "the whole path below the source's root",
    "folder": "the path without the file's name",
    "name": "the file's name",
    "stem": "the name without its last suffix",
    "suffix": "the last suffix, without its dot",
    "acquired": "the file's modification time in UTC, for example {acquired:%Y/%m/%d}",
}
_WHICH_FILE = {"path", "name", "stem"}
_TIME = re.compile(r"^(?:%[YmdHMSjGVy]|[-_./ T])+$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What a template may use of a file."""

    instrument: str
    path: bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Part:
    literal: bytes
    field: str | None
    time_format: str


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A template that was understood."""

    text: str
    parts: tuple[_Part, ...]

    def render(self, facts: PathFacts) -> bytes:
        """Return the destination path of a file, below the storage's root.

        Raises:
            StreamWeaveError: `template_invalid` when what it makes is no safe path.
        """
        made = b"".join(part.literal + _value(part, facts) for part in self.parts)
        # An empty folder leaves nothing between two slashes.
        path = b"/".join(piece for piece in made.split(b"/") if piece)
        if path_problem(path) is not None:
            raise StreamWeaveError("template_invalid", f"It makes {path!r} of {facts.path!r}.")
        return path


def _value(part: _Part, facts: PathFacts) -> bytes:
    folder, _, name = facts.path.rpartition(b"/")
    stem, dot, suffix = name.rpartition(b".")
    if not stem:  # no suffix, or a dot file
        stem, suffix = name, b""
    match part.field:
        case "instrument":
            return facts.instrument.encode()
        case "path":
            return facts.path
        case "folder":
            return folder
        case "name":
            return name
        case "stem":
            return stem
        case "suffix":
            return suffix if dot else b""
        case "acquired":
            at = _EPOCH + timedelta(microseconds=facts.mtime_ns // 1000)
            return at.strftime(part.time_format).encode()
        case _:
            return b""


@lru_cache(256)
def parse_template(text: str) -> PathTemplate:
    """Understand a template.

    Raises:
        StreamWeaveError: `template_invalid` with what is wrong.
    """
    if not text or len(text) > _MOST_CHARACTERS:
        raise _wrong(f"It needs 1 to {_MOST_CHARACTERS} characters.")
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise _wrong(f"{error}.") from error
    parts = tuple(
        _Part(literal.encode(), field, _checked(field, spec or "", conversion))
        for literal, field, spec, conversion in pieces
    )
    used = {part.field for part in parts}
    if not used & _WHICH_FILE:
        raise _wrong("Without {path}, {name} or {stem} all files would have one name.")
    template = PathTemplate(text, parts)
    _check_literals(text, template)
    return template


def _checked(field: str | None, spec: str, conversion: str | None) -> str:
    if field is None:
        return ""
    if field not in FIELDS:
        known = ", ".join(FIELDS)
        raise _wrong(f"There is no field '{field}'. The fields are: {known}.")
    if conversion:
        raise _wrong(f"'!{conversion}' is not known here.")
    if field != "acquired":
        if spec:
            raise _wrong(f"{{{field}}} takes no format.")
        return ""
    if not _TIME.match(spec):
        raise _wrong("{acquired} needs a format of %Y %m %d %H %M %S %j %G %V %y, like %Y/%m.")
    return spec


def _check_literals(text: str, template: PathTemplate) -> None:
    """Literals must make no way out, no hidden segment and no name of StreamWeave's own."""
    if text.startswith("/") or text.endswith("/"):
        raise _wrong("It begins and ends without a slash.")
    literal = b"".join(part.literal + (b"x" if part.field else b"") for part in template.parts)
    for segment in literal.split(b"/"):
        if not segment or segment.startswith(b".") or b"\x00" in segment or b"\\" in segment:
            raise _wrong("No part of it may be empty, begin with a dot or hold a backslash.")


def _wrong(detail: str) -> StreamWeaveError:
    return StreamWeaveError("template_invalid", detail)
