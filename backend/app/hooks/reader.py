"""Inside a hook process: the reader that a post-transfer hook gets. It asks the worker for bytes.

Each question is a frame, its answer another one; nothing else goes over the pipe meanwhile.
"""

import base64
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamweave_sdk.hooks import RetryLater

_CHUNK_BYTES = 1 << 20
_NEIGHBOUR_BYTES = 16 << 20
Call = Callable[[dict[str, Any]], dict[str, Any]]


class _Remote(io.RawIOBase):
    """The proven bytes, asked for piece by piece."""

    def __init__(self, call: Call, size_bytes: int) -> None:
        self._call = call
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that one can read on from elsewhere."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, a MiB at most."""
        wanted = min(len(buffer), _CHUNK_BYTES, max(0, self._size_bytes - self._position))
        if wanted == 0:
            return 0
        told = self._call({"read": self._position, "size_bytes": wanted})
        data = base64.b64decode(told["data"])
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset_bytes: int, whence: int = 0, /) -> int:
        """Read on from elsewhere."""
        start = {0: 0, 1: self._position, 2: self._size_bytes}[whence]
        if start + offset_bytes < 0:
            raise ValueError("a place before the beginning")
        self._position = start + offset_bytes
        return self._position

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._position


class RemoteReader(io.BufferedReader):
    """What a hook reads a version with (`streamweave_sdk.hooks.Reader`)."""

    def __init__(self, ask: Call, size_bytes: int) -> None:
        self._ask = ask
        self._turn = threading.Lock()  # a hook's threads share the one pipe
        super().__init__(_Remote(self._call, size_bytes), _CHUNK_BYTES)

    def _call(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._turn:
            told = self._ask(question)
        if "later" in told:
            raise RetryLater(str(told["later"]))
        if "too_large" in told:
            raise OSError(str(told["too_large"]))
        return told

    def local_path(self) -> Path:
        """Return a file of this machine with the bytes; it is gone after the answer.

        Raises:
            RetryLater: no copy can be read now, or other hooks have the room.
            OSError: the version is larger than the room that hooks have.
        """
        return Path(self._call({"local_path": True})["path"])

    def neighbour(self, path: str, at_most_bytes: int = 1 << 20) -> bytes | None:
        """Return another file's newest proven bytes, at most 16 MiB; None without one.

        Raises:
            RetryLater: its copy cannot be read now.
        """
        bound = min(at_most_bytes, _NEIGHBOUR_BYTES)
        data = self._call({"neighbour": path, "at_most_bytes": bound})["data"]
        return None if data is None else base64.b64decode(data)
