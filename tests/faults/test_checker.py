"""The independent checker finds each kind of broken promise, and nothing where none is broken."""

import ast
import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.harvest.sweep import sweep
from app.models import StorageLocation
from app.services import audit
from tests.faults.checker import Checker, catalogue, check
from tests.faults.rows import Row, Tables, read_tables
from tests.faults.truth import Content, SourceTruth, Truth, plant
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]
HERE = Path(__file__).parent
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def harvested(lab: Lab) -> Truth:
    """A harvest without faults, and what is true of it."""
    files = {b"a.raw": b"first", b"folder/b.raw": b"", b"folder/\xff.raw": os.urandom(3000)}
    truth = Truth()
    source = truth.sources["instrument"] = SourceTruth(lab.source)
    for path, content in files.items():
        facts = lab.write(path, content).stat()
        digest = hashlib.sha256(content).hexdigest()
        source.stands(path, Content(facts.st_size, facts.st_mtime_ns, digest))
    async with lab.database.write() as session:
        await session.execute(text("UPDATE instruments SET slug = 'instrument'"))
    truth.planted.append(plant(lab.target / "instrument" / "stranger.txt", b"was here"))
    await lab.harvest()
    while await lab.database.run(audit.seal):
        pass
    async with lab.database.read() as session:
        location = await session.get(StorageLocation, lab.storage)
        assert location is not None
    await sweep(lab.database, await lab.engine.storage(location))
    return truth


async def test_a_faultless_harvest_has_no_violations(lab: Lab, database_url: str) -> None:
    truth = await harvested(lab)
    assert check(database_url, truth) == []


