"""The tables, one file a concept."""

from app.models.audit import (
    AuditEvent,
    AuditLink,
    AuditPending,
    IdempotencyKey,
    Outbox,
    Setting,
)
from app.models.base import Base, new_id
from app.models.copy import (
    BACKLOG,
    NEW_FILE,
    PRIORITIES,
    Attempt,
    Copy,
    CopyState,
    Identifier,
    JournalEntry,
    JournalPosition,
    Version,
)
from app.models.hook import FailurePolicy, Hook, HookKind, HookRun
from app.models.instrument import (
    IncarnationPolicy,
    Instrument,
    InstrumentStorage,
    Protocol,
    Schedule,
    ScheduleKind,
    ServiceAccount,
)
from app.models.name import NameWord, UnindexedName
from app.models.run import Check, Lease, Run, RunKind, RunOutcome, RunState, Slot, Worker
from app.models.source_file import Directory, FileState, ScanState, SourceFile
from app.models.storage import StorageKind, StorageLocation, StorageState
from app.models.tally import CopyProgress, HourlyTally, OutboxCursor, StorageSample
from app.models.user import ApiToken, Grant, User

__all__ = [
    "BACKLOG",
    "NEW_FILE",
    "PRIORITIES",
    "ApiToken",
    "Attempt",
    "AuditEvent",
    "AuditLink",
    "AuditPending",
    "Base",
    "Check",
    "Copy",
    "CopyProgress",
    "CopyState",
    "Directory",
    "FailurePolicy",
    "FileState",
    "Grant",
    "Hook",
    "HookKind",
    "HookRun",
    "HourlyTally",
    "IdempotencyKey",
    "Identifier",
    "IncarnationPolicy",
    "Instrument",
    "InstrumentStorage",
    "JournalEntry",
    "JournalPosition",
    "Lease",
    "NameWord",
    "Outbox",
    "OutboxCursor",
    "Protocol",
    "Run",
    "RunKind",
    "RunOutcome",
    "RunState",
    "ScanState",
    "Schedule",
    "ScheduleKind",
    "ServiceAccount",
    "Setting",
    "Slot",
    "SourceFile",
    "StorageKind",
    "StorageLocation",
    "StorageSample",
    "StorageState",
    "UnindexedName",
    "User",
    "Version",
    "Worker",
    "new_id",
]
