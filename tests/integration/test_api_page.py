"""The API serves the built page, and nothing that is not its own."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.config import Settings
from app.main import create_app

HTML = "<!doctype html><title>StreamWeave</title>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(HTML)
    (built / "favicon.svg").write_text("<svg/>")
    (built / "assets" / "app-1a2b.js").write_text("let a = 1")
    (built / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(b"let a = 1"))
    (tmp_path / "secret").write_text("not for you")
    (built / "link").symlink_to(tmp_path / "secret")
    return built


@pytest.fixture
async def client(folder: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(_env_file=None, data=tmp_path / "data", page_folder=folder)
    app = create_app(settings, background=False)  # without its lifespan: the page needs no database
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest.mark.parametrize("path", ["/", "/files", "/instruments/0198/live?x=1", "/index.html"])
async def test_any_address_of_the_page_gets_its_index_uncached(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (200, HTML)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_assets_are_kept_for_ever_and_sent_packed_when_they_are(
    client: httpx.AsyncClient,
) -> None:
    plain = await client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "br, gzip"})
    refused = await client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert plain.text == packed.text == refused.text == "let a = 1"
    assert [one.headers.get("content-encoding") for one in (plain, packed, refused)] == [
        None,
        "gzip",
        None,
    ]
    assert "immutable" in packed.headers["cache-control"]
    assert "javascript" in packed.headers["content-type"]
    assert packed.headers["vary"] == "Accept-Encoding"
    favicon = await client.get("/favicon.svg")
    assert favicon.headers["cache-control"] == "no-cache"


async def test_a_part_of_an_older_build_is_missing_and_not_a_page(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/assets/app-0000.js")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/link", "/..%2fsecret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/a%00b"]
)
async def test_nothing_outside_of_the_folder_is_sent(client: httpx.AsyncClient, path: str) -> None:
    assert "not for you" not in (await client.get(path)).text


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/ark:99999/sw1x"])
async def test_what_is_the_api_s_stays_a_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_other_methods_stay_problems(client: httpx.AsyncClient) -> None:
    assert (await client.post("/nowhere")).json()["code"] == "not_found"
    assert (await client.put("/api/files")).json()["code"] == "method_not_allowed"
    assert (await client.head("/files")).status_code == 200


async def test_a_page_that_is_not_built_says_how_to_build_it(
    client: httpx.AsyncClient, folder: Path
) -> None:
    (folder / "index.html").unlink()
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "STREAMWEAVE_PAGE_FOLDER" in answer.text
