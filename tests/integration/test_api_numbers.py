"""What the page counts can be listed: each number has a filter that shows what it counts."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from app.clock import utcnow
from app.models import (
    Attempt,
    AuditPending,
    Copy,
    CopyState,
    FileState,
    Run,
    RunKind,
    RunOutcome,
    RunState,
    ScanState,
    SourceFile,
    StorageLocation,
    Version,
    new_id,
)
from app.services import audit
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)


async def _names(client: httpx.AsyncClient, what: str, key: str, **params: Any) -> list[str]:
    """A list, page after page."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(30):
        answer = await client.get(f"/api/{what}", params={"limit": 1, **params, **cursor})
        assert answer.status_code == 200, answer.text
        found += [str(item[key]) for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}
    raise AssertionError("the list does not end")


async def _complete_at(api: Api, path: str, at: datetime) -> None:
    async with api.database.write() as session:
        file = select(SourceFile.id).where(SourceFile.path == path).scalar_subquery()
        await session.execute(
            update(Version).where(Version.source_file_id == file).values(created_at=at)
        )


async def test_files_are_found_by_when_a_version_of_them_was_complete(api: Api) -> None:
    storage, one = await api.make_storage(), await api.make_instrument()
    yesterday = utcnow() - timedelta(days=1)
    for name in ("old", "new", "again"):
        await api.make_file(one["id"], storage["id"], name, state=CopyState.AVAILABLE)
    for name in ("old", "again"):
        await _complete_at(api, name, yesterday)
    async with api.database.write() as session:
        file = await session.scalar(select(SourceFile).where(SourceFile.path == "again"))
        assert file is not None
        session.add(
            Version(
                source_file_id=file.id,
                number=2,
                size_bytes=6,
                mtime_ns=2,
                seen_mtime_ns=2,
                created_at=utcnow(),
            )
        )
        file.latest_version = 2
    noon = (utcnow() - timedelta(hours=12)).isoformat()
    assert await _names(api.admin, "files", "path", complete_after=noon) == ["again", "new"]
    assert await _names(api.admin, "files", "path", complete_before=noon) == ["again", "old"]
    between = {"complete_after": yesterday.isoformat(), "complete_before": noon}
    assert await _names(api.admin, "files", "path", **between) == ["again", "old"]
    counts = (await api.admin.get("/api/files/counts", params={"complete_after": noon})).json()
    assert counts["total"] == {"count": 2, "more": False}


async def test_files_are_found_by_their_reason_and_by_whether_they_are_still_there(
    api: Api,
) -> None:
    storage, one = await api.make_storage(), await api.make_instrument()
    for name in ("a", "b", "c"):
        await api.make_file(one["id"], storage["id"], name, state=CopyState.AVAILABLE)
    async with api.database.write() as session:
        for name, code in (("a", "name_refused"), ("b", "path_too_long")):
            await session.execute(
                update(SourceFile)
                .where(SourceFile.path == name)
                .values(state=FileState.REFUSED, reason_code=code)
            )
        await session.execute(
            update(SourceFile).where(SourceFile.path == "c").values(absent_since=utcnow())
        )
    assert await _names(api.admin, "files", "path", state="failed") == ["b", "a"]
    found = await _names(api.admin, "files", "path", state="failed", reason="name_refused")
    assert found == ["a"]
    assert await _names(api.admin, "files", "path", present=True) == ["b", "a"]
    assert await _names(api.admin, "files", "path", present=False) == ["c"]


async def test_copies_are_found_by_when_they_became_available(api: Api) -> None:
    storage = await api.make_storage()
    made = [await api.make_instrument(slug) for slug in ("tem", "nmr")]
    hour = timedelta(hours=1)
    noon = utcnow() - timedelta(days=2)
    for number, one in enumerate((*made, made[0])):
        at = noon + number * hour
        _, copy_id = await api.make_file(
            one["id"], storage["id"], f"{number}", state=CopyState.AVAILABLE
        )
        async with api.database.write() as session:
            await session.execute(
                update(Copy).where(Copy.id == copy_id).values(available_at=at, created_at=at)
            )
            await session.execute(insert(Attempt).values(_attempt(copy_id, at, number)))

    async def found(**params: Any) -> list[str]:
        return await _names(api.admin, "transfers", "path", **params)

    after, before = (noon + hour).isoformat(), (noon + 2 * hour).isoformat()
    assert await found(available_after=after) == ["2", "1"]
    assert await found(available_before=after) == ["0"]
    assert await found(available_after=after, available_before=before) == ["1"]
    assert await found(instrument=made[0]["id"], available_after=after) == ["2"]
    assert await found(instrument=[one["id"] for one in made]) == ["2", "1", "0"]
    counts = await api.admin.get("/api/transfers/counts", params={"available_after": after})
    assert counts.json()["states"]["available"] == {"count": 2, "more": False}
    csv = await api.admin.get("/api/transfers.csv", params={"available_before": after})
    assert len(csv.text.strip().splitlines()) == 2
    user, token = await api.make_user("ada@lab.example")
    await api.admin.put(f"/api/instruments/{made[1]['id']}/users/{user.id}")
    client = await api.client(token)
    assert await _names(client, "transfers", "path", available_after=noon.isoformat()) == ["1"]


