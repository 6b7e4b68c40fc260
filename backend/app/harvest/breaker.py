"""The breaker: absence is no evidence.

A share that is not mounted, a renamed folder or narrowed rights look like an empty listing. A
listing that is empty, or smaller than a ratio of what the last one had, stops the scan before
anything is marked as gone, until a person confirms it.
"""

from dataclasses import dataclass

# Below this many files a lab may well tidy up half of them in a minute.
MIN_FILES = 5


@dataclass(frozen=True, slots=True)
class Trip:
    """Why the breaker tripped."""

    known: int
    listed: int

    @property
    def detail(self) -> str:
        """One sentence with the numbers."""
        return f"{self.listed} files are listed where {self.known} were known."


def judge_listing(*, known: int, listed: int, shrink_ratio: float) -> Trip | None:
    """Return a trip when `listed` is suspiciously small against `known`, else None.

    Args:
        known: files that were present at the last complete look.
        listed: files that are present now.
        shrink_ratio: the smallest part of `known` that is believed, 0 to 1.
    """
    if known == 0 or listed >= known:
        return None
    if listed == 0 and known >= 1:
        return Trip(known, listed)
    if known >= MIN_FILES and listed < known * shrink_ratio:
        return Trip(known, listed)
    return None
