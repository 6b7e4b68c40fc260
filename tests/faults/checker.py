"""The independent checker: judges a round from the source's truth, the storage and plain rows.

Imports nothing of the engine. What it demands is what the product promises:
no false `available`, no lost file, no duplicate, nothing overwritten, no temporary left, an intact
audit trail, and a catalogued error behind everything that is not there.
"""

import itertools
import json
import os
import re
import stat
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.faults import audit_check
from tests.faults.rows import Row, Tables, read_tables
from tests.faults.truth import SourceTruth, Truth, files_below, sha256_of

CATALOGUE_PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
PROVEN = {"published", "adopted", "resumed"}
MOVING = {"queued", "transferring", "proving", "publishing", "retry_wait"}
_OF_THE_SERVER = ".rclone_temp_multipart_"  # what a killed S3 server leaves of its own
_TEMPORARY = re.compile(r"\.streamweave-([0-9a-f]{8})-[0-9a-f]{32}-\d+[.-]part$")


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept: which one, of what, and how it shows."""

    kind: str
    subject: str
    explanation: str

    def as_json(self) -> dict[str, str]:
        """For reports."""
        return asdict(self)


def catalogue() -> set[str]:
    """The codes of the documented catalogue."""
    page = CATALOGUE_PAGE.read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))


def check(url: str, truth: Truth) -> list[Violation]:
    """Judge a database (by its address), its storage and its sources after a round."""
    return Checker(read_tables(url), truth).violations()


class Checker:
    """One judgement over tables that have been read."""

    def __init__(self, tables: Tables, truth: Truth) -> None:
        self._tables = tables
        self._truth = truth
        self._codes = catalogue()
        self._storage = {
            row["id"]: truth.folders.get(row["path"], Path(row["path"]))
            for row in tables["storage_locations"]
        }
        self._slugs = {row["id"]: row["slug"] for row in tables["instruments"]}
        self._versions = {row["id"]: row for row in tables["versions"]}
        self._files = {row["id"]: row for row in tables["source_files"]}

    def violations(self) -> list[Violation]:
        """Everything that is wrong; empty when all promises were kept."""
        found: list[Violation] = []
        for copy in self._available:
            found += self._false_available(copy)
        for slug, source in self._truth.sources.items():
            found += self._source_as_it_was(slug, source)
            found += self._lost(slug, source)
        found += self._duplicates()
        found += self._overwritten()
        found += self._left_over()
        found += self._unexplained()
        found += self._unfinished()
        found += self._facts_told_once()
        for sentence in audit_check.broken_chain(self._tables):
            found.append(Violation("audit_broken", "chain", sentence))
        for sentence in audit_check.broken_batches(self._tables):
            found.append(Violation("audit_broken", "attempts", sentence))
        return found

    # --- no false `available` ----------------------------------------------------------------

    @cached_property
    def _available(self) -> list[Row]:
        return [row for row in self._tables["copies"] if row["state"] == "available"]

    def _place(self, copy: Row) -> Path:
        return self._storage[copy["storage_location_id"]] / os.fsdecode(copy["dest_path_bytes"])

    def _source(self, copy: Row) -> SourceTruth | None:
        return self._truth.sources.get(self._slugs[copy["instrument_id"]])

    def _false_available(self, copy: Row) -> Iterator[Violation]:
        subject = copy["dest_path"]
        version, intent = self._versions[copy["version_id"]], copy["intent"] or {}
        fixed = version["sha256"].hex() if version["sha256"] else None
        said = {fixed, intent.get("received_sha256"), intent.get("read_back_sha256")}
        sizes = {version["size_bytes"], intent.get("received_bytes"), intent.get("read_back_bytes")}
        if len(said) != 1 or len(sizes) != 1:
            yield Violation("false_available", subject, f"Its evidence differs: {said}, {sizes}.")
        yield from self._object_differs(copy, fixed, version["size_bytes"])
        facts = {"size_bytes": version["size_bytes"], "mtime_ns": version["mtime_ns"]}
        for moment in ("source_before", "source_after"):
            seen = {k: v for k, v in (intent.get(moment) or facts).items() if k != "at"}
            if seen != facts:
                yield Violation("false_available", subject, f"{moment} is {seen}, not {facts}.")
        yield from self._never_stood(copy, version, fixed)
        yield from self._attempts_differ(copy)

    def _object_differs(self, copy: Row, fixed: str | None, size: int) -> Iterator[Violation]:
        place = self._place(copy)
        try:
            found = place.lstat()
        except OSError as error:
            yield Violation("false_available", copy["dest_path"], f"No object: {error.strerror}.")
            return
        if not stat.S_ISREG(found.st_mode):
            yield Violation("false_available", copy["dest_path"], "It is no regular file.")
        elif found.st_size != size or sha256_of(place) != fixed:
            detail = f"The object has {found.st_size} bytes and {sha256_of(place)[:16]}."
            yield Violation("false_available", copy["dest_path"], f"{detail} Proven: {fixed}.")

    def _never_stood(self, copy: Row, version: Row, fixed: str | None) -> Iterator[Violation]:
        source = self._source(copy)
        if source is None:
            return
        path = self._files[copy["source_file_id"]]["path_bytes"]
        facts = (version["size_bytes"], version["mtime_ns"], fixed)
        stood = {(c.size_bytes, c.mtime_ns, c.sha256) for c in source.stood.get(path, ())}
        if facts in stood or fixed in source.lied.get(path, ()):
            return
        parts = [f"{size} bytes {sha[:16]}" for size, _, sha in sorted(stood)]
        yield Violation(
            "mixed_content",
            copy["dest_path"],
            f"{facts[0]} bytes {str(fixed)[:16]} at {facts[1]} never stood there; {parts} did.",
        )

    def _attempts_differ(self, copy: Row) -> Iterator[Violation]:
        proven = [
            row
            for row in self._tables["attempts"]
            if row["copy_id"] == copy["id"] and row["outcome"] in PROVEN
        ]
        if len(proven) != 1:
            detail = f"{len(proven)} attempts say that they made it."
            yield Violation("false_available", copy["dest_path"], detail)
        elif proven[0]["evidence"] != copy["intent"] or proven[0]["number"] != copy["attempt"]:
            detail = "The attempt that made it has other evidence."
            yield Violation("false_available", copy["dest_path"], detail)

    # --- no lost file ------------------------------------------------------------------------

    def _source_as_it_was(self, slug: str, source: SourceTruth) -> Iterator[Violation]:
        there = {path: sha256_of(place) for path, place in files_below(source.root)}
        for path in sorted(there.keys() ^ source.final.keys()):
            yield Violation("source_changed", f"{slug}:{path!r}", "It is there or gone by itself.")
        for path in there.keys() & source.final.keys():
            if there[path] != source.final[path]:
                yield Violation("source_changed", f"{slug}:{path!r}", "It has other bytes.")

    def _lost(self, slug: str, source: SourceTruth) -> Iterator[Violation]:
        (instrument,) = [key for key, name in self._slugs.items() if name == slug]
        rows: dict[bytes, list[Row]] = {}
        for row in self._tables["source_files"]:
            if row["instrument_id"] == instrument:
                rows.setdefault(row["path_bytes"], []).append(row)
        locations = [
            row["storage_location_id"]
            for row in self._tables["instrument_storage"]
            if row["instrument_id"] == instrument
        ]
        for path, sha256 in source.final.items():
            known = sorted(rows.get(path, ()), key=lambda r: int(r["incarnation"]))
            subject = f"{slug}:{path!r}"
            if not known:
                yield Violation("lost_file", subject, "No row speaks of it.")
                continue
            if known[-1]["absent_since"] is not None:
                yield Violation("lost_file", subject, "It is marked as gone, and is there.")
            good = {sha256} | source.lied.get(path, set())
            for location in locations:
                yield from self._not_there(subject, known[-1], location, good)

    def _not_there(
        self, subject: str, file: Row, location: str, good: set[str]
    ) -> Iterator[Violation]:
        copies = [
            row
            for row in self._tables["copies"]
            if row["source_file_id"] == file["id"] and row["storage_location_id"] == location
        ]
        contents = {copy["id"]: self._versions[copy["version_id"]]["sha256"] for copy in copies}
        for copy in copies:
            content = contents[copy["id"]]
            if copy["state"] == "available" and content is not None and content.hex() in good:
                return
        newest = max(
            copies, key=lambda c: int(self._versions[c["version_id"]]["number"]), default={}
        )
        code = newest.get("error_code") or file["reason_code"]
        state = f"file {file['state']}, newest copy {newest.get('state')}, code {code}"
        if code is None or code not in self._codes:
            yield Violation("lost_file", subject, f"No copy and no catalogued reason: {state}.")
        elif code not in self._truth.may_stay:
            yield Violation("lost_file", subject, f"This round gives no reason for it: {state}.")

    # --- no duplicate ------------------------------------------------------------------------

    def _duplicates(self) -> Iterator[Violation]:
        paths = Counter((r["instrument_id"], r["path_bytes"]) for r in self._files.values())
        for (instrument, path), count in paths.items():
            if count > 1:
                subject = f"{self._slugs[instrument]}:{path!r}"
                yield Violation("duplicate", subject, f"{count} source files for one path.")
        arks = Counter(row["source_file_id"] for row in self._tables["identifiers"])
        planned = {row["source_file_id"] for row in self._versions.values()}
        for file in self._files.values():
            wanted = 1 if file["id"] in planned else 0
            if arks[file["id"]] != wanted:
                detail = f"{arks[file['id']]} identifiers, {wanted} wanted."
                yield Violation("duplicate", file["path"], detail)
        yield from self._doubled_contents()

    def _doubled_contents(self) -> Iterator[Violation]:
        """The same content twice: two versions next to each other that are the same one."""
        by_place: dict[tuple[str, str], list[tuple[int, Any, Row]]] = {}
        for copy in self._available:
            version = self._versions[copy["version_id"]]
            key = (copy["source_file_id"], copy["storage_location_id"])
            by_place.setdefault(key, []).append((version["number"], version["sha256"], copy))
        for copies in by_place.values():
            ordered = sorted(copies, key=lambda c: c[0])
            for (one, before, _), (two, after, copy) in itertools.pairwise(ordered):
                if two == one + 1 and before == after:
                    detail = f"Versions {one} and {two} have the same content."
                    yield Violation("duplicate", copy["dest_path"], detail)

    # --- nothing overwritten, nothing left ---------------------------------------------------

    def _overwritten(self) -> Iterator[Violation]:
        for planted in self._truth.planted:
            subject = str(planted.path)
            try:
                found = planted.path.lstat()
            except OSError as error:
                yield Violation("overwritten", subject, f"It is gone: {error.strerror}.")
                continue
            if (found.st_ino, found.st_mtime_ns) != (planted.inode, planted.mtime_ns):
                yield Violation("overwritten", subject, "Another object stands there.")
            elif sha256_of(planted.path) != planted.sha256:
                yield Violation("overwritten", subject, "It has other bytes.")

    def _left_over(self) -> Iterator[Violation]:
        claimed = {self._place(copy) for copy in self._available}
        claimed |= {planted.path for planted in self._truth.planted}
        uploads = f".streamweave/uploads/{self._truth.installation}/".encode()
        for root in self._storage.values():
            for name, path in files_below(root):
                if name.startswith(uploads):
                    yield Violation("temporary_left", str(path), "The sweep left an upload.")
                ours = not path.name.startswith(_OF_THE_SERVER)
                if name.startswith(b".streamweave/") or path in claimed or not ours:
                    continue
                found = _TEMPORARY.search(path.name)
                if found is None:
                    yield Violation("unclaimed_object", str(path), "No copy claims it.")
                elif found[1] == self._truth.installation[:8]:
                    yield Violation("temporary_left", str(path), "The sweep left it.")

    # --- every failure explained -------------------------------------------------------------

    def _unexplained(self) -> Iterator[Violation]:
        legitimate = self._truth.may_meet | self._truth.may_stay
        for row in self._tables["attempts"]:
            code = row["error_code"]
            if row["outcome"] == "failed" and code not in self._codes:
                yield Violation("unexplained", row["id"], f"A failed attempt with code {code}.")
            elif code is not None and code not in legitimate:
                detail = f"Nothing of this round leads to {code}: {row['error_detail']}"
                yield Violation("unexplained", row["id"], detail)
        for copy in self._tables["copies"]:
            needs = copy["state"] in ("failed", "conflict", "retry_wait")
            if (needs or copy["error_code"]) and copy["error_code"] not in self._codes:
                detail = f"It is {copy['state']} with code {copy['error_code']}."
                yield Violation("unexplained", copy["dest_path"], detail)

    def _unfinished(self) -> Iterator[Violation]:
        for copy in self._tables["copies"]:
            if copy["state"] in MOVING and copy["error_code"] not in self._truth.may_stay:
                newest = self._files[copy["source_file_id"]]
                if newest["absent_since"] is not None:
                    continue  # its source is gone; nobody can make it
                detail = f"It is still {copy['state']} ({copy['error_code']}) when all is quiet."
                yield Violation("unfinished", copy["dest_path"], detail)

    # --- told once ---------------------------------------------------------------------------

    def _facts_told_once(self) -> Iterator[Violation]:
        told = Counter(
            uuid.UUID(row["payload"]["copy_id"]).hex
            for row in self._tables["outbox"]
            if row["topic"] == "copy.available"
        )
        journalled = self._journalled()
        for copy in self._available:
            if told[copy["id"]] != 1:
                detail = f"{told[copy['id']]} events say that it is available."
                yield Violation("told_wrongly", copy["dest_path"], detail)
            content = self._versions[copy["version_id"]]["sha256"]
            if (copy["id"], content.hex() if content else "") not in journalled:
                detail = "The destination's journal has no line of it."
                yield Violation("journal_missing", copy["dest_path"], detail)

    def _journalled(self) -> set[tuple[str, str]]:
        lines: set[tuple[str, str]] = set()
        for root in self._storage.values():
            for path in (root / ".streamweave" / "journal").glob("*/*.jsonl"):
                for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                    try:
                        found = json.loads(line)
                    except ValueError:
                        continue  # a line that a kill tore; readers skip it too
                    lines.add((uuid.UUID(found["copy"]).hex, found["sha256"]))
        return lines
