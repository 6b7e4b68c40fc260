"""Scan: walk a source, compare each directory with what is remembered, write observations in bulk.

Steps: list a directory; an equal fingerprint (names, sizes, times, rules generation) means nothing
to do; otherwise its files are merged with the remembered ones in path-hash order, page by page.
Every write begins with the scan's fence. Promised: bounded memory (the largest single directory),
one entry's trouble is that entry's, absence beyond the breaker's ratio marks nothing.
Not promised: completeness; listings find candidates only, `look` opens them.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import from_ns, utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.harvest.breaker import judge_listing
from app.harvest.store import scanning
from app.harvest.store.instruments import InstrumentFacts
from app.harvest.store.news import tell
from app.harvest.store.scanning import KnownDirectory, KnownFile
from app.models import Directory, FileState, IncarnationPolicy, new_id
from app.transfers.base import Entry, FileFacts, Source
from app.transfers.paths import MAX_PATH_BYTES, display, join, parent, path_hash

_PAGE = 1000
_BIGINT = 1 << 63
BY_HOOK = "hook"  # the reason code of a file that a hook left out
# What a directory's own error may be without stopping the scan of the others.
_DIRECTORY_LEVEL = {"source_permission_denied", "source_folder_missing", "source_name_unsafe"}


@dataclass
class ScanReport:
    """What a scan found; `error` is what stopped it."""

    directories: int = 0
    unchanged_directories: int = 0
    files: int = 0
    bytes: int = 0
    new_files: int = 0
    changed_files: int = 0
    absent_files: int = 0
    refused_names: int = 0
    directory_errors: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    error: StreamWeaveError | None = None

    @property
    def found_something(self) -> bool:
        """Whether the share is not what it was."""
        return bool(self.new_files or self.changed_files or self.absent_files)


@dataclass(frozen=True)
class ScanLease:
    """The right to write observations of one instrument."""

    database: Database
    instrument: InstrumentFacts
    generation: int
    lease_seconds: float
    first_scan: bool
    believe_absence: bool  # a person confirmed the listing that tripped the breaker
    cannot_plan: StreamWeaveError | None = None  # a destination's journal could not be read
    planned: Callable[[], None] = lambda: None  # called when copies were queued

    async def fence(self, session: AsyncSession) -> None:
        """Begin a transaction of this scan."""
        await scanning.fence(session, self.instrument.id, self.generation, self.lease_seconds)


async def scan(
    lease: ScanLease, source: Source, look: Callable[[], Awaitable[None]] | None = None
) -> ScanReport:
    """Walk the whole source and write what is new.

    `look` is awaited after every thousand new files or so: a share of a million files is being
    transferred while its last folders are still listed.

    Raises:
        StreamWeaveError: what concerns the whole source, or `lease_lost`.
    """
    report, looked_at = ScanReport(), 0
    root = await lease.database.ask(
        lambda s: scanning.known_directory(s, lease.instrument.id, path_hash(b""))
    )
    pending: list[tuple[bytes, KnownDirectory | None]] = [(b"", root)]
    while pending:
        directory, known = pending.pop()
        try:
            entries = await source.list_directory(directory)
        except StreamWeaveError as error:
            if not directory or error.code not in _DIRECTORY_LEVEL:
                raise
            report.directory_errors.append(f"{display(directory)}: {error.code}")
            continue
        below = _note(report, directory, entries)
        printed = fingerprint(entries)
        if known is not None and known.is_same(printed, lease.instrument.rules_generation):
            report.unchanged_directories += 1
        else:
            files = _unique([_storable(e) for e in entries if not e.is_directory])
            compared = _DirectoryScan(lease, report, directory, known)
            await compared.compare(files, below, printed)
        pending.extend(await _next(lease, directory, below))
        if look is not None and report.new_files - looked_at >= _PAGE:
            looked_at = report.new_files
            await look()
    return report


def _note(report: ScanReport, directory: bytes, entries: Sequence[Entry]) -> list[Entry]:
    """Count what was listed; return the folders that can be entered."""
    report.directories += 1
    folders = [e for e in entries if e.is_directory]
    report.files += len(entries) - len(folders)
    size = report.bytes + sum(e.facts.size_bytes for e in entries)
    report.bytes = min(max(size, 0), _BIGINT - 1)  # a server may say anything
    report.directory_errors += [
        f"{display(join(directory, e.name))}: {e.error_code}" for e in folders if e.error_code
    ]
    return [e for e in folders if e.error_code is None]


async def _next(
    lease: ScanLease, directory: bytes, below: Sequence[Entry]
) -> list[tuple[bytes, KnownDirectory | None]]:
    """Return the folders below with what is remembered of each, by one question for all."""
    if not below:
        return []
    known = await lease.database.ask(
        lambda s: scanning.known_below(s, lease.instrument.id, path_hash(directory))
    )
    paths = sorted(join(directory, e.name) for e in below)
    return [(path, known.get(path_hash(path))) for path in paths]


def _storable(entry: Entry) -> Entry:
    """An entry whose time or size no database column holds is refused alone."""
    facts = entry.facts
    if -_BIGINT <= facts.mtime_ns < _BIGINT and 0 <= facts.size_bytes < _BIGINT:
        return entry
    return Entry(entry.name, False, FileFacts(0, 0), "source_time_invalid")


def _unique(entries: list[Entry]) -> list[Entry]:
    """Keep the first of equal names: some servers list what they cannot tell apart twice."""
    return list({entry.name: entry for entry in reversed(entries)}.values())


def fingerprint(entries: Sequence[Entry]) -> bytes:
    """Return the SHA-256 over a directory's sorted names, sizes and times."""
    lines = [
        b"%b/\n" % name if is_directory else b"%b\0%d\0%d\n" % (name, *facts)
        for name, is_directory, facts, _ in entries
    ]
    lines.sort()
    return hashlib.sha256(b"".join(lines)).digest()


