"""What is true of a small lab, kept beside the engine, and the promises checked against it.

Reads database and folders itself (plain SQL, plain files); of the engine it knows only the table of
allowed moves and the error catalogue.
"""

import hashlib
import itertools
import json
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import CATALOGUE
from app.harvest.states import ALLOWED
from app.models import CopyState

EPOCH_NS = 1_700_000_000_000_000_000
_MOVING = {state.value for state in CopyState if not state.is_final}
_SUCCESS = ("published", "resumed", "adopted")
_TIMES = itertools.count(1)

# Every move of a copy and every change of a fixed hash is written down by the database itself.
LOG = """
CREATE TABLE moves (copy_id TEXT, was TEXT, is_now TEXT);
CREATE TRIGGER log_moves AFTER UPDATE OF state ON copies WHEN old.state <> new.state
BEGIN INSERT INTO moves VALUES (new.id, old.state, new.state); END;
CREATE TRIGGER hash_once BEFORE UPDATE OF sha256 ON versions
WHEN old.sha256 IS NOT NULL AND new.sha256 IS NOT old.sha256
BEGIN SELECT RAISE(ABORT, 'the hash of a version was changed'); END;
"""
_COPIES = """
SELECT c.id, c.state, c.due_at, c.follows, c.attempt, c.source_file_id, c.version_id,
       c.dest_path, c.intent, c.error_code,
       v.number, v.sha256, v.size_bytes, f.path, f.latest_version, s.path AS root
FROM copies c JOIN versions v ON v.id = c.version_id
JOIN source_files f ON f.id = c.source_file_id
JOIN storage_locations s ON s.id = c.storage_location_id
"""
_TIME_PASSES = """
UPDATE copies SET due_at = '2000-01-01 00:00:00.000000' WHERE state = 'retry_wait';
UPDATE source_files SET next_try_at = NULL;
UPDATE scan_state SET next_try_at = NULL, held_until = NULL;
UPDATE storage_locations SET paused_until = NULL;
"""


@dataclass(frozen=True)
class Facts:
    """What the source says of a file, and what is in it."""

    sha256: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Standing:
    """An object at a storage."""

    inode: int
    sha256: str


def standing(path: Path) -> Standing:
    content = path.read_bytes()
    return Standing(path.stat().st_ino, hashlib.sha256(content).hexdigest())


