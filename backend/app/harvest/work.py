"""The values that pass between the engine's steps."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.errors import StreamWeaveError
from app.transfers.base import FileFacts, Target

# Batches of one instrument at a time: one is read while others are proven.
BATCHES_OF_ONE = 4
BATCH_FILES = 200
BATCH_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class BatchSize:
    """How much is claimed at once of an instrument; some movers want more than others.

    A patient one waits for somebody else's work: its batches take nobody's hand.
    """

    files: int = BATCH_FILES
    size_bytes: int = BATCH_BYTES
    at_once: int = BATCHES_OF_ONE
    is_patient: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """A proven copy that another one is filled from."""

    copy_id: uuid.UUID
    storage_location_id: uuid.UUID
    path: bytes
    object_id: str


@dataclass(slots=True)
class ClaimedCopy:
    """A copy that this worker holds, with all that is needed to make and prove it."""

    copy_id: uuid.UUID
    attempt: int
    source_file_id: uuid.UUID
    version_id: uuid.UUID
    version_number: int
    aim: int
    sha256: bytes | None  # fixed already, when another copy of this version got that far
    expected: FileFacts
    path: bytes
    incarnation: int
    dest_path: bytes
    ark: str
    failures: int
    started_at: datetime
    is_latest: bool = True  # otherwise the source has other content by now
    intent: dict[str, Any] | None = None  # set when the last holder got as far as publishing
    earlier_sha256: bytes | None = None  # of the version before this one
    earlier_size_bytes: int | None = None
    origin: Origin | None = None  # otherwise it comes from the instrument
    previous: Path | None = None  # the version before, for a mover that moves less then
    enough: frozenset[str] | None = None  # where a read-back must come from; None: anywhere

    target: Target = field(init=False)  # where it goes

    def __post_init__(self) -> None:
        self.target = Target(
            self.dest_path,
            self.copy_id,
            self.attempt,
            self.ark,
            self.version_number,
            self.expected.mtime_ns,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Copies of one instrument and one storage location, held by one lease."""

    instrument_id: uuid.UUID
    storage_location_id: uuid.UUID
    copies: tuple[ClaimedCopy, ...]
    recovering: bool  # all of them were `publishing` when their worker died
    only_fill: bool = False  # the instrument itself is not to be asked now
    is_patient: bool = False


@dataclass(slots=True)
class Proof:
    """What is known of one copy while it is made; ends as its evidence."""

    copy: ClaimedCopy
    sha256: bytes = b""
    bytes_received: int = 0
    object_id: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A copy that was not made, and why."""

    copy: ClaimedCopy
    error: StreamWeaveError
    nothing_stands: bool = False  # of it at the destination, though it was being published
    untried: bool = False  # its storage location could not be opened: no fault of the file
