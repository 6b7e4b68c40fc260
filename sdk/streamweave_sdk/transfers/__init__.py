"""The contract of movers: what a third party writes to reach its instruments.

    class Tape(Mover[NoOptions]):
        name, title = "tape", "Tape archive"

        async def open(self, place, options, around):
            return TapeSource(place)

StreamWeave finds it by the entry point `streamweave.transfers`; the pytest plug-in
`streamweave_sdk.conformance` shows whether it keeps the contract (docs/transfers.md).
"""

from streamweave_sdk.transfers.contract import (
    Entry,
    Fetched,
    Fetches,
    FileFacts,
    Mover,
    MoverSource,
    Need,
    NoOptions,
    Options,
    Place,
    Progress,
    SourceCapabilities,
    Streams,
    Surroundings,
    TaskBook,
    TransferError,
    Wanted,
)
from streamweave_sdk.transfers.finding import FoundMovers, find_movers

__all__ = [
    "Entry",
    "Fetched",
    "Fetches",
    "FileFacts",
    "FoundMovers",
    "Mover",
    "MoverSource",
    "Need",
    "NoOptions",
    "Options",
    "Place",
    "Progress",
    "SourceCapabilities",
    "Streams",
    "Surroundings",
    "TaskBook",
    "TransferError",
    "Wanted",
    "find_movers",
]
