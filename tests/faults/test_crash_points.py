"""Killed at every named line, continued by another process: nothing lost, doubled or falsified."""

import hashlib
import os
from collections.abc import Mapping

import pytest
from sqlalchemy import select

from app.harvest.crash import CRASH_POINTS
from app.models import Attempt, AuditEvent, Identifier
from app.services import audit
from tests.faults.processes import Children, leases_run_out
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]

# What the row says of a copy whose worker died there; the others were not begun or were done.
LOST_BEFORE_INTENT = {
    "after_claim",
    "after_file",
    "after_receive",
    "after_sync",
    "after_read_back",
}
RESUMED = {"after_intent", "after_link", "after_sync_names"}
A_FILE_EACH = {"after_file", "after_link"}  # these are passed once a file, the others once a batch

CASES = [("sqlite", name, 1) for name in CRASH_POINTS]
CASES += [("sqlite", name, 2) for name in ("after_file", "after_link", "after_claim", "after_plan")]
CASES += [("postgresql", "after_claim", 1), ("postgresql", "after_link", 2)]


def test_every_crash_point_is_one_of_the_cases() -> None:
    assert LOST_BEFORE_INTENT | RESUMED | {"after_available", "after_plan"} == set(CRASH_POINTS)


@pytest.mark.parametrize(("database_url", "name", "count"), CASES, indirect=["database_url"])
async def test_a_killed_engine_is_continued_without_loss_or_double(
    name: str, count: int, lab: Lab, database_url: str
) -> None:
    files = 210 if count > 1 and name not in A_FILE_EACH else 5  # a batch has 200
    contents = {f"run {n % 3}/{n}.raw": os.urandom(100 + n) for n in range(files)}
    for path, content in contents.items():
        lab.write(path, content)
    expected = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    with Children(lab, database_url) as children:
        assert children.run(crash_at=f"{name}:{count}", lease_seconds=1.0) == -9
        arks = {path: file.ark for path, file in (await lab.files()).items() if file.ark}
        states = {copy.state for copy in (await lab.copies()).values()}
        left = list(lab.target.rglob("*-part")) if name == "after_available" else states
        assert set(left) - {"available"}, "it died before anything was left to do"
        await leases_run_out(lab)
        assert children.run() == 0
    await _everything_is_right(lab, expected, arks)
    await _attempts_tell_it(lab, name)


async def _everything_is_right(
    lab: Lab, expected: dict[str, str], arks: Mapping[str, str | None]
) -> None:
    delivered = {path.partition("/")[2]: digest for path, digest in lab.delivered().items()}
    assert delivered == expected
    assert not list(lab.target.rglob("*-part"))
    copies = list((await lab.copies()).values())
    assert {copy.state for copy in copies} == {"available"}
    assert len(copies) == len(expected)
    for copy in copies:
        assert copy.intent is not None
        assert copy.intent["received_sha256"] == copy.intent["read_back_sha256"]
    files = await lab.files()
    assert {path: files[path].ark for path in arks} == arks
    async with lab.database.read() as session:
        identifiers = (await session.scalars(select(Identifier.value))).all()
    assert len(identifiers) == len(expected)
    while await lab.database.run(audit.seal):
        pass
    async with lab.database.read() as session:
        verified = await audit.verify(session)
        proven = await session.scalars(
            select(AuditEvent.canonical).where(AuditEvent.action == "copies.proven")
        )
        assert '"attempts":' in "".join(proven)
    assert verified.intact
    assert verified.unsealed == 0


async def _attempts_tell_it(lab: Lab, name: str) -> None:
    async with lab.database.read() as session:
        rows = (
            await session.execute(select(Attempt.copy_id, Attempt.number, Attempt.outcome))
        ).all()
    tried: dict[object, list[str]] = {}
    for row in sorted(rows, key=lambda row: row.number):
        tried.setdefault(row.copy_id, []).append(row.outcome)
    ways = {tuple(way) for way in tried.values()}
    allowed: set[tuple[str, ...]] = {("published",)}
    if name in LOST_BEFORE_INTENT:
        assert ("lost", "published") in ways
        allowed.add(("lost", "published"))
    if name in RESUMED:
        assert ("resumed",) in ways
        allowed.add(("resumed",))
    assert ways <= allowed
