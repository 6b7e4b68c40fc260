"""A file's status for people: the filter in SQL says the same as the function in Python."""

import itertools
import uuid

from sqlalchemy import select

from app.models import Copy, CopyState, FileState, SourceFile
from app.schemas.files import FileStatus
from app.services.files import STATUSES, derive_status, status_is
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)

_SOME = (CopyState.AVAILABLE, CopyState.FAILED, CopyState.QUEUED, CopyState.REMOVED)


def test_the_wire_knows_every_status_and_no_other() -> None:
    assert {status.value for status in FileStatus} == set(STATUSES)


def test_a_file_is_available_only_when_every_required_copy_is() -> None:
    for states in itertools.product(CopyState, repeat=2):
        status = derive_status(FileState.PLANNED, [(state, True) for state in states])
        if status == "available":
            # A copy that was removed by authority is no longer asked for.
            assert set(states) <= {CopyState.AVAILABLE, CopyState.REMOVED}


def test_an_optional_copy_does_not_speak_while_a_required_one_can() -> None:
    copies = [("available", True), ("failed", False)]
    assert derive_status(FileState.PLANNED, copies) == "available"
    assert derive_status(FileState.PLANNED, [("failed", False)]) == "failed"


async def test_the_filter_and_the_function_agree_on_every_mix(api: Api) -> None:
    places = [await api.make_storage(f"place-{number}") for number in range(2)]
    instrument = await api.make_instrument()
    expected: dict[uuid.UUID, str] = {}
    mixes = itertools.product(_SOME, _SOME, (True, False), (True, False))
    for number, (one, other, required_one, required_other) in enumerate(mixes):
        file_id, copy_id = await api.make_file(
            instrument["id"], places[0]["id"], f"{number}.raw", state=one
        )
        async with api.database.write() as session:
            first = await session.get_one(Copy, copy_id)
            first.required = required_one
            session.add(
                Copy(
                    version_id=first.version_id,
                    source_file_id=file_id,
                    instrument_id=first.instrument_id,
                    storage_location_id=uuid.UUID(places[1]["id"]),
                    state=other,
                    required=required_other,
                    dest_path=first.dest_path,
                    dest_path_bytes=first.dest_path_bytes,
                    size_bytes=5,
                    intent={},
                    created_at=first.created_at,
                    state_since=first.state_since,
                )
            )
        copies = [(one.value, required_one), (other.value, required_other)]
        expected[file_id] = derive_status(FileState.PLANNED, copies)
    for number, state in enumerate(FileState):
        file_id, _ = await api.make_file(
            instrument["id"], places[0]["id"], f"own-{number}", state=CopyState.QUEUED
        )
        async with api.database.write() as session:
            (await session.get_one(SourceFile, file_id)).state = state
        expected[file_id] = derive_status(state, [("queued", True)])
    found: dict[uuid.UUID, str] = {}
    async with api.database.read() as session:
        for status in STATUSES:
            ids = (await session.scalars(select(SourceFile.id).where(status_is(status)))).all()
            assert not set(ids) & set(found), "a file has one status"
            found |= dict.fromkeys(ids, status)
    assert found == expected
    for file_id, status in expected.items():
        async with api.database.read() as session:
            path = (await session.get_one(SourceFile, file_id)).path
        where = {"instrument": instrument["id"], "path": path}
        explained = (await api.admin.get("/api/explain", params=where)).json()
        listed = (await api.admin.get(f"/api/files/{file_id}")).json()
        assert (explained["status"], listed["status"]) == (status, status), path
    where = {"instrument": instrument["id"], "path": "never/seen.raw"}
    assert (await api.admin.get("/api/explain", params=where)).json()["status"] == "unknown"
