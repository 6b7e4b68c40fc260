"""Lists as CSV, and why a file is not here, asked in a person's words."""

import csv
import io
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from app.models import CopyState, ScanState, SourceFile, UnindexedName
from app.services import csv_text
from app.services.search import index_names
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)


async def _lab(api: Api) -> dict[str, Any]:
    """Two instruments with files; the second one's a user may not see."""
    storage, made = await api.make_storage(), {}
    for slug in ("tem-2", "nmr"):
        made[slug] = await api.make_instrument(slug)
        for name, state in (("2026/grid_007.dm4", CopyState.AVAILABLE), ("=2+5", CopyState.FAILED)):
            path = name if slug == "tem-2" else f"nmr/{name}"
            await api.make_file(made[slug]["id"], storage["id"], path, state=state)
    async with api.database.write() as session:
        ids = list(await session.scalars(select(SourceFile.id)))
        await session.execute(insert(UnindexedName), [{"source_file_id": one} for one in ids])
        await session.execute(
            update(SourceFile)
            .where(SourceFile.path == "2026/grid_007.dm4")
            .values(ark="ark:99999/sw1abc")
        )
    await api.database.run(index_names)
    return made


async def _ada(api: Api, instrument: dict[str, Any]) -> httpx.AsyncClient:
    user, token = await api.make_user("ada@lab.example")
    await api.admin.put(f"/api/instruments/{instrument['id']}/users/{user.id}")
    return await api.client(token)


def _rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


async def test_a_list_is_exported_whole_with_its_filters(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await _lab(api)
    monkeypatch.setattr(csv_text, "MAX_LIMIT", 1)
    rows = _rows(await api.admin.get("/api/files.csv"))
    assert [row["path"] for row in rows] == [
        "nmr/=2+5", "nmr/2026/grid_007.dm4", "'=2+5", "2026/grid_007.dm4",
    ]  # fmt: skip
    assert rows[3]["ark"] == "ark:99999/sw1abc"
    assert (rows[3]["status"], rows[3]["storage"]) == ("available", "archive: available")
    failed = await api.admin.get(
        "/api/files.csv", params={"state": "failed", "instrument": made["tem-2"]["id"]}
    )
    assert [row["path"] for row in _rows(failed)] == ["'=2+5"]
    by_path = _rows(await api.admin.get("/api/files.csv", params={"sort": "path"}))
    assert by_path[0]["path"] == "2026/grid_007.dm4"
    transfers = _rows(await api.admin.get("/api/transfers.csv", params={"state": "failed"}))
    assert {row["error_code"] for row in transfers} == {"storage_error"}
    audit = _rows(await api.admin.get("/api/audit.csv", params={"action": "instrument.created"}))
    assert len(audit) == 2 and "tem-2" in audit[1]["details"]


async def test_an_export_holds_what_its_reader_may_see(api: Api) -> None:
    made = await _lab(api)
    ada = await _ada(api, made["tem-2"])
    assert {row["instrument"] for row in _rows(await ada.get("/api/files.csv"))} == {"TEM-2"}
    for path in ("files.csv", "transfers.csv", "audit.csv"):
        assert _rows(await ada.get(f"/api/{path}"))
        assert _rows(await api.stranger.get(f"/api/{path}")) == []
        assert (await api.anonymous.get(f"/api/{path}")).status_code == 401


def test_a_cell_is_text_of_a_spreadsheet_and_never_its_formula() -> None:
    for text in ("=1", "+1", "-1", "@a", "\tx", "\rx"):
        assert csv_text.cell(text) == f"'{text}"
    assert [csv_text.cell(one) for one in (-5, None, True, "a", "\udcff")] == [
        "-5", "", "true", "a", "\\udcff",
    ]  # fmt: skip
    assert csv_text.lines([['a"b', "c,d", "e\r\nf"]]) == b'"a""b","c,d","e\r\nf"\r\n'


@pytest.mark.parametrize(
    "said",
    [
        "2026/grid_007.dm4",
        r"\\tem2-pc\data\2026\grid_007.dm4",
        "D:/data/2026/grid_007.dm4",
        "grid 007",
        "ark:99999/sw1abc",
        "https://lab.example/ark:/99999/sw1abc.v1",
    ],
)
async def test_a_person_s_words_find_the_file(api: Api, said: str) -> None:
    made = await _lab(api)
    ada = await _ada(api, made["tem-2"])
    found = (await ada.get("/api/explain", params={"q": said})).json()
    assert found["file"]["path"] == "2026/grid_007.dm4"
    assert (found["file"]["instrument_name"], found["status"]) == ("TEM-2", "available")
    assert found["sentence"].startswith("It is here")
    assert found["candidates"] == [], "the other instrument's file is none of hers"


async def test_several_that_fit_are_named(api: Api) -> None:
    made = await _lab(api)
    found = (await api.admin.get("/api/explain", params={"q": "grid"})).json()
    assert len(found["candidates"]) == 1
    only = {"q": "grid", "instrument": made["nmr"]["id"]}
    one = (await api.admin.get("/api/explain", params=only)).json()
    assert (one["file"]["path"], one["candidates"]) == ("nmr/2026/grid_007.dm4", [])


async def test_what_is_nowhere_is_explained_by_who_is_not_looked_at(api: Api) -> None:
    await _lab(api)
    async with api.database.write() as session:
        await session.execute(update(ScanState).values(last_error_code="source_unreachable"))
    found = (await api.admin.get("/api/explain", params={"q": "nothing.like.this"})).json()
    assert (found["status"], found["file"]) == ("unknown", None)
    assert "2 instruments" in found["sentence"] and "NMR" in found["sentence"]
    assert found["facts"]["not_looked_at"] == {
        "NMR": "source_unreachable", "TEM-2": "source_unreachable",
    }  # fmt: skip
    stranger = (await api.stranger.get("/api/explain", params={"q": "grid"})).json()
    assert (stranger["status"], stranger["file"]) == ("unknown", None)
    assert stranger["facts"]["instruments"] == 0


async def test_a_question_needs_words_and_an_instrument_of_one_s_own(api: Api) -> None:
    made = await _lab(api)
    for params in ({}, {"q": "  "}, {"path": "a"}, {"instrument": made["nmr"]["id"]}):
        answer = await api.admin.get("/api/explain", params=params)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    hidden = {"q": "grid", "instrument": made["nmr"]["id"]}
    assert (await api.stranger.get("/api/explain", params=hidden)).status_code == 404
    assert (await api.anonymous.get("/api/explain", params={"q": "a"})).status_code == 401
    signs = await api.admin.get("/api/explain", params={"q": "?!"})
    assert signs.json()["status"] == "unknown"
