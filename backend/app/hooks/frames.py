"""What goes between a worker and a hook process: JSON with its length in four bytes before it."""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 32 << 20
_DEEPEST = 50


class FrameError(Exception):
    """What came is no frame: the other end broke, or wrote nonsense."""


def clean(value: Any, depth: int = 0) -> Any:
    """Return a JSON value that both databases can hold, whatever a hook made of it.

    NUL and halves of characters are replaced; numbers that are none, and what is nested deeper
    than 50 levels, are null; integers beyond 64 bits are texts.
    """
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return str(value)
    if isinstance(value, Mapping | list) and depth >= _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [clean(part, depth + 1) for part in value]
    return value


def pack(value: Any) -> bytes:
    """Return a value as one frame.

    Raises:
        FrameError: it is longer than 32 MiB.
    """
    body = json.dumps(value, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"A frame of {len(body)} bytes.")
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """Return the length in bytes of the frame whose first four bytes these are.

    Raises:
        FrameError: no frame is as long.
    """
    length: int = _LENGTH.unpack(head)[0]
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"A frame of {length} bytes.")
    return length


def unpack(body: bytes) -> dict[str, Any]:
    """Return the object in a frame's body.

    Raises:
        FrameError: it is no JSON object.
    """
    try:
        value = json.loads(body)
    except ValueError as error:
        raise FrameError("A frame that is no JSON.") from error
    if not isinstance(value, dict):
        raise FrameError("A frame that is no object.")
    return value


def read_frame(file: BinaryIO) -> dict[str, Any] | None:
    """Return the next frame, None at the end.

    Raises:
        FrameError: it breaks off.
    """
    head = file.read(_LENGTH.size)
    if not head:
        return None
    body = file.read(length_of(head))
    return unpack(body)
