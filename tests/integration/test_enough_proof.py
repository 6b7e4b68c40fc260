"""The storage policy says which read-back is proof enough."""

from sqlalchemy import update

from app.models import Copy, InstrumentStorage
from tests.integration.engine_fixtures import Lab, lab
from tests.integration.test_engine_hard_cases import _make_due, _scan_twice

__all__ = ["lab"]
_NEVER_FROM_A_DISK = ["server_cache", "storage_checksum"]


async def _accept(lab: Lab, enough: list[str] | None) -> None:
    async with lab.database.write() as session:
        await session.execute(update(InstrumentStorage).values(enough=enough))


async def _only_copy(lab: Lab) -> Copy:
    (copy,) = (await lab.copies()).values()
    return copy


async def test_a_copy_waits_until_its_read_back_is_accepted(lab: Lab) -> None:
    lab.write("a.raw", b"precious")
    await _accept(lab, _NEVER_FROM_A_DISK)
    await _scan_twice(lab)
    await lab.engine.transfer(["main"])  # once: here a retry waits for nothing
    copy = await _only_copy(lab)
    assert (copy.state, copy.error_code) == ("retry_wait", "read_back_not_enough")
    assert "the policy asks for server_cache or storage_checksum" in (copy.error_detail or "")
    assert copy.failures == 0  # nobody loses a file because of a setting
    assert not lab.delivered()

    await _accept(lab, ["device", "page_cache"])
    await _make_due(lab.database)
    await lab.drain()
    copy = await _only_copy(lab)
    assert copy.state == "available"
    assert (copy.intent or {})["read_back_from"] in ("device", "page_cache")


async def test_what_stands_there_already_is_not_adopted_without_proof_enough(lab: Lab) -> None:
    lab.write("a.raw", b"precious")
    await _scan_twice(lab)
    place = lab.target / (await _only_copy(lab)).dest_path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"precious")
    await _accept(lab, _NEVER_FROM_A_DISK)
    await lab.engine.transfer(["main"])
    assert (await _only_copy(lab)).error_code == "read_back_not_enough"

    await _accept(lab, None)
    await _make_due(lab.database)
    await lab.drain()
    copy = await _only_copy(lab)
    assert (copy.state, (copy.intent or {})["outcome"]) == ("available", "adopted")
    assert place.read_bytes() == b"precious"


async def test_an_empty_file_needs_no_better_proof(lab: Lab) -> None:
    lab.write("empty.raw", b"")
    await _accept(lab, _NEVER_FROM_A_DISK)
    await lab.harvest()
    assert (await _only_copy(lab)).state == "available"
