"""Rows as a lab of some years has them, made by the database itself: a million in seconds.

Keys are numbers in the place of a UUID's last digits, so rows of different tables find each other.
"""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from app.clock import utcnow
from app.database import Database
from app.models import (
    Instrument,
    InstrumentStorage,
    ScanState,
    Slot,
    SourceFile,
    StorageLocation,
)
from app.transfers.posix import SENTINEL
from bench.databases import execute, numbers

_CONNECTIONS = 4


@dataclass(frozen=True)
class SeededLab:
    """Instruments, each with its folder, and their one storage location."""

    instruments: list[uuid.UUID]
    storage: uuid.UUID


async def seed_lab(database: Database, instruments: int, folder: Path | None = None) -> SeededLab:
    """Insert instruments (named `lab-1`, ...) of local folders and a storage location for all."""
    root = folder or Path("/nowhere")
    now = utcnow()
    stamp = {"created_at": now, "updated_at": now}
    location = StorageLocation(
        name="Archive", kind="posix", path=str(root / "archive"), sentinel=uuid.uuid4(), **stamp
    )
    if folder is not None:
        (folder / "archive" / SENTINEL).parent.mkdir(parents=True)
        text = json.dumps({"storage": str(location.sentinel)})
        (folder / "archive" / SENTINEL).write_text(text)
    made = [
        Instrument(
            name=f"Lab {n}", slug=f"lab-{n}", protocol="local", root=str(root / f"lab-{n}"),
            quiet_seconds=0.0, connections=_CONNECTIONS, **stamp,
        )
        for n in range(1, instruments + 1)
    ]  # fmt: skip
    async with database.write() as session:
        session.add_all([location, *made])
        await session.flush()
        for one in made:
            session.add(ScanState(instrument_id=one.id))
            session.add(InstrumentStorage(instrument_id=one.id, storage_location_id=location.id))
            session.add_all(
                Slot(instrument_id=one.id, number=n) for n in range(1, one.connections + 1)
            )
    return SeededLab([one.id for one in made], location.id)


class Sql:
    """How each database writes a key and a hash that are made of a number."""

    def __init__(self, database: Database) -> None:
        self.is_sqlite = database.is_sqlite
        self.now = "'2026-01-01 00:00:00.000000'" if self.is_sqlite else "TIMESTAMPTZ '2026-01-01'"

    def key(self, table: int, number: str) -> str:
        """A UUID of a table's number and a row's."""
        if self.is_sqlite:
            return f"printf('%08x%024x', {table}, {number})"
        return f"(lpad(to_hex({table}), 8, '0') || lpad(to_hex({number}), 24, '0'))::uuid"

    def hash(self, number: str) -> str:
        """32 bytes that no other number has; no SHA-256, but as long and as unordered."""
        if self.is_sqlite:
            return f"CAST(printf('%032d', ({number} * 7919) % 1000000007) AS BLOB)"
        return f"sha256(({number})::text::bytea)"

    def known(self, value: uuid.UUID) -> str:
        """A key that was made elsewhere."""
        return f"'{value.hex}'" if self.is_sqlite else f"'{value}'::uuid"

    def bytes_of(self, text: str) -> str:
        """A text's bytes."""
        return f"CAST({text} AS BLOB)" if self.is_sqlite else f"convert_to({text}, 'UTF8')"


_FILES = """
INSERT INTO source_files (id, instrument_id, path, path_bytes, path_hash, directory_hash,
  incarnation, state, listed_size_bytes, listed_mtime_ns, size_bytes, mtime_ns, first_seen_at,
  unchanged_since, latest_version)
SELECT {id}, {instrument}, {path}, {path_bytes}, {hash}, {folder}, 1, 'planned', 1000, 1000, 1000,
  1000, {now}, {now}, 1
FROM {numbers}
"""
_VERSIONS = """
INSERT INTO versions (id, source_file_id, number, aim, size_bytes, mtime_ns, seen_mtime_ns,
  sha256, created_at, legal_hold)
SELECT {version}, {id}, 1, 1, 1000, 1000, 1000, {sha256}, {now}, {no} FROM {numbers}
"""
_COPIES = """
INSERT INTO copies (id, version_id, source_file_id, instrument_id, storage_location_id, state,
  required, dest_path, dest_path_bytes, dest_key, size_bytes, priority, attempt, failures, losses,
  batch_files, due_at, lease_until_ms, intent, created_at, state_since)
SELECT {copy}, {version}, {id}, {instrument}, {storage}, '{state}', {yes}, {path}, {path_bytes},
  {hash}, 1000, 0, {attempt}, 0, 0, 200, {due_at}, 0, {intent}, {now}, {now}
FROM {numbers}
"""
FILE, VERSION, COPY = 1, 2, 3


