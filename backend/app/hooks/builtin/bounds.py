"""Foreign values made fit to be kept: plain JSON of bounded depth, number and size."""

import base64
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time
from itertools import islice

from pydantic import JsonValue

from streamweave_sdk.hooks import Notice

_DEEPEST = 12
_MOST_NODES = 2000
_MOST_BYTES = 128 << 10
_MOST_CHARACTERS = 4000
_LARGEST_INTEGER = 1 << 63
_NUMBER_BYTES = 26
_LONGEST_ESCAPE = 12  # of one character


class Bounded:
    """Makes foreign values plain until its bounds are reached; `cut` tells what was left out."""

    def __init__(self, most_nodes: int = _MOST_NODES, most_bytes: int = _MOST_BYTES) -> None:
        self.nodes_left = most_nodes
        self.bytes_left = most_bytes
        self.cut = False

    @property
    def full(self) -> bool:
        """Return whether there is room for nothing more."""
        return self.nodes_left <= 0 or self.bytes_left <= 0

    def add(self, into: dict[str, JsonValue], key: str, value: object) -> None:
        """Add a plain form of the value, unless there is no room."""
        if self.full:
            self.cut = True
            return
        into[self._text(key)] = self.plain(value)

    def plain(self, value: object, depth: int = 0) -> JsonValue:
        """Return the value as JSON; what has no room is None."""
        self.nodes_left -= 1
        if self.full or depth > _DEEPEST:
            self.cut = True
            return None
        if hasattr(value, "tolist"):  # of numpy
            if getattr(value, "size", 1) > max(1, self.nodes_left):
                self.cut = True
                return None
            value = value.tolist()
        if isinstance(value, Mapping):
            made: dict[str, JsonValue] = {}
            for key, one in value.items():
                if self.full:
                    self.cut = True
                    break
                made[self._text(str(key))] = self.plain(one, depth + 1)
            return made
        if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray):
            room = max(0, self.nodes_left)
            self.cut = self.cut or len(value) > room
            return [self.plain(one, depth + 1) for one in islice(value, room)]
        return self._scalar(value)

    def _scalar(self, value: object) -> JsonValue:
        self.bytes_left -= _NUMBER_BYTES
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) < _LARGEST_INTEGER else self._text(f"{value:#x}")
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, bytes | bytearray):
            return self._text(base64.b64encode(value[:_MOST_CHARACTERS]).decode())
        return self._text(str(value))

    def _text(self, text: str) -> str:
        # Databases keep neither a zero byte nor half a surrogate pair.
        text = text[: _MOST_CHARACTERS + 1].replace("\0", "").encode("utf-8", "replace").decode()
        if len(text) > _MOST_CHARACTERS:
            self.cut, text = True, text[:_MOST_CHARACTERS]
        room = max(0, self.bytes_left)
        if _cost(text) > room:
            self.cut, text = True, text[: room // _LONGEST_ESCAPE]
        self.bytes_left -= _cost(text)
        return text

    def notices(self) -> list[Notice]:
        """Return what people should know of what was left out."""
        if not self.cut:
            return []
        return [Notice(text="There is more metadata than is kept; the rest was left out.")]


def _cost(text: str) -> int:
    """Return how many bytes a text takes in JSON, where what is beyond ASCII is escaped."""
    return len(json.dumps(text)) + 2
