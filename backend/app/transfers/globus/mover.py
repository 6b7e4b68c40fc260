"""Globus in the contract of movers: options, what must be there, and opening a source."""

import importlib.util
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from streamweave_sdk.transfers import (
    Mover,
    MoverSource,
    Need,
    Options,
    Place,
    Surroundings,
    TransferError,
)


class GlobusOptions(Options):
    """How an instrument's files come by Globus."""

    source_collection: UUID = Field(
        title="Source collection", description="Id of the collection that has the files."
    )
    landing_collection: UUID = Field(
        title="Landing collection",
        description="Id of a collection whose folder the workers see as a path.",
    )
    landing_folder: str = Field(
        default="/", title="Landing folder", description="Its path in the landing collection."
    )
    landing_path: str = Field(
        title="Landing path",
        min_length=1,
        description="The same folder as the workers see it, below STREAMWEAVE_LOCAL_ROOTS.",
        json_schema_extra={"format": "local-path"},
    )
    verify_checksum: bool = Field(
        default=True,
        title="Verify by Globus's checksum",
        description="Globus compares both ends after each file and sends it again if they differ.",
    )
    encrypt: bool = Field(default=False, title="Encrypt on the way")
    deadline_hours: float = Field(
        default=72, gt=0, le=24 * 90, title="Deadline", description="Hours until Globus gives up."
    )
    poll_seconds: float = Field(
        default=5, ge=0.05, le=600, title="Ask every", description="Seconds between two questions."
    )


class Globus(Mover[GlobusOptions]):
    """Managed transfers between collections, with client credentials (id and secret)."""

    name = "globus"
    title = "Globus"
    protocols = frozenset({"globus"})
    needs = frozenset({Need.COLLECTION, Need.LOCAL_PATH})
    options_model: ClassVar[type[Options]] = GlobusOptions
    batch_files = 1000  # a task costs seconds at both ends, however many files it has
    batch_bytes = 1 << 40
    is_patient = True

    def problem(self) -> str | None:
        """Return that the client library is missing, or None."""
        if importlib.util.find_spec("globus_sdk") is None:
            return "the extra 'globus' is not installed (globus-sdk)."
        return None

    async def open(self, place: Place, options: GlobusOptions, around: Surroundings) -> MoverSource:
        """Open a source; nothing is asked of the service yet."""
        # The library takes a third of a second and 20 MB: only who has such an instrument pays.
        from app.transfers.globus.client import GlobusClient
        from app.transfers.globus.source import GlobusSource

        if not place.username or not place.secret:
            raise TransferError("source_logon_failed", "Globus needs a client id and its secret.")
        client = GlobusClient(place.username, place.secret, place.timeout_seconds)
        return GlobusSource(client, place, options, around.tasks)
