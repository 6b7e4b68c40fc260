"""How long a hook waits for something that should come: counted from its first question."""

from collections import OrderedDict
from time import monotonic
from typing import Literal

from pydantic import Field

from streamweave_sdk.hooks import Config, RetryLater, VersionFacts

_MOST_KEPT = 10_000


class Waiting(Config):
    """What becomes of a file whose companion is not there."""

    when_missing: Literal["nothing", "notice", "wait"] = Field(
        default="notice",
        description="wait: ask again until the time is over, then show a notice",
    )
    wait_seconds: float = Field(
        default=3600, gt=0, le=30 * 86400,
        description="how long is waited, counted from the first time that the hook was asked",
    )  # fmt: skip
    ask_again_seconds: float = Field(
        default=60, ge=1, le=86400, description="between two questions while it waits"
    )


class Patience:
    """Remembers when a version was first asked about; a fresh process begins to count anew."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._first: OrderedDict[str, float] = OrderedDict()

    def wait_for(self, what: str, version: VersionFacts) -> None:
        """Return when nobody waits for it, or no longer.

        Raises:
            RetryLater: it is still waited for.
        """
        if self._waiting.when_missing != "wait":
            return
        first = self._first.setdefault(version.key, monotonic())
        left = first + self._waiting.wait_seconds - monotonic()
        if left > 0:
            while len(self._first) > _MOST_KEPT:
                self._first.popitem(last=False)
            raise RetryLater(
                f"{what} is not there yet.", min(left, self._waiting.ask_again_seconds)
            )
        del self._first[version.key]
