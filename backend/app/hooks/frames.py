"""What goes between a worker and a hook process: JSON with its length in four bytes before it."""

import json
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 32 << 20


class FrameError(Exception):
    """What came is no frame: the other end broke, or wrote nonsense."""


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
