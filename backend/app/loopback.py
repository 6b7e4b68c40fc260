"""Ports on loopback that this process keeps for its children, as long as it lives.

Between the choice of a free port and the moment a child listens there, another stack could choose
the same one. A lock on a file named after the port keeps them apart; the kernel drops it with the
process, so a kill -9 leaves nothing to clean up.
"""

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path

from app.errors import StreamWeaveError

_ATTEMPTS = 20


class LoopbackPorts:
    """The ports that one stack has."""

    def __init__(self) -> None:
        self._locks: list[int] = []
        self._folder = Path(tempfile.gettempdir()) / f"streamweave-ports-{os.getuid()}"

    def take(self, preferred: int) -> int:
        """Return `preferred` when nobody listens there and no other stack has it, else another.

        Raises:
            StreamWeaveError: `internal_error` when there is no free port.
        """
        for attempt in range(_ATTEMPTS):
            port = _free(preferred if attempt == 0 else 0)
            if port is not None and self._lock(port):
                return port
        raise StreamWeaveError("internal_error", "There is no free port on loopback.")

    def _lock(self, port: int) -> bool:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._folder / str(port), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._locks.append(descriptor)
        return True

    def give_back(self) -> None:
        """Let others have them."""
        while self._locks:
            os.close(self._locks.pop())


def _free(port: int) -> int | None:
    with contextlib.closing(socket.socket()) as probe:
        # As servers do: a port in TIME_WAIT after a restart is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
