"""What lists of files are narrowed by and in which order, as SQL.

A condition is either the index's (path, first sight, words of the name, copies in a rare state) or
it is asked of a bounded window of rows in the list's order (`is_loose`): then a page may be short
and have a next one, and no page walks five million rows.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, func, literal_column, select

from app.models import FileWord, SourceFile, Version
from app.services.conditions import SLACK, id_at
from app.services.file_status import status_in
from app.services.pagination import Keyset

NEWEST = Keyset((SourceFile.id,), descending=True)
OLDEST = Keyset((SourceFile.id,))
# The words of the index: a path may be longer than an entry of an index.
_PATH_START = literal_column("substr(source_files.path, 1, 200)", Text)
BY_PATH = Keyset((_PATH_START, SourceFile.id))
BY_PATH_BACK = Keyset((_PATH_START, SourceFile.id), descending=True)


class FileOrder(StrEnum):
    """The orders of a list of files."""

    NEWEST = "-first_seen"
    OLDEST = "first_seen"
    PATH = "path"
    PATH_BACK = "-path"

    @property
    def is_by_path(self) -> bool:
        """Whether names decide, not times."""
        return self in (FileOrder.PATH, FileOrder.PATH_BACK)

    @property
    def keyset(self) -> Keyset:
        """Return the columns of the order."""
        return {
            FileOrder.NEWEST: NEWEST,
            FileOrder.OLDEST: OLDEST,
            FileOrder.PATH: BY_PATH,
            FileOrder.PATH_BACK: BY_PATH_BACK,
        }[self]


@dataclass(frozen=True)
class FileFilter:
    """What a list of files is narrowed by; several values of one thing mean any of them."""

    instruments: tuple[uuid.UUID, ...] = ()
    states: tuple[str, ...] = ()
    q: str | None = None
    path: str | None = None
    search: str | None = None
    first_seen_after: datetime | None = None
    first_seen_before: datetime | None = None
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    size_min: int | None = None
    size_max: int | None = None
    types: tuple[str, ...] = ()
    complete_after: datetime | None = None
    complete_before: datetime | None = None
    reason: str | None = None
    present: bool | None = None
    tag: str | None = None
    meta: str | None = None  # key=value
    shared: bool | None = None

    @property
    def is_by_words(self) -> bool:
        """Whether what hooks and people said of files chooses them, by an index of its own."""
        return bool(self.tag or self.meta or self.shared)

    @property
    def is_loose(self) -> bool:
        """Whether something is asked that no index answers."""
        loose = (
            self.modified_after, self.modified_before, self.size_min, self.size_max,
            self.complete_after, self.complete_before, self.reason, self.present,
        )  # fmt: skip
        return any(value is not None for value in loose) or bool(self.types)

    def apply(self, query: Select[Any]) -> Select[Any]:
        """Return the query with every condition."""
        query = self.apply_facts(query)
        return query.where(status_in(self.states)) if self.states else query

    def apply_facts(self, query: Select[Any]) -> Select[Any]:
        """Return the query with all conditions but the status."""
        if self.instruments:
            query = query.where(SourceFile.instrument_id.in_(self.instruments))
        query = query.where(*self.word_conditions())
        return query.where(*self.path_conditions(), *self.time_conditions(), *self._loose())

    def word_conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions on tags and metadata."""
        words = [("", self.tag)] if self.tag else []
        if self.meta:
            key, _, value = self.meta.partition("=")
            words.append((key, value))
        return [
            SourceFile.id.in_(
                select(FileWord.source_file_id).where(FileWord.key == key, FileWord.value == value)
            )
            for key, value in words
        ]

    def path_conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions that the indexes of paths answer."""
        found: list[ColumnElement[bool]] = []
        if self.path is not None:
            found.append(SourceFile.path_hash == path_hash(self.path))
        if self.q:
            start = self.q[:200]
            found += [start <= _PATH_START, _after(start) > _PATH_START]
            found += [SourceFile.path >= self.q, SourceFile.path < _after(self.q)]
        return found

    def time_conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions of first sight: ids are made in the order of time."""
        found: list[ColumnElement[bool]] = []
        if (since := self.first_seen_after) is not None:
            found += [SourceFile.first_seen_at >= since, SourceFile.id >= id_at(since, -SLACK)]
        if (until := self.first_seen_before) is not None:
            found += [SourceFile.first_seen_at < until, SourceFile.id <= id_at(until, SLACK)]
        return found

    def _loose(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.modified_after is not None:
            found.append(SourceFile.mtime_ns >= _ns(self.modified_after))
        if self.modified_before is not None:
            found.append(SourceFile.mtime_ns < _ns(self.modified_before))
        if self.size_min is not None:
            found.append(SourceFile.size_bytes >= self.size_min)
        if self.size_max is not None:
            found.append(SourceFile.size_bytes <= self.size_max)
        if self.types:
            found.append(_has_type(self.types))
        if self.reason is not None:
            found.append(SourceFile.reason_code == self.reason)
        if self.present is not None:
            is_there = SourceFile.absent_since.is_(None)
            found.append(is_there if self.present else ~is_there)
        if self.complete_after is not None or self.complete_before is not None:
            found.append(self._was_complete())
        return found

    def _was_complete(self) -> ColumnElement[bool]:
        """A version is planned when its file is complete: one probe of their index a file."""
        query = select(Version.id).where(Version.source_file_id == SourceFile.id)
        if self.complete_after is not None:
            query = query.where(Version.created_at >= self.complete_after)
        if self.complete_before is not None:
            query = query.where(Version.created_at < self.complete_before)
        return query.correlate(SourceFile).exists()


def _has_type(types: tuple[str, ...]) -> ColumnElement[bool]:
    ends = [func.lower(SourceFile.path).like(f"%.{one}") for one in types]
    condition: ColumnElement[bool] = ends[0]
    for end in ends[1:]:
        condition = condition | end
    return condition


def path_hash(path: str) -> bytes:
    """Return the identity of a path inside its instrument."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()


def _after(prefix: str) -> str:
    """Return a text that sorts after every text with the prefix (by code points)."""
    return prefix + "\U0010ffff"


def _ns(time: datetime) -> int:
    """Return a time as files have it; SQL holds 64 bits."""
    whole = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    return max(-(1 << 63), min((1 << 63) - 1, whole))