class _DirectoryScan:
    """The comparison of one directory."""

    def __init__(
        self,
        lease: ScanLease,
        report: ScanReport,
        directory: bytes,
        known: KnownDirectory | None,
    ) -> None:
        self._lease = lease
        self._report = report
        self._directory = directory
        self._known = known
        self._hash = path_hash(directory)
        self._suspicious = False

    async def compare(
        self, files: Sequence[Entry], folders: Sequence[Entry], print_now: bytes
    ) -> None:
        """Write what differs from the remembered directory."""
        instrument = self._lease.instrument
        if self._known is not None and not self._lease.believe_absence:
            trip = judge_listing(
                known=self._known.files, listed=len(files), shrink_ratio=instrument.shrink_ratio
            )
            if trip is not None:
                self._suspect(f"{display(self._directory) or '/'}: {trip.detail}")
        await self._merge(sorted(files, key=lambda e: path_hash(join(self._directory, e.name))))
        await self._compare_folders(folders)
        if self._suspicious:
            return  # the old fingerprint stays, so that the next scan looks again
        row = {
            "instrument_id": instrument.id,
            "path_hash": self._hash,
            "path_bytes": self._directory,
            "parent_hash": path_hash(parent(self._directory)) if self._directory else None,
            "fingerprint": print_now,
            "rules_generation": instrument.rules_generation,
            "files": len(files),
            "absent_since": None,
        }

        async def save(session: AsyncSession) -> None:
            await self._lease.fence(session)
            await scanning.save_directory(session, row)

        await self._lease.database.run(save)

    def _suspect(self, sentence: str) -> None:
        self._suspicious = True
        self._report.suspicions.append(sentence)

    async def _merge(self, files: list[Entry]) -> None:
        """Walk listed and remembered files side by side in path-hash order, a page at a time."""
        after: bytes | None = None
        position = 0
        more = True
        while more:
            page = await self._lease.database.ask(
                lambda s, position=after: scanning.known_files(  # type: ignore[misc]
                    s, self._lease.instrument.id, self._hash, after=position, limit=_PAGE
                )
            )
            more = len(page) == _PAGE
            limit = page[-1].path_hash if more else None
            end = position
            while end < len(files) and (limit is None or self._path_hash(files[end]) <= limit):
                end += 1
            await self._write_page(files[position:end], page)
            position, after = end, limit

    def _path_hash(self, entry: Entry) -> bytes:
        return path_hash(join(self._directory, entry.name))

    async def _write_page(self, listed: Sequence[Entry], known: Sequence[KnownFile]) -> None:
        rules = self._lease.instrument.rules_generation
        are_new = self._known is None or self._known.rules_generation != rules
        changes = PageChanges(self._lease, self._directory, utcnow(), rules_changed=are_new)
        remembered = {row.path_hash: row for row in known}
        for entry in listed:
            changes.see(entry, remembered.pop(self._path_hash(entry), None))
        if not self._suspicious:
            for row in remembered.values():
                changes.miss(row)
        self._report.new_files += len(changes.new)
        self._report.changed_files += len(changes.changed)
        self._report.absent_files += len(changes.absent)
        self._report.refused_names += changes.refused
        if not changes.is_empty:
            await self._lease.database.run(changes.write)

    async def _compare_folders(self, folders: Sequence[Entry]) -> None:
        """Mark vanished directories as absent, unless that is too much to believe."""
        instrument = self._lease.instrument
        listed = {path_hash(join(self._directory, e.name)) for e in folders}

        async def asked(session: AsyncSession) -> tuple[list[Directory], int, int]:
            known = await scanning.children(session, instrument.id, self._hash)
            gone = [row for row in known if row.path_hash not in listed]
            lost = 0
            for row in gone:
                lost += await scanning.subtree_files(session, instrument.id, row)
            total = await scanning.known_totals(session, instrument.id) if gone else 0
            return gone, lost, total

        gone, lost, total = await self._lease.database.ask(asked)
        if not gone:
            return
        trip = judge_listing(known=total, listed=total - lost, shrink_ratio=instrument.shrink_ratio)
        if trip is not None and not self._lease.believe_absence:
            self._suspect(f"{len(gone)} folders are gone: {trip.detail}")
            return

        async def mark(session: AsyncSession) -> None:
            await self._lease.fence(session)
            for row in gone:
                self._report.absent_files += await scanning.mark_subtree_absent(
                    session, instrument.id, row, utcnow()
                )

        await self._lease.database.run(mark)


