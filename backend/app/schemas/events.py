"""Live events: small, so that a page knows what to read again."""

import uuid
from typing import Any

from pydantic import Field

from app.schemas.base import Output


class LiveEvent(Output):
    """What changed, as one `change` event of the stream. Only the ids that matter are sent.

    `count` without ids of its own stands for many changes of one kind: read the lists again.
    """

    kind: str = Field(
        description="copy.available, copy.failed, copies.claimed, files.seen, files.planned, "
        "files.held, scan.finished, run.started, run.progress, run.ended, instrument.held, "
        "storage.held, storage.released, and every action of the audit trail "
        "(instrument.changed, schedule.created, ...)",
        examples=["copy.available"],
    )
    instrument_id: uuid.UUID | None = None
    run_id: uuid.UUID | None = None
    file_id: uuid.UUID | None = None
    copy_id: uuid.UUID | None = None
    version_id: uuid.UUID | None = None
    storage_id: uuid.UUID | None = None
    schedule_id: uuid.UUID | None = None
    service_account_id: uuid.UUID | None = None
    user_id: uuid.UUID | None = None
    state: str | None = Field(default=None, examples=["available"])
    outcome: str | None = Field(default=None, description="of a run that ended")
    error_code: str | None = Field(default=None, description="the error's, from the catalogue")
    count: int | None = Field(default=None, description="how many files or changes")
    size_bytes: int | None = None


class StreamPosition(Output):
    """The data of `hello` and `resync` events: where the stream stands."""

    seq: int


# What a row of the outbox calls otherwise.
_RENAMED = {"source_file_id": "file_id", "storage_location_id": "storage_id", "code": "error_code"}
_SENT = set(LiveEvent.model_fields) - {"kind"}


def live_values(kind: str, instrument_id: uuid.UUID | None, payload: dict[str, Any]) -> Any:
    """Return what of an outbox row goes over the wire: ids and small values, nothing else."""
    named = {_RENAMED.get(key, key): value for key, value in payload.items()}
    values = {key: value for key, value in named.items() if key in _SENT and value is not None}
    if instrument_id is not None:
        values["instrument_id"] = str(instrument_id)
    return {"kind": kind, **values}
