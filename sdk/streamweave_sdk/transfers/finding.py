"""Which movers are installed: entry points `streamweave.transfers`.

A mover that cannot be loaded is reported with its reason and hides no other.
"""

import inspect
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from streamweave_sdk.transfers.contract import Mover

GROUP = "streamweave.transfers"


@dataclass
class FoundMovers:
    """The movers by name, and what could not be loaded: where to why."""

    movers: dict[str, Mover[Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, mover: type[Mover[Any]], where: str) -> None:
        """Add a mover; the first of a name stands."""
        if mover.name in self.movers:
            self.problems[where] = f"There is another mover named '{mover.name}'."
        else:
            self.movers[mover.name] = mover()


def find_movers() -> FoundMovers:
    """Return the movers of installed packages."""
    found = FoundMovers()
    for point in entry_points(group=GROUP):
        try:
            mover = point.load()
            if inspect.isclass(mover) and issubclass(mover, Mover):
                found.add(mover, point.value)
            else:
                found.problems[point.value] = "It is no mover: derive it from Mover."
        except Exception as error:  # noqa: BLE001  a package may fail in any way: it is reported
            found.problems[point.value] = f"{type(error).__name__}: {error}"
    return found
