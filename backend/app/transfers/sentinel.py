"""The sentinel: a small file at each storage that says which storage location it is.

Without it nothing is written: an unmounted folder, another bucket or an emptied share has none.
"""

import json
import uuid

from app.errors import StreamWeaveError

SENTINEL_PATH = b".streamweave/sentinel.json"


def sentinel_bytes(sentinel: uuid.UUID) -> bytes:
    """Return the file's content."""
    return json.dumps({"storage": str(sentinel)}).encode()


def sentinel_in(content: bytes) -> uuid.UUID | None:
    """Return the sentinel that a file's content names; None for what is no sentinel."""
    try:
        return uuid.UUID(json.loads(content)["storage"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def require_sentinel(found: uuid.UUID | None, wanted: uuid.UUID, place: str) -> None:
    """Check that the sentinel is the wanted one.

    Raises:
        StreamWeaveError: `storage_unreachable` when it is missing or another storage's.
    """
    if found is None:
        raise StreamWeaveError("storage_unreachable", f"No sentinel at {place}.")
    if found != wanted:
        raise StreamWeaveError("storage_unreachable", f"{place} has another storage's sentinel.")