def _attempt(copy_id: uuid.UUID, at: datetime, number: int) -> dict[str, Any]:
    return {
        "id": uuid.UUID(int=(int(at.timestamp() * 1000) << 80) + number),
        "copy_id": copy_id,
        "number": 1,
        "aim": 1,
        "outcome": "published",
        "worker": "w",
        "started_at": at,
        "ended_at": at,
        "batch_id": new_id(),
        "leaf_index": 0,
    }


async def test_runs_are_found_by_how_and_when_they_ended(api: Api) -> None:
    one = await api.make_instrument()
    now = utcnow()
    ended = [
        (RunOutcome.LOST, now - timedelta(days=3)),
        (RunOutcome.LOST, now),
        (RunOutcome.COMPLETED, now),
    ]
    async with api.database.write() as session:
        for outcome, at in ended:
            session.add(
                Run(
                    kind=RunKind.HARVEST,
                    zone="main",
                    instrument_id=uuid.UUID(one["id"]),
                    state=RunState.ENDED,
                    outcome=outcome,
                    trigger="manual",
                    requested_at=at,
                    ended_at=at,
                )
            )
    assert len(await _names(api.admin, "runs", "id")) == 3
    assert len(await _names(api.admin, "runs", "id", outcome="lost")) == 2
    recent = (now - timedelta(days=1)).isoformat()
    assert len(await _names(api.admin, "runs", "id", outcome="lost", ended_after=recent)) == 1


async def test_instruments_are_found_by_name_and_by_what_they_need(api: Api) -> None:
    made = {slug: await api.make_instrument(slug) for slug in ("tem-1", "tem-2", "nmr-500")}
    await api.admin.post(f"/api/instruments/{made['tem-1']['id']}/pause")
    async with api.database.write() as session:
        for slug, values in (
            ("tem-2", {"breaker_tripped_at": utcnow()}),
            ("nmr-500", {"last_error_code": "source_timeout"}),
        ):
            key = uuid.UUID(made[slug]["id"])
            await session.execute(
                update(ScanState).where(ScanState.instrument_id == key).values(**values)
            )

    async def found(client: httpx.AsyncClient = api.admin, **params: Any) -> list[str]:
        return await _names(client, "instruments", "slug", **params)

    assert await found(search="tEm") == ["tem-1", "tem-2"]
    assert await found(search="M-2") == ["tem-2"]
    assert await found(search="%") == await found(search="_") == []
    assert await found(state="paused") == ["tem-1"]
    assert await found(state="listing_held") == ["tem-2"]
    assert await found(state="trouble") == ["nmr-500"]
    assert await found(state="trouble", search="tem") == []
    user, token = await api.make_user("ada@lab.example")
    await api.admin.put(f"/api/instruments/{made['tem-1']['id']}/users/{user.id}")
    assert await found(await api.client(token), search="tem") == ["tem-1"]


async def test_people_are_found_by_a_part_of_their_name_or_address(api: Api) -> None:
    await api.make_user("ada.okafor@lab.example")
    await api.make_user("grace@lab.example")
    found = await _names(api.admin, "users", "email", search="OKAF")
    assert found == ["ada.okafor@lab.example"]
    assert len(await _names(api.admin, "users", "email", search="lab.example")) >= 2
    answer = await api.stranger.get("/api/users", params={"search": "ada"})
    assert answer.json()["code"] == "not_allowed"


async def test_storage_in_trouble_is_listed_alone(api: Api) -> None:
    await api.make_storage("well")
    ill = await api.make_storage("ill")
    async with api.database.write() as session:
        await session.execute(
            update(StorageLocation)
            .where(StorageLocation.id == uuid.UUID(ill["id"]))
            .values(error_code="storage_full")
        )
    assert await _names(api.admin, "storage", "name", in_trouble=True) == ["ill"]
    assert await _names(api.admin, "storage", "name", in_trouble=False) == ["well"]


@pytest.mark.parametrize("sealed", [True, False])
async def test_audit_events_are_listed_by_whether_the_chain_holds_them(
    api: Api, sealed: bool
) -> None:
    await api.make_instrument("tem-1")
    await api.database.run(audit.seal)
    await api.make_instrument("tem-2")
    async with api.database.read() as session:
        waiting = set(await session.scalars(select(AuditPending.event_id)))
    found = await _names(api.admin, "audit", "id", sealed=sealed)
    every = await _names(api.admin, "audit", "id")
    assert {one for one in every if (uuid.UUID(one) in waiting) != sealed} == set(found)
    assert found and len(found) < len(every)
    csv = await api.admin.get("/api/audit.csv", params={"sealed": sealed})
    assert len(csv.text.strip().splitlines()) == len(found) + 1