async def seed_files(database: Database, instrument: uuid.UUID, count: int) -> list[uuid.UUID]:
    """Insert source files of an instrument; return their keys."""
    sql = Sql(database)
    await execute(database, _FILES.format(**_words(sql, instrument, count)))
    async with database.read() as session:
        found = await session.scalars(
            select(SourceFile.id).where(SourceFile.instrument_id == instrument)
        )
        return list(found)


def _words(sql: Sql, instrument: uuid.UUID, count: int) -> dict[str, str]:
    path = "'run ' || (n.i / 100) || '/file ' || n.i || '.raw'"
    return {
        "id": sql.key(FILE, "n.i"),
        "version": sql.key(VERSION, "n.i"),
        "copy": sql.key(COPY, "n.i"),
        "instrument": sql.known(instrument),
        "path": path,
        "path_bytes": sql.bytes_of(path),
        "hash": sql.hash("n.i"),
        "folder": sql.hash("n.i / 100"),
        "now": sql.now,
        "numbers": numbers(sql.is_sqlite, count),
        "yes": "1" if sql.is_sqlite else "true",
        "no": "0" if sql.is_sqlite else "false",
    }


async def seed_waiting(database: Database, lab: SeededLab, count: int) -> None:
    """Insert files of the first instrument whose copies wait for a worker."""
    sql = Sql(database)
    words = _words(sql, lab.instruments[0], count) | {
        "storage": sql.known(lab.storage),
        "state": "queued",
        "attempt": "0",
        "due_at": sql.now,
        "intent": "NULL",
        "sha256": "NULL",
    }
    await execute(database, *(text.format(**words) for text in (_FILES, _VERSIONS, _COPIES)))


# A catalogue: of 2,000 files three are not planned and five have copies in trouble.
_FILE_STATE = """CASE mod(n.i, 2000)
  WHEN 1 THEN 'settling' WHEN 2 THEN 'held' WHEN 3 THEN 'refused' ELSE 'planned' END"""
_COPY_STATE = """CASE mod(n.i, 2000)
  WHEN 7 THEN 'failed' WHEN 8 THEN 'conflict' WHEN 9 THEN 'queued' WHEN 10 THEN 'retry_wait'
  WHEN 11 THEN 'superseded' ELSE 'available' END"""
_ERROR = """CASE mod(n.i, 2000)
  WHEN 7 THEN 'read_back_mismatch' WHEN 8 THEN 'destination_conflict' END"""
_WORDS = """
INSERT INTO name_words (instrument_id, word, source_file_id)
SELECT {instrument}, w.word, {id} FROM {numbers}
CROSS JOIN LATERAL (VALUES ('file'), ('raw'), (n.i::text)) AS w(word)
"""
_EVENTS = """
INSERT INTO audit_events (id, at, actor, action, subject, instrument_id, canonical)
SELECT {event}, {now}, 'worker:bench', 'copies.proven', 'instrument:' || {instrument},
  {instrument}, '{{"details":{{}}}}'
FROM {numbers}
"""
EVENT = 4


async def seed_catalogue(database: Database, lab: SeededLab, count: int) -> None:
    """Insert files of all instruments and what hangs on them, audit events, too (PostgreSQL)."""
    sql = Sql(database)
    keys = ", ".join(f"'{one}'" for one in lab.instruments)
    any_instrument = f"(ARRAY[{keys}]::uuid[])[1 + mod(n.i, {len(lab.instruments)})]"
    words = _words(sql, lab.instruments[0], count) | {
        "instrument": any_instrument,
        "storage": sql.known(lab.storage),
        "state": "available",
        "attempt": "1",
        "due_at": "NULL",
        "intent": "'{}'",
        "sha256": sql.hash("n.i"),
        "event": sql.key(EVENT, "n.i"),
    }
    files = _FILES.replace("'planned'", _FILE_STATE)
    copies = _COPIES.replace("'{state}'", _COPY_STATE).replace(
        "size_bytes,", "size_bytes, error_code,", 1
    )
    copies = copies.replace("{hash}, 1000,", "{hash}, 1000, " + _ERROR + ",")
    # The rows are made for each other: looking up their parents would take most of the time.
    unchecked = "SET LOCAL session_replication_role = replica"
    for text in (files, _VERSIONS, copies, _WORDS):
        await execute(database, unchecked, text.format(**words))
    few = words | {"numbers": numbers(sql.is_sqlite, max(1, count // 100))}
    await execute(database, unchecked, _EVENTS.format(**few))