def test_the_checker_imports_nothing_of_the_engine() -> None:
    for name in ("checker.py", "audit_check.py", "rows.py", "truth.py"):
        for node in ast.walk(ast.parse((HERE / name).read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            mine = {"tests.faults", "tests.faults.rows", "tests.faults.truth"}
            for module in modules:
                assert module.split(".")[0] not in ("app", "simlab", "streamweave_sdk"), name
                assert not module.startswith("tests") or module in mine, name


def test_the_catalogue_is_read_from_its_page() -> None:
    assert {"read_back_mismatch", "storage_full", "destination_conflict"} <= catalogue()
    assert len(catalogue()) > 40


class Damage:
    """What is damaged, one promise at a time."""

    def __init__(self, lab: Lab, tables: Tables, truth: Truth) -> None:
        self.tables = tables
        self.truth = truth
        self.source = truth.sources["instrument"]
        self.archive = lab.target / "instrument"
        self.folder = lab.source

    def copy(self, name: str = "a.raw") -> Row:
        return next(c for c in self.tables["copies"] if c["dest_path"].endswith(name))

    def version(self) -> Row:
        (row,) = [v for v in self.tables["versions"] if v["id"] == self.copy()["version_id"]]
        return row

    def file(self) -> Row:
        return next(f for f in self.tables["source_files"] if f["path"] == "a.raw")

    def object_is_gone(self) -> None:
        (self.archive / "a.raw").unlink()

    def object_has_other_bytes(self) -> None:
        (self.archive / "a.raw").write_bytes(b"other")

    def object_is_a_link(self) -> None:
        place = self.archive / "a.raw"
        place.rename(self.archive.parent.parent / "elsewhere")
        place.symlink_to(self.archive.parent.parent / "elsewhere")

    def evidence_differs(self) -> None:
        self.copy()["intent"]["read_back_sha256"] = "0" * 64

    def source_after_differs(self) -> None:
        self.copy()["intent"]["source_after"]["mtime_ns"] += 1

    def made_twice(self) -> None:
        (row,) = [a for a in self.tables["attempts"] if a["copy_id"] == self.copy()["id"]]
        self.tables["attempts"].append(row | {"number": 2, "leaf_index": 7})

    def a_mix_of_two_contents(self) -> None:
        before = self.source.stood[b"a.raw"].pop()
        self.source.stood[b"a.raw"] += [
            Content(before.size_bytes, before.mtime_ns, "1" * 64),
            Content(before.size_bytes, before.mtime_ns + 1, before.sha256),
        ]

    def no_row_speaks_of_it(self) -> None:
        facts = (self.folder / "new.raw").write_bytes(b"new")
        self.source.stands(b"new.raw", Content(facts, 1, hashlib.sha256(b"new").hexdigest()))

    def newest_content_is_missing(self) -> None:
        (self.folder / "a.raw").write_bytes(b"second")
        self.source.stands(b"a.raw", Content(6, 1, hashlib.sha256(b"second").hexdigest()))

    def failed_without_a_reason_of_the_round(self) -> None:
        self.copy().update(state="failed", error_code="storage_full")
        (self.archive / "a.raw").unlink()

    def marked_as_gone(self) -> None:
        self.file()["absent_since"] = self.file()["first_seen_at"]

    def source_was_written_to(self) -> None:
        (self.folder / "a.raw").write_bytes(b"FIRST")

    def two_source_files(self) -> None:
        self.tables["source_files"].append(self.file() | {"id": "f" * 32, "incarnation": 2})

    def two_identifiers(self) -> None:
        one = self.tables["identifiers"][0]
        self.tables["identifiers"].append(one | {"value": "ark:99999/other"})

    def the_same_content_as_two_versions(self) -> None:
        version, copy = self.version(), self.copy()
        self.tables["versions"].append(version | {"id": "e" * 32, "number": 2})
        self.tables["copies"].append(copy | {"id": "d" * 32, "version_id": "e" * 32})

    def an_object_that_nobody_claims(self) -> None:
        (self.archive / "nobody.raw").write_bytes(b"?")

    def planted_object_overwritten(self) -> None:
        (self.archive / "stranger.txt").write_bytes(b"was HERE")

    def planted_object_replaced(self) -> None:
        place = self.archive / "stranger.txt"
        content, facts = place.read_bytes(), place.stat()
        other = self.archive / "other"
        other.write_bytes(content)
        os.utime(other, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
        other.replace(place)

    def temporary_left(self) -> None:
        (self.archive / f".streamweave-01234567-{uuid.uuid4().hex}-1-part").write_bytes(b"")

    def chain_changed(self) -> None:
        self.tables["audit_events"][0]["canonical"] += " "

    def event_slipped_in(self) -> None:
        event = self.tables["audit_events"][0]
        self.tables["audit_events"].append(event | {"id": "c" * 32, "action": "run.ended"})

    def event_never_sealed(self) -> None:
        last = max(self.tables["audit_links"], key=lambda r: int(r["seq"]))
        self.tables["audit_links"].remove(last)
        self.tables["audit_pending"].append({"event_id": last["event_id"]})

    def attempt_changed(self) -> None:
        self.tables["attempts"][0]["worker"] = "somebody else"

    def attempt_removed(self) -> None:
        self.tables["attempts"].pop()

    def failed_with_an_unknown_code(self) -> None:
        self.copy().update(state="retry_wait", error_code="bad_luck")

    def attempt_failed_without_a_code(self) -> None:
        self.tables["attempts"].append(self.tables["attempts"][0] | {"outcome": "failed"})

    def attempt_failed_for_no_reason_of_the_round(self) -> None:
        self.tables["attempts"][0]["error_code"] = "storage_full"

    def still_on_its_way(self) -> None:
        self.copy().update(state="publishing")

    def _told(self) -> dict[str, Any]:
        return next(row for row in self.tables["outbox"] if row["topic"] == "copy.available")

    def told_twice(self) -> None:
        self.tables["outbox"].append(self._told())

    def not_told(self) -> None:
        self.tables["outbox"].remove(self._told())

    def not_in_the_journal(self) -> None:
        for path in self.archive.parent.glob(".streamweave/journal/*/*.jsonl"):
            path.write_text('{"torn')


EXPECTED = {
    "object_is_gone": "false_available",
    "object_has_other_bytes": "false_available",
    "object_is_a_link": "false_available",
    "evidence_differs": "false_available",
    "source_after_differs": "false_available",
    "made_twice": "false_available",
    "a_mix_of_two_contents": "mixed_content",
    "no_row_speaks_of_it": "lost_file",
    "newest_content_is_missing": "lost_file",
    "failed_without_a_reason_of_the_round": "lost_file",
    "marked_as_gone": "lost_file",
    "source_was_written_to": "source_changed",
    "two_source_files": "duplicate",
    "two_identifiers": "duplicate",
    "the_same_content_as_two_versions": "duplicate",
    "an_object_that_nobody_claims": "unclaimed_object",
    "planted_object_overwritten": "overwritten",
    "planted_object_replaced": "overwritten",
    "temporary_left": "temporary_left",
    "chain_changed": "audit_broken",
    "event_slipped_in": "audit_broken",
    "event_never_sealed": "audit_broken",
    "attempt_changed": "audit_broken",
    "attempt_removed": "audit_broken",
    "failed_with_an_unknown_code": "unexplained",
    "attempt_failed_without_a_code": "unexplained",
    "attempt_failed_for_no_reason_of_the_round": "unexplained",
    "still_on_its_way": "unfinished",
    "told_twice": "told_wrongly",
    "not_told": "told_wrongly",
    "not_in_the_journal": "journal_missing",
}


@contextlib.contextmanager
def restored(lab: Lab, folder: Path) -> Iterator[None]:
    """Put source and storage back as they were, the same inodes included."""
    kept = folder / "kept"
    for root in (lab.source, lab.target):
        # Linked, so that the inode stays; copied, so that bytes can be put back.
        shutil.copytree(root, kept / root.name / "linked", copy_function=os.link)
        shutil.copytree(root, kept / root.name / "copied")
    try:
        yield
    finally:
        for root in (lab.source, lab.target):
            shutil.rmtree(root)
            shutil.copytree(kept / root.name / "linked", root, copy_function=os.link)
            for copied in (kept / root.name / "copied").rglob("*"):
                if copied.is_file():
                    place = root / copied.relative_to(kept / root.name / "copied")
                    place.write_bytes(copied.read_bytes())
                    facts = copied.stat()
                    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        shutil.rmtree(kept)


def _copied(source: SourceTruth) -> SourceTruth:
    stood = {path: list(contents) for path, contents in source.stood.items()}
    return SourceTruth(source.root, stood, dict(source.final))


def test_every_damage_is_expected_to_be_found() -> None:
    damages = {n for n, one in vars(Damage).items() if callable(one) and not n.startswith("_")}
    assert damages - {"copy", "version", "file"} == set(EXPECTED)


@ON_SQLITE
async def test_each_planted_violation_is_found(lab: Lab, database_url: str, tmp_path: Path) -> None:
    truth = await harvested(lab)
    for damage, kind in EXPECTED.items():
        with restored(lab, tmp_path):
            tables = read_tables(database_url)
            lain = Truth({"instrument": _copied(truth.sources["instrument"])}, list(truth.planted))
            getattr(Damage(lab, tables, lain), damage)()
            found = {violation.kind for violation in Checker(tables, lain).violations()}
            assert kind in found, f"{damage}: {found}"
    assert check(database_url, truth) == []


@ON_SQLITE
async def test_a_lie_that_one_read_cannot_see_is_no_violation(lab: Lab, database_url: str) -> None:
    truth = await harvested(lab)
    source = truth.sources["instrument"]
    (before,) = source.stood[b"a.raw"]
    (lab.source / "a.raw").write_bytes(b"FIRST")
    source.stood[b"a.raw"] = [Content(5, before.mtime_ns, hashlib.sha256(b"FIRST").hexdigest())]
    source.final[b"a.raw"] = source.stood[b"a.raw"][0].sha256
    assert {one.kind for one in check(database_url, truth)} == {"mixed_content", "lost_file"}
    source.lies(b"a.raw", before.sha256)
    assert check(database_url, truth) == []
