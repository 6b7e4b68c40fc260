"""After a crash while publishing, nothing counts that was not read again."""

import os
from pathlib import Path

import pytest

from tests.faults.processes import Children, leases_run_out
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _damage(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))


async def test_a_temporary_that_was_damaged_meanwhile_is_made_again(
    lab: Lab, database_url: str
) -> None:
    lab.write("a.raw", b"content")
    with Children(lab, database_url) as children:
        assert children.run(crash_at="after_intent", lease_seconds=0.5) == -9
        (temporary,) = lab.target.rglob("*-part")
        _damage(temporary)
        await leases_run_out(lab)
        assert children.run(scans=0) == 0
    (copy,) = (await lab.copies()).values()
    assert copy.state == "available"
    assert [path.read_bytes() for path in lab.target.rglob("a.raw")] == [b"content"]


async def test_an_object_that_was_damaged_meanwhile_is_a_conflict(
    lab: Lab, database_url: str
) -> None:
    lab.write("a.raw", b"content")
    with Children(lab, database_url) as children:
        assert children.run(crash_at="after_link", lease_seconds=0.5) == -9
        (published,) = lab.target.rglob("a.raw")
        _damage(published)
        await leases_run_out(lab)
        assert children.run(scans=0) == 0
    (copy,) = (await lab.copies()).values()
    assert (copy.state, copy.error_code) == ("conflict", "destination_conflict")
    assert published.read_bytes() == b"Xontent"
