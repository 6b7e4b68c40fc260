"""What a fault kind is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import Setting


class Kind(ABC):
    """One kind of fault: where it fits, what it may lead to, and how it is done.

    `codes` are the catalogued codes that attempts may end with because of it.
    """

    name: ClassVar[str]
    codes: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        """Whether it can be done in a setting."""
        return True

    @abstractmethod
    async def act(self, round_: Round) -> None:
        """Do it while the engine works, once or several times, counting what happened."""
