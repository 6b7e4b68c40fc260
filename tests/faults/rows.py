"""Reads whole tables by the plain driver of their database: rows as dictionaries, types alike.

Identifiers are 32 hexadecimal digits, times are aware UTC, JSON is parsed, on both databases.
"""

import contextlib
import json
import sqlite3
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Row = dict[str, Any]
Tables = dict[str, list[Row]]

TABLES = (
    "attempts",
    "audit_events",
    "audit_links",
    "audit_pending",
    "copies",
    "identifiers",
    "instrument_storage",
    "instruments",
    "outbox",
    "source_files",
    "storage_locations",
    "versions",
)


def read_tables(url: str) -> Tables:
    """Read the tables of a database, given by its SQLAlchemy address."""
    if url.startswith("sqlite"):
        return _read_sqlite(url.partition("///")[2])
    return _read_postgresql("postgresql://" + url.partition("://")[2])


def _read_sqlite(path: str) -> Tables:
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection:
        connection.execute("BEGIN")  # one state of the whole database
        return {name: _sqlite_rows(connection, name) for name in TABLES}


def _sqlite_rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    columns = [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f'"{name}"' for name, _ in columns)
    return [
        {name: _plain(kind, value) for (name, kind), value in zip(columns, values, strict=True)}
        for values in connection.execute(f"SELECT {names} FROM {table}")
    ]


def _plain(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "DATETIME":
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if kind == "JSON":
        return json.loads(value)
    if kind == "BOOLEAN":
        return bool(value)
    return value


def _read_postgresql(uri: str) -> Tables:
    with psycopg.connect(uri, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return {
            name: [
                {key: _same(value) for key, value in row.items()}
                for row in connection.execute(
                    sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))
                )
            ]
            for name in TABLES
        }


def _same(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, memoryview):
        return bytes(value)
    return value
