"""The test bench: what a draft would have done with past files and the live share."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.clock import utcnow
from app.models import Check, CopyState, HookRun, Worker, new_id
from tests.integration.api_fixtures import Api
from tests.integration.cli_fixtures import run_cli

pytest_plugins = ("tests.integration.api_fixtures", "tests.integration.cli_fixtures")
FILTER = {"rules": [{"name": "temporary", "globs": ["*.tmp"]}]}
MAGIC = """
from streamweave_sdk.hooks import Continue, NoConfig, PreTransfer, Skip

class Magic(PreTransfer[NoConfig]):
    first_bytes = 2
    def run(self, file):
        print("looked")
        return Skip(reason="XX", rule="magic") if file.first_bytes == b"XX" else Continue()
"""

READS = """
from streamweave_sdk.hooks import NoConfig, PostAnswer, PostTransfer

class Reads(PostTransfer[NoConfig]):
    def run(self, version, reader):
        text = reader.local_path().read_text()
        return PostAnswer(metadata={"text": text, "test": version.key.startswith("test-")})
"""


async def _instrument(api: Api, *paths: str) -> dict[str, Any]:
    storage = await api.make_storage()
    instrument = await api.make_instrument(storage=[{"storage_location_id": storage["id"]}])
    for path in paths:
        await api.make_file(instrument["id"], storage["id"], path, state=CopyState.AVAILABLE)
    return instrument


async def _trials(api: Api, **body: Any) -> dict[str, dict[str, Any]]:
    answer = await api.admin.post("/api/hooks/test", json=body)
    assert answer.status_code == 200, answer.text
    return {one["path"]: one for one in answer.json()["items"]}


async def test_a_draft_is_tried_with_past_files_and_nothing_is_written(api: Api) -> None:
    instrument = await _instrument(api, "raw/a.tmp", "raw/a.raw", "b.tmp")
    found = await _trials(
        api, hook="file-filter", config=FILTER, instrument_id=instrument["id"], pattern="raw/**"
    )
    assert {path: one["outcome"] for path, one in found.items()} == {
        "raw/a.tmp": "skip", "raw/a.raw": "continue", "b.tmp": "not_asked",
    }  # fmt: skip
    assert found["raw/a.tmp"]["rule"] == "temporary"
    async with api.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(HookRun)) == 0


async def test_a_redirect_that_could_not_be_is_told(api: Api) -> None:
    instrument = await _instrument(api, "a.raw")
    config = {"targets": [{"globs": ["*.raw"], "path": "../../etc"}]}
    found = await _trials(api, hook="redirect-files", config=config, instrument_id=instrument["id"])
    assert found["a.raw"]["error_code"] == "hook_path_unsafe"


async def test_first_bytes_come_from_the_proven_copy(api: Api, tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "magic.py").write_text(MAGIC)
    api.app.state.settings.hooks_folder = folder
    instrument = await _instrument(api, "a.raw", "gone.raw")
    (api.roots / "archive" / "a.raw").write_bytes(b"XX123")
    found = await _trials(api, hook="magic", instrument_id=instrument["id"])
    assert (found["a.raw"]["outcome"], found["a.raw"]["rule"]) == ("skip", "magic")
    assert found["a.raw"]["log"] == ["looked"]
    assert found["gone.raw"]["error_code"] == "no_proven_copy"


async def test_files_of_the_live_share_are_tried_too(api: Api) -> None:
    instrument = await _instrument(api)
    body = {"hook": "file-filter", "config": FILTER, "instrument_id": instrument["id"]}
    alone = await api.admin.post("/api/hooks/test", json={**body, "live": True})
    assert alone.json()["code"] == "zone_not_served"
    async with api.database.write() as session:
        now = utcnow()
        session.add(Worker(id=new_id(), name="w", zone="main", until_ms=1 << 60, seen_at=now))

    async def answer() -> None:
        """Stand for the worker of the zone."""
        files = [{"path": "new/x.tmp", "size_bytes": 1, "mtime_ns": 10**18}]
        while True:
            async with api.database.write() as session:
                done = await session.execute(
                    update(Check)
                    .where(Check.kind == "sample")
                    .values(result={"ok": True, "files": files}, done_at=utcnow())
                    .returning(Check.id)
                )
                if done.first():
                    return
            await asyncio.sleep(0)

    worker = asyncio.create_task(answer())
    found = await _trials(api, **body, live=True)
    await worker
    assert (found["new/x.tmp"]["origin"], found["new/x.tmp"]["outcome"]) == ("live", "skip")


@pytest.mark.parametrize("named", [False, True])
async def test_the_bench_by_the_command_line(
    api: Api, signed_in: str, tmp_path: Path, named: bool
) -> None:
    await _instrument(api, "a.tmp")
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(FILTER))
    if named:
        await api.make("hooks", name="mine", hook="file-filter", config={})
    arguments = ("hooks", "test", "mine" if named else "file-filter", "--instrument", "tem-2")
    found = await run_cli(*arguments, "--config", str(file))
    assert [one["outcome"] for one in found] == ["skip"]
    shown = await run_cli(*arguments, "--config", str(file), as_json=False)
    assert "temporary" in shown


async def test_a_hook_after_a_transfer_is_tried_with_proven_versions(
    api: Api, tmp_path: Path
) -> None:
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "reads.py").write_text(READS)
    api.app.state.settings.hooks_folder = folder
    instrument = await _instrument(api, "a.raw", "gone.raw")
    (api.roots / "archive" / "a.raw").write_bytes(b"XX123")
    found = await _trials(api, hook="reads", instrument_id=instrument["id"])
    assert found["a.raw"]["answer"]["metadata"] == {"text": "XX123", "test": True}
    assert (found["gone.raw"]["outcome"], "no_proven_copy" in found["gone.raw"]["reason"]) == (
        "later", True,
    )  # fmt: skip
