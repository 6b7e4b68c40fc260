"""Filters, orders and counts of files and transfers, and causes."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from app.clock import utcnow
from app.models import Copy, CopyState, SourceFile
from app.services import file_windows
from app.services.search import index_names
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)
GIB = 1 << 30


async def _lab(api: Api) -> dict[str, dict[str, Any]]:
    """Two instruments; of eight files each has four, with sizes, types and states of their own."""
    storage = await api.make_storage()
    made = {slug: await api.make_instrument(slug) for slug in ("tem", "nmr")}
    states = [CopyState.AVAILABLE, CopyState.AVAILABLE, CopyState.FAILED, CopyState.QUEUED]
    for slug, instrument in made.items():
        for number, state in enumerate(states):
            name = f"{slug}/{number}.{'raw' if number % 2 else 'dm4'}"
            file_id, _ = await api.make_file(instrument["id"], storage["id"], name, state=state)
            async with api.database.write() as session:
                await session.execute(
                    update(SourceFile)
                    .where(SourceFile.id == file_id)
                    .values(size_bytes=number * GIB, mtime_ns=number * 10**18)
                )
    return made


async def _index(api: Api) -> None:
    from sqlalchemy import insert, select

    from app.models import UnindexedName

    async with api.database.write() as session:
        ids = list(await session.scalars(select(SourceFile.id)))
        await session.execute(insert(UnindexedName), [{"source_file_id": one} for one in ids])
    await api.database.run(index_names)


async def _paths(client: httpx.AsyncClient, **params: Any) -> list[str]:
    """All pages of a list, whatever their length."""
    found: list[str] = []
    cursor = None
    for _ in range(50):
        answer = await client.get(
            "/api/files", params={**params, **({"cursor": cursor} if cursor else {})}
        )
        assert answer.status_code == 200, answer.text
        found += [item["path"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


@pytest.fixture(params=[20_000, 2])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Each list is the same, however little of it is looked at a time."""
    monkeypatch.setattr(file_windows, "LOOKED_AT", request.param)
    yield request.param


async def test_filters_find_the_same_files_however_small_the_window(api: Api, window: int) -> None:
    made = await _lab(api)
    await _index(api)
    tem = made["tem"]["id"]
    newest = [f"nmr/{n}" for n in (3, 2, 1, 0)] + [f"tem/{n}" for n in (3, 2, 1, 0)]
    ends = {str(n): ".raw" if n % 2 else ".dm4" for n in range(4)}
    every = [name + ends[name[-1]] for name in newest]

    async def found(**params: Any) -> list[str]:
        return await _paths(api.admin, limit=1, **params)

    assert await found() == every
    assert await found(sort="first_seen") == every[::-1]
    assert await found(sort="path") == sorted(every)
    assert await found(sort="-path") == sorted(every)[::-1]
    assert await found(q="tem/", sort="-path") == [p for p in every if p.startswith("tem")]
    assert await found(instrument=tem) == every[4:]
    assert await found(instrument=[tem, made["nmr"]["id"]]) == every
    assert await found(size_min=2 * GIB) == [p for p in every if p[4] in "23"]
    assert await found(size_max=GIB, type="raw") == ["nmr/1.raw", "tem/1.raw"]
    assert await found(type=["raw", "dm4"]) == every
    assert await found(type="dm4", sort="path", instrument=tem) == ["tem/0.dm4", "tem/2.dm4"]
    assert await found(type="4") == [], "a part of a type is no type"
    assert await found(modified_after="2033-05-18T03:33:20Z") == [p for p in every if p[4] in "23"]
    assert await found(modified_before="1970-01-02T00:00:00Z") == ["nmr/0.dm4", "tem/0.dm4"]
    assert await found(state=["failed", "queued"]) == [p for p in every if p[4] in "23"]
    assert await found(state=["available", "failed"], size_min=GIB) == [
        p for p in every if p[4] in "12"
    ]
    assert await found(state="failed", type="raw") == []


async def test_first_sight_is_a_filter(api: Api) -> None:
    await _lab(api)
    past, future = utcnow() - timedelta(days=2), utcnow() + timedelta(days=2)
    async with api.database.write() as session:
        await session.execute(
            update(SourceFile).where(SourceFile.path == "tem/0.dm4").values(first_seen_at=past)
        )

    async def count(**params: Any) -> int:
        return len(await _paths(api.admin, **params))

    assert await count(first_seen_after=(utcnow() - timedelta(days=1)).isoformat()) == 7
    assert await count(first_seen_before=(utcnow() - timedelta(days=1)).isoformat()) == 0, (
        "ids tell the time, to ten minutes"
    )
    assert await count(first_seen_before=future.isoformat()) == 8
    assert await count(first_seen_after=future.isoformat()) == 0


