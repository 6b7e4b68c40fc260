"""How much of a place's bandwidth each call may use: a running rsync cannot be told anew."""

import contextlib
from collections.abc import Iterator

_LEAST_BYTES_PER_SECOND = 512  # what rsync takes


class Bandwidth:
    """Gives each call half of what is left, and the last possible one all of it.

    So a lone call has at least half, and all together never more than the bound.
    """

    def __init__(self, bytes_per_second: int | None, calls: int) -> None:
        self._left = bytes_per_second or 0
        self._is_bounded = bool(bytes_per_second)
        self._calls = max(1, calls)
        self._running = 0

    @contextlib.contextmanager
    def share(self) -> Iterator[list[str]]:
        """Give rsync's arguments for one more call, for as long as it runs."""
        if not self._is_bounded:
            yield []
            return
        is_last = self._running >= self._calls - 1
        taken = self._left if is_last else self._left // 2
        self._left -= taken
        self._running += 1
        try:
            yield [f"--bwlimit={max(_LEAST_BYTES_PER_SECOND, taken)}b"]
        finally:
            self._left += taken
            self._running -= 1