class PageChanges:
    """What one page of a directory's comparison writes."""

    def __init__(
        self, lease: ScanLease, directory: bytes, now: datetime, *, rules_changed: bool = True
    ) -> None:
        self._lease = lease
        self._directory = directory
        self._now = now
        self._rules_changed = rules_changed
        self.new: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.returned: list[dict[str, Any]] = []
        self.absent: list[dict[str, Any]] = []
        self.refused = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.new or self.changed or self.returned or self.absent)

    def see(self, entry: Entry, known: KnownFile | None) -> None:
        """Compare a listed entry with what is remembered of it."""
        if known is None:
            self.new.append(self._new_row(entry, incarnation=1))
            return
        same = (entry.facts.size_bytes, entry.facts.mtime_ns) == (
            known.listed_size_bytes,
            known.listed_mtime_ns,
        )
        policy = self._lease.instrument.incarnation_policy
        if known.absent_since is not None and not same and policy == IncarnationPolicy.NEW_FILE:
            self.new.append(self._new_row(entry, incarnation=known.incarnation + 1))
        elif not same or self._rule_changed(entry, known):
            self.changed.append(self._changed_row(entry, known.id))
        elif known.absent_since is not None:
            self.returned.append({"id": known.id, "absent_since": None})

    def _rule_changed(self, entry: Entry, known: KnownFile) -> bool:
        """A file that was left out or refused, and would not be any more."""
        if known.state not in (FileState.SKIPPED, FileState.REFUSED):
            return False
        if known.reason_code == BY_HOOK:
            return self._rules_changed  # only then might hooks say something else
        state, _, _ = self._first_state(entry, join(self._directory, entry.name))
        return state != known.state

    def miss(self, known: KnownFile) -> None:
        """Note that a remembered file was not listed."""
        if known.absent_since is None:
            self.absent.append({"id": known.id, "absent_since": self._now})

    def _new_row(self, entry: Entry, *, incarnation: int) -> dict[str, Any]:
        path = join(self._directory, entry.name)
        state, code, reason = self._first_state(entry, path)
        return {
            "id": new_id(),
            "instrument_id": self._lease.instrument.id,
            "path": display(path),
            "path_bytes": path,
            "path_hash": path_hash(path),
            "directory_hash": path_hash(self._directory),
            "incarnation": incarnation,
            "state": state.value,
            "reason_code": code,
            "reason": reason,
            "listed_size_bytes": entry.facts.size_bytes,
            "listed_mtime_ns": entry.facts.mtime_ns,
            "size_bytes": entry.facts.size_bytes,
            "mtime_ns": entry.facts.mtime_ns,
            "first_seen_at": self._now,
            "unchanged_since": self._now,
            "latest_version": 0,
        }

    def _first_state(self, entry: Entry, path: bytes) -> tuple[FileState, str | None, str | None]:
        problem = entry.error_code or ("source_name_unsafe" if len(path) > MAX_PATH_BYTES else None)
        if problem is not None:
            self.refused += 1
            return FileState.REFUSED, problem, None
        start = self._lease.instrument.start_from
        if start is not None and from_ns(entry.facts.mtime_ns) < start:
            return FileState.SKIPPED, "start_from", f"Older than {start.isoformat()}."
        return FileState.SETTLING, None, None

    def _changed_row(self, entry: Entry, file_id: uuid.UUID) -> dict[str, Any]:
        state, code, reason = self._first_state(entry, join(self._directory, entry.name))
        return {
            "id": file_id,
            "state": state.value,
            "reason_code": code,
            "reason": reason,
            "listed_size_bytes": entry.facts.size_bytes,
            "listed_mtime_ns": entry.facts.mtime_ns,
            "size_bytes": entry.facts.size_bytes,
            "mtime_ns": entry.facts.mtime_ns,
            "unchanged_since": self._now,
            "absent_since": None,
            "next_try_at": None,
        }

    async def write(self, session: AsyncSession) -> None:
        """Write the page in one transaction."""
        await self._lease.fence(session)
        await scanning.insert_files(session, self.new)
        await scanning.update_files(session, self.changed)
        await scanning.update_files(session, self.returned)
        await scanning.update_files(session, self.absent)
        touched = len(self.new) + len(self.changed) + len(self.returned) + len(self.absent)
        await tell(session, "files.seen", self._lease.instrument.id, count=touched)