@dataclass
class Truth:
    """The lab as it is and was."""

    source: Path
    storages: list[Path]
    database: Path
    history: dict[str, list[Facts]] = field(default_factory=dict)
    was_absent: set[str] = field(default_factory=set)
    decoys: dict[Path, Standing] = field(default_factory=dict)
    published: dict[str, tuple[Path, Standing]] = field(default_factory=dict)
    arks: dict[str, str] = field(default_factory=dict)
    seen_moves: int = 0

    # --- what happens to the lab -------------------------------------------------------------

    def write(self, path: str, content: bytes, *, keeps_time: bool) -> None:
        """Write a file in place; its time is a new one, or stays."""
        place = self.source / path
        place.parent.mkdir(parents=True, exist_ok=True)
        known = place.exists()
        mtime_ns = place.stat().st_mtime_ns if keeps_time and known else self._new_time()
        place.write_bytes(content)
        os.utime(place, ns=(mtime_ns, mtime_ns))
        self._remember(path)

    def delete(self, path: str) -> None:
        """Take a file away, with its folder when that is empty."""
        place = self.source / path
        place.unlink(missing_ok=True)
        self.was_absent.add(path)
        folder = place.parent
        if folder != self.source and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def bring_back(self, path: str, contents: tuple[bytes, ...]) -> None:
        """A file that is away comes back as it was last."""
        place = self.source / path
        if place.exists() or path not in self.history:
            return
        last = self.history[path][-1]
        (content,) = [c for c in contents if hashlib.sha256(c).hexdigest() == last.sha256]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        os.utime(place, ns=(last.mtime_ns, last.mtime_ns))

    def rename(self, old: str, new: str) -> None:
        """Rename a file over another one; it keeps its time unless the name had that before."""
        origin, place = self.source / old, self.source / new
        if old == new or not origin.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(origin, place)
        if place.stat().st_mtime_ns in {one.mtime_ns for one in self.history.get(new, [])}:
            time = self._new_time()
            os.utime(place, ns=(time, time))
        self._remember(new)
        self.was_absent.add(old)

    def _new_time(self) -> int:
        return EPOCH_NS + next(_TIMES) * 1_000_000_000

    def _remember(self, path: str) -> None:
        self.history.setdefault(path, []).append(self.facts(path))

    def facts(self, path: str) -> Facts:
        place = self.source / path
        content, found = place.read_bytes(), place.stat()
        return Facts(hashlib.sha256(content).hexdigest(), len(content), found.st_mtime_ns)

    def present(self) -> list[str]:
        """The files that are on the source now."""
        found = [p for p in self.source.rglob("*") if p.is_file()]
        return sorted(str(p.relative_to(self.source)) for p in found)

    def place_decoy(self, path: Path, content: bytes) -> None:
        """Somebody else puts an object at a name of the storage, if that is free."""
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.decoys[path] = standing(path)

    def damage_a_temporary(self, worker: str, number: int) -> None:
        """Change a byte of what a worker has written and not read back yet."""
        mine = f"SELECT id, attempt FROM copies WHERE lease_owner LIKE '{worker}/%'"
        flying = {f"{row['id']}-{row['attempt']}-part" for row in self.rows(mine)}
        found = [
            path
            for path in self.temporaries()
            if path.name.split("-", 2)[-1] in flying and path.stat().st_size
        ]
        if not found:
            return
        path = found[number % len(found)]
        before = path.stat()
        with path.open("r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 1]))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def temporaries(self) -> list[Path]:
        """The temporaries that stand at the storages."""
        return [p for root in self.storages for p in sorted(root.rglob(".streamweave-*-part"))]

    # --- what happens in the database --------------------------------------------------------

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.database, timeout=20)
        connection.row_factory = sqlite3.Row
        return connection

    def rows(self, query: str) -> list[sqlite3.Row]:
        connection = self.connect()
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def change(self, script: str) -> None:
        connection = self.connect()
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script}; COMMIT")
        finally:
            connection.close()

    def time_passes(self) -> None:
        """Whatever waits for a time has waited long enough."""
        self.change(_TIME_PASSES)

    def leases_run_out(self, worker: str) -> None:
        """A worker's leases are over, whether it knows or not."""
        tables = {"copies": "lease_owner", "scan_state": "lease_owner", "slots": "owner"}
        for table, owner in tables.items():
            until = "until_ms" if table == "slots" else "lease_until_ms"
            self.change(f"UPDATE {table} SET {until} = 0 WHERE {owner} LIKE '{worker}/%'")

    def is_at_rest(self) -> bool:
        """Whether nothing is left to be done for what is on the source."""
        moving = [
            row
            for row in self.rows(_COPIES)
            if row["state"] in _MOVING and not (row["state"] == "queued" and row["due_at"] is None)
        ]
        parked = "state IN ('settling', 'held') AND absent_since IS NULL"
        return not moving and not self.rows(f"SELECT id FROM source_files WHERE {parked}")

    # --- the promises ------------------------------------------------------------------------

    def check(self) -> None:
        """What holds at every moment."""
        copies = self.rows(_COPIES)
        self._moves_are_allowed()
        for copy in copies:
            if copy["state"] == "available":
                self._is_true(copy)
        self._published_stays()
        self._everything_at_the_storages_is_explained(copies)
        self._told_once(copies)
        self._identifiers_stay()
        for row in self.rows("SELECT path FROM source_files WHERE absent_since IS NOT NULL"):
            assert row["path"] in self.was_absent, "gone, but it never was away"

    def _moves_are_allowed(self) -> None:
        moves = self.rows(f"SELECT * FROM moves WHERE rowid > {self.seen_moves} ORDER BY rowid")
        self.seen_moves += len(moves)
        for move in moves:
            assert CopyState(move["is_now"]) in ALLOWED[CopyState(move["was"])], tuple(move)

    def _is_true(self, copy: sqlite3.Row) -> None:
        """Promise 1: the bytes there are the version's, and stood on the source like that."""
        path = Path(copy["root"]) / copy["dest_path"]
        evidence: dict[str, Any] = json.loads(copy["intent"])
        sha256 = copy["sha256"].hex()
        assert evidence["received_sha256"] == evidence["read_back_sha256"] == sha256
        there = standing(path)
        assert there.sha256 == sha256, f"a false available: {copy['dest_path']}"
        stood = self.history[copy["path"]]
        if "filled_from" in evidence:  # from a proven copy, not from the source
            assert sha256 in {facts.sha256 for facts in stood}
        else:
            before = evidence["source_before"]
            facts = Facts(sha256, before["size_bytes"], before["mtime_ns"])
            assert facts in stood, f"never on the source: {facts}"
        assert evidence["outcome"] in _SUCCESS
        if evidence["outcome"] != "adopted":
            assert path not in self.decoys
        self.published.setdefault(copy["id"], (path, there))

    def _published_stays(self) -> None:
        """Promise 2: neither what was published nor what stood there is ever touched."""
        for path, there in [*self.published.values(), *self.decoys.items()]:
            assert standing(path) == there, f"{path} was changed"

    def _everything_at_the_storages_is_explained(self, copies: list[sqlite3.Row]) -> None:
        ours: dict[Path, list[sqlite3.Row]] = {}
        for copy in copies:
            ours.setdefault(Path(copy["root"]) / copy["dest_path"], []).append(copy)
        for root in self.storages:
            for path in root.rglob("*"):
                parts = path.relative_to(root).parts
                if path.is_dir() or path in self.decoys or parts[0] == ".streamweave":
                    continue
                if path.name.startswith(".streamweave-"):
                    continue
                made = [c for c in ours[path] if c["state"] in ("publishing", "available")]
                assert made, f"nobody made {path}: {[tuple(c) for c in ours[path]]}"
                assert standing(path).sha256 in {c["sha256"].hex() for c in made}

    def _told_once(self, copies: list[sqlite3.Row]) -> None:
        """One success a copy that is available, none for any other: in attempts and outbox."""
        good = "', '".join(_SUCCESS)
        attempts = self.rows(f"SELECT copy_id FROM attempts WHERE outcome IN ('{good}')")
        events = self.rows("SELECT payload FROM outbox WHERE topic = 'copy.available'")
        available = sorted(copy["id"] for copy in copies if copy["state"] == "available")
        told = [json.loads(row["payload"])["copy_id"].replace("-", "") for row in events]
        assert sorted(row["copy_id"] for row in attempts) == available
        assert sorted(told) == available

    def _identifiers_stay(self) -> None:
        now = {
            row["id"]: row["ark"] for row in self.rows("SELECT id, ark FROM source_files") if row[1]
        }
        assert {one: now.get(one) for one in self.arks} == self.arks, "an ARK was changed"
        self.arks = now
        minted = self.rows("SELECT value, source_file_id FROM identifiers")
        assert {row["source_file_id"]: row["value"] for row in minted} == now
        assert len(minted) == len(now)

    def check_at_rest(self) -> None:
        """What holds when everything was done that can be done."""
        assert not self.temporaries(), "the sweep left temporaries"
        copies = self.rows(_COPIES)
        for copy in copies:
            self._has_ended_for_a_reason(copy)
        newest: dict[str, sqlite3.Row] = {}
        for row in self.rows("SELECT * FROM source_files ORDER BY incarnation"):
            newest[row["path"]] = row
        for path in self.present():
            file = newest[path]
            assert (file["state"], file["absent_since"]) == ("planned", None), tuple(file)
            newest_version = (file["id"], file["latest_version"])
            mine = [c for c in copies if (c["source_file_id"], c["number"]) == newest_version]
            assert {c["root"] for c in mine} == {str(root) for root in self.storages}
            self._is_up_to_date(path, mine)

    def _is_up_to_date(self, path: str, copies: list[sqlite3.Row]) -> None:
        """The newest version is content that stood there with the facts that stand there now."""
        facts = self.facts(path)
        like_now = {
            one.sha256
            for one in self.history[path]
            if (one.size, one.mtime_ns) == (facts.size, facts.mtime_ns)
        }
        for copy in copies:
            if copy["state"] == "available":
                assert copy["sha256"].hex() in like_now, f"{path} is out of date"

    def _has_ended_for_a_reason(self, copy: sqlite3.Row) -> None:
        state, code = copy["state"], copy["error_code"]
        if state == "available":
            return
        if state == "queued" and copy["follows"] and copy["due_at"] is None:
            return  # it waits for its first copy, which has the reason
        assert code in CATALOGUE, tuple(copy)
        if state == "superseded":
            assert copy["number"] < copy["latest_version"], "the newest version was given up"
        elif state == "conflict":
            path = Path(copy["root"]) / copy["dest_path"]
            assert code in ("destination_conflict", "destination_taken")
            if code == "destination_conflict":
                assert path in self.decoys or path in {p for p, _ in self.published.values()}
                assert copy["sha256"] is None or standing(path).sha256 != copy["sha256"].hex()
        elif state == "failed":
            assert code in ("lost_repeatedly", "read_back_mismatch"), tuple(copy)
        else:
            # Parked: the source does not have the file any more, and nothing replaced it.
            assert state == "queued", tuple(copy)
