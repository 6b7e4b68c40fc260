"""How often somebody may try to sign in: a sliding window in the memory of this process.

An attempt counts when it begins, so that many at the same time count too, and is forgiven when the
password was right. What is refused here does not count: the wait ends by itself.
"""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.clock import monotonic
from app.errors import StreamWeaveError

# A person mistypes a few times; a laboratory behind one address has many people.
LIMITS: Mapping[str, int] = {"email": 10, "client": 30}
WINDOW_SECONDS = 300.0
_MOST_KEYS = 50_000

Key = tuple[str, str]


class TooManyAttempts(StreamWeaveError):
    """Somebody has to wait before the next attempt."""

    def __init__(self, retry_after_seconds: float) -> None:
        self.retry_after_seconds = max(1, math.ceil(retry_after_seconds))
        super().__init__(
            "too_many_attempts", f"Too many attempts. Wait {self.retry_after_seconds} s."
        )


@dataclass(frozen=True)
class Attempt:
    """One attempt that has begun."""

    at: float
    keys: tuple[Key, ...]


class Attempts:
    """Counts attempts by kind and value: `limits` says how many of a kind fit into the window."""

    def __init__(
        self,
        limits: Mapping[str, int] = LIMITS,
        *,
        window_seconds: float = WINDOW_SECONDS,
        most_keys: int = _MOST_KEYS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._limits = limits
        self._window = window_seconds
        self._most_keys = most_keys
        self._clock = clock
        # The key that was used longest ago comes first.
        self._times: OrderedDict[Key, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def begin(self, values: Mapping[str, str]) -> Attempt:
        """Count an attempt, or refuse it.

        Raises:
            TooManyAttempts: says when the next one is possible.
        """
        now = self._clock()
        keys = tuple(values.items())
        waits = [self._wait(key, now) for key in keys]
        if any(waits):
            raise TooManyAttempts(max(waits))
        for key in keys:
            self._times.setdefault(key, deque()).append(now)
            self._times.move_to_end(key)
        self._forget_some()
        return Attempt(now, keys)

    def forgive(self, attempt: Attempt) -> None:
        """Take an attempt back: it was right."""
        for key in attempt.keys:
            times = self._times.get(key)
            if times is not None and attempt.at in times:
                times.remove(attempt.at)
            if not times:
                self._times.pop(key, None)

    def _wait(self, key: Key, now: float) -> float:
        times = self._times.get(key)
        if times is None:
            return 0.0
        while times and times[0] <= now - self._window:
            times.popleft()
        if len(times) < self._limits[key[0]]:
            return 0.0
        self._times.move_to_end(key)  # a flood of other keys must not push it out
        return times[0] + self._window - now

    def _forget_some(self) -> None:
        while len(self._times) > self._most_keys:
            self._times.popitem(last=False)


def client_key(host: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 network of one site."""
    if host is None:
        return "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
