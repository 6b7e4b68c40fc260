"""Our own names at a storage: temporaries, journals.

All begin with `.streamweave`; no file of an instrument may (`paths.name_problem`).
"""

import re
import uuid
from datetime import datetime

from app.transfers.base import Target

FOLDER = b".streamweave"
JOURNAL_SUFFIX = ".jsonl"
# They ended in `.part` once, an extension that Nextcloud and ownCloud refuse.
_TEMPORARY = re.compile(rb"^\.streamweave-([0-9a-f]{8})-([0-9a-f]{32})-([0-9]+)[.-]part$")


def temporary_name(installation: str, target: Target) -> bytes:
    """Return the name, beside the final one, under which a copy's attempt is written.

    It has no extension: servers refuse some, and hash the content of files whose type they know.
    """
    return f".streamweave-{installation[:8]}-{target.copy_id.hex}-{target.attempt}-part".encode()


def temporary_of(name: bytes, installation: str) -> tuple[uuid.UUID, int] | None:
    """Return copy and attempt of a temporary of this installation; None for any other name."""
    match = _TEMPORARY.match(name)
    if match is None or match[1] != installation[:8].encode():
        return None
    return uuid.UUID(match[2].decode()), int(match[3])


def journal_folder(installation: str) -> bytes:
    """Return where an installation's journals are."""
    return FOLDER + b"/journal/" + installation.encode()


def journal_name(worker: str, now: datetime) -> str:
    """Return the name of a worker's journal of a day."""
    return f"{worker}-{now:%Y%m%d}{JOURNAL_SUFFIX}"