async def test_somebody_filters_and_counts_their_own_files_only(api: Api, window: int) -> None:
    made = await _lab(api)
    await _index(api)
    user, token = await api.make_user("ada@lab.example")
    mine = made["tem"]["id"]
    await api.admin.put(f"/api/instruments/{mine}/users/{user.id}")
    client = await api.client(token)
    for params in ({}, {"sort": "path"}, {"type": "raw"}, {"size_min": 0}, {"state": "failed"}):
        paths = await _paths(client, limit=2, **params)
        assert paths and all(path.startswith("tem/") for path in paths), params
    assert await _paths(client, instrument=made["nmr"]["id"]) == []
    counts = (await client.get("/api/files/counts")).json()
    assert counts["total"]["count"] in (4, 2)  # a window of two says "at least two"
    assert counts["statuses"]["failed"]["count"] == 1
    assert (await client.get("/api/transfers/counts")).json()["states"]["failed"]["count"] == 1
    (cause,) = (await client.get("/api/transfers/causes")).json()["items"]
    assert [one["name"] for one in cause["instruments"]] == ["TEM"]
    for path in ("files/counts", "transfers/counts", "transfers/causes"):
        answer = (await api.stranger.get(f"/api/{path}")).json()
        assert "1" not in str(answer)


async def test_counts_are_exact_and_leave_their_own_choice_aside(api: Api) -> None:
    made = await _lab(api)
    await _index(api)

    async def counts(**params: Any) -> tuple[int, dict[str, int]]:
        answer = await api.admin.get("/api/files/counts", params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert not body["total"]["more"]
        return body["total"]["count"], {
            name: one["count"] for name, one in body["statuses"].items() if one["count"]
        }

    every = {"available": 4, "failed": 2, "queued": 2}
    assert await counts() == (8, every)
    assert await counts(state="failed") == (2, every)
    assert await counts(state=["failed", "queued"]) == (4, every)
    assert (await counts(instrument=made["tem"]["id"]))[0] == 4
    assert await counts(type="raw") == (4, {"available": 2, "queued": 2})
    assert await counts(size_min=2 * GIB, q="tem/") == (2, {"failed": 1, "queued": 1})
    assert await counts(search="raw") == (4, {"available": 2, "queued": 2})
    assert await counts(search="?!") == (0, {})
    assert await counts(path="tem/0.dm4") == (1, {"available": 1})


async def test_beyond_the_bound_a_count_says_at_least(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _lab(api)
    monkeypatch.setattr("app.services.file_counts.EXACT_TO", 3)
    monkeypatch.setattr("app.services.causes.EXACT_TO", 3)
    body = (await api.admin.get("/api/files/counts")).json()
    assert body["total"] == {"count": 3, "more": True}
    assert body["statuses"]["failed"] == {"count": 2, "more": False}, "rare ones stay exact"
    assert body["statuses"]["available"]["more"] is True
    states = (await api.admin.get("/api/transfers/counts")).json()["states"]
    assert states["available"] == {"count": 3, "more": True}
    assert states["failed"] == {"count": 2, "more": False}


async def test_causes_say_what_to_do_and_are_retried_by_their_code(api: Api) -> None:
    made = await _lab(api)
    async with api.database.write() as session:
        await session.execute(
            update(Copy)
            .where(Copy.state == CopyState.QUEUED)
            .values(state=CopyState.RETRY_WAIT, error_code="source_timeout")
        )
    causes = (await api.admin.get("/api/transfers/causes")).json()["items"]
    assert [(one["error_code"], one["count"], one["retryable"]) for one in causes] == [
        ("source_timeout", 2, 0),
        ("storage_error", 2, 2),
    ]
    assert causes[1]["states"] == {"failed": 2}
    assert causes[1]["remedy"] and causes[1]["title"] and causes[1]["newest_at"]
    assert [(one["name"], one["count"]) for one in causes[1]["instruments"]] == [
        ("NMR", 1),
        ("TEM", 1),
    ]
    body = {"error_code": "storage_error", "instrument_id": made["tem"]["id"]}
    assert (await api.admin.post("/api/transfers/retry", json=body)).json() == {"retried": 1}
    left = (await api.admin.get("/api/transfers/causes")).json()["items"]
    assert [one["count"] for one in left if one["error_code"] == "storage_error"] == [1]


async def test_a_cursor_of_another_order_or_filter_is_refused(api: Api) -> None:
    await _lab(api)
    page = (await api.admin.get("/api/files", params={"limit": 1})).json()
    for params in ({"sort": "path"}, {"size_min": 1}, {"state": "failed"}):
        answer = await api.admin.get("/api/files", params={**params, "cursor": page["next_cursor"]})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_nobody_may_count(api: Api) -> None:
    for path in ("files/counts", "transfers/counts", "transfers/causes"):
        assert (await api.anonymous.get(f"/api/{path}")).status_code == 401
    assert (await api.admin.get("/api/files", params={"instrument": [str(uuid.uuid4())]})).json()[
        "items"
    ] == []
