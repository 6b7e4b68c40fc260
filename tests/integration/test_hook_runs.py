"""The log of hooks and their replay: for a file, a selection, a time, all that failed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.models import CopyState, HookAnswer, HookRun, HookTask, SourceFile, Version, new_id
from app.services.hook_answers import Said, save
from tests.integration.api_fixtures import Api
from tests.integration.cli_fixtures import run_cli

pytest_plugins = ("tests.integration.api_fixtures", "tests.integration.cli_fixtures")

SCRIPT = """
from streamweave_sdk.hooks import NoConfig, PostAnswer, PostTransfer

class Names(PostTransfer[NoConfig]):
    def run(self, version, reader):
        return PostAnswer(metadata={"name": version.name})
"""


@dataclass
class Logged:
    """An instrument with files, and a hook of which there are runs."""

    api: Api
    instrument: str
    hook: str
    files: dict[str, uuid.UUID]

    async def run(self, path: str, **more: Any) -> None:
        """Write a line of the log."""
        values: dict[str, Any] = {
            "hook_id": uuid.UUID(self.hook), "hook_revision": 1, "hook_version": "1",
            "instrument_id": uuid.UUID(self.instrument), "source_file_id": self.files[path],
            "at": utcnow(), "outcome": "answered", "facts": {"path": path}, "duration_ms": 1.0,
            "log": [], **more,
        }  # fmt: skip
        async with self.api.database.write() as session:
            session.add(HookRun(id=new_id(), **values))

    async def listed(self, query: str = "") -> list[str]:
        answer = await self.api.admin.get(f"/api/hook-runs?{query}")
        assert answer.status_code == 200, answer.text
        return [one["facts"]["path"] for one in answer.json()["items"]]

    async def replay(self, query: str = "", **body: Any) -> dict[str, Any]:
        answer = await self.api.admin.post(f"/api/hook-runs/replay?{query}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def waiting(self) -> list[str]:
        query = (
            select(SourceFile.path)
            .join(HookTask, HookTask.source_file_id == SourceFile.id)
            .where(HookTask.state == "waiting", HookTask.due_at <= utcnow())
        )
        async with self.api.database.read() as session:
            return sorted(await session.scalars(query))

    async def settle(self, paths: Sequence[str], **values: Any) -> None:
        """Set tasks of files."""
        ids = [self.files[path] for path in paths]
        async with self.api.database.write() as session:
            await session.execute(
                update(HookTask).where(HookTask.source_file_id.in_(ids)).values(**values)
            )


@pytest.fixture
async def logged(api: Api, tmp_path: Path) -> Logged:
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "names.py").write_text(SCRIPT)
    api.app.state.settings.hooks_folder = folder
    storage = await api.make_storage()
    instrument = await api.make_instrument()
    hook = await api.make("hooks", name="names", hook="names", pattern="*.raw")
    files = {}
    for path in ("x/a.raw", "x/b.raw", "c.raw", "d.txt"):
        files[path], _ = await api.make_file(
            instrument["id"], storage["id"], path, state=CopyState.AVAILABLE
        )
    return Logged(api, instrument["id"], hook["id"], files)


async def test_the_log_is_narrowed_and_paged(logged: Logged) -> None:
    long_ago = utcnow() - timedelta(days=1)
    await logged.run("x/a.raw")
    await logged.run("x/b.raw", outcome="failed", error_code="hook_failed", error_detail="no")
    await logged.run("c.raw", hook_id=uuid.uuid4())
    assert await logged.listed() == ["c.raw", "x/b.raw", "x/a.raw"]
    assert await logged.listed("outcome=failed") == ["x/b.raw"]
    assert await logged.listed(f"hook={logged.hook}") == ["x/b.raw", "x/a.raw"]
    assert await logged.listed(f"file={logged.files['c.raw']}") == ["c.raw"]
    assert len(await logged.listed(f"instrument={logged.instrument}")) == 3
    assert len(await logged.listed(f"after={long_ago:%Y-%m-%dT%H:%M:%SZ}")) == 3
    assert await logged.listed(f"before={long_ago:%Y-%m-%dT%H:%M:%SZ}") == []
    page = (await logged.api.admin.get("/api/hook-runs?limit=2")).json()
    assert await logged.listed(f"limit=2&cursor={page['next_cursor']}") == ["x/a.raw"]
    assert [one["hook_name"] for one in page["items"]] == [None, "names"]
    assert page["items"][1]["remedy"]


async def test_files_and_selections_are_asked_about_again(logged: Logged) -> None:
    one = await logged.replay(files=[str(logged.files["x/a.raw"])])
    assert (one["files"], one["asked"]) == (1, 1)
    assert await logged.waiting() == ["x/a.raw"]
    await logged.settle(["x/a.raw"], state="done")
    some = await logged.replay("q=x/", hook_id=logged.hook)
    assert (some["files"], some["asked"]) == (2, 2)
    assert await logged.waiting() == ["x/a.raw", "x/b.raw"]
    # All files of a hook: those out of its pattern are not.
    every = await logged.replay(hook_id=logged.hook)
    assert (every["files"], every["asked"]) == (4, 3)
    assert await logged.waiting() == ["c.raw", "x/a.raw", "x/b.raw"]
    refused = await logged.api.admin.post("/api/hook-runs/replay", json={})
    assert refused.json()["code"] == "invalid_request"
    events = (await logged.api.admin.get("/api/audit?action=hooks.replayed")).json()["items"]
    assert len(events) == 3


async def test_a_replay_with_one_idempotency_key_asks_once(logged: Logged) -> None:
    post, where = logged.api.admin.post, "/api/hook-runs/replay"
    body, key = {"hook_id": logged.hook}, {"Idempotency-Key": "r1"}
    tried = await post(where, json={**body, "dry_run": True}, headers=key)
    assert tried.json()["asked"] == 0
    first = await post(where, json=body, headers=key)
    assert first.json()["asked"] == 3
    await logged.settle(list(logged.files), state="done")
    again = await post(where, json=body, headers={"Idempotency-Key": '"r1"'})
    assert again.json() == first.json()
    assert await logged.waiting() == []
    for misused in (
        await post(where, json={**body, "failed": True}, headers=key),
        await post(f"{where}?q=x/", json=body, headers=key),
    ):
        assert (misused.status_code, misused.json()["code"]) == (422, "idempotency_mismatch")
    assert (await post(where, json=body, headers={"Idempotency-Key": "r2"})).json()["asked"] == 3
    events = (await logged.api.admin.get("/api/audit?action=hooks.replayed")).json()["items"]
    assert len(events) == 2


async def test_what_failed_and_a_time_are_asked_about_again(logged: Logged) -> None:
    await logged.replay(hook_id=logged.hook)
    later = utcnow() + timedelta(hours=1)
    await logged.settle(["x/a.raw", "c.raw"], state="done")
    await logged.settle(["x/b.raw"], state="failed", failures=5, error_code="hook_failed")
    assert await logged.waiting() == []
    assert (await logged.replay(failed=True))["asked"] == 1
    assert await logged.waiting() == ["x/b.raw"]
    await logged.settle(["x/b.raw"], state="waiting", due_at=later, error_code="hook_later")
    await logged.run("c.raw")
    since = (utcnow() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await logged.replay(since=since))["asked"] == 1
    assert await logged.waiting() == ["c.raw"]


async def test_files_that_a_hook_left_out_are_looked_at_again(logged: Logged) -> None:
    await logged.api.make("hooks", name="filter", hook="file-filter")
    async with logged.api.database.write() as session:
        for path, state, reason in (
            ("x/a.raw", "skipped", "hook"),
            ("x/b.raw", "held", "hook_failed"),
            ("c.raw", "skipped", "start_from"),
        ):
            await session.execute(
                update(SourceFile)
                .where(SourceFile.id == logged.files[path])
                .values(state=state, reason_code=reason, next_try_at=utcnow())
            )
    hooks = (await logged.api.admin.get("/api/hooks")).json()["items"]
    filters = next(one["id"] for one in hooks if one["name"] == "filter")
    assert (await logged.replay(hook_id=filters, failed=True))["asked"] == 1
    assert (await logged.replay(hook_id=filters))["asked"] == 1
    async with logged.api.database.read() as session:
        rows = await session.execute(select(SourceFile.path, SourceFile.state))
        states = {path: state for path, state in rows.all()}
    assert (states["x/a.raw"], states["x/b.raw"]) == ("settling", "settling")
    assert states["c.raw"] == "skipped"


async def test_a_dry_run_says_what_would_change_and_writes_nothing(logged: Logged) -> None:
    async with logged.api.database.write() as session:
        for path, name in (("x/a.raw", "a.raw"), ("x/b.raw", "old")):
            version = await session.scalar(
                select(Version.id).where(Version.source_file_id == logged.files[path])
            )
            assert version is not None
            answer: dict[str, Any] = {
                "metadata": {"name": name}, "tags": [], "access": [], "notices": [],
                "preview": None,
            }  # fmt: skip
            hook = uuid.UUID(logged.hook)
            await save(
                session,
                [Said(version, logged.files[path], hook, "names", "1", 1, 0, answer)],
            )
    found = await logged.replay(hook_id=logged.hook, dry_run=True)
    changed = {one["path"]: one["changed"] for one in found["changes"]}
    assert changed == {"x/a.raw": False, "x/b.raw": True, "c.raw": True}
    change = next(one for one in found["changes"] if one["path"] == "x/b.raw")
    assert change["before"]["metadata"] == {"name": "old"}
    assert change["after"]["metadata"] == {"name": "b.raw"}
    assert (found["files"], found["asked"]) == (4, 0)
    async with logged.api.database.read() as session:
        assert list(await session.scalars(select(HookTask))) == []
        assert len(list(await session.scalars(select(HookAnswer)))) == 2


async def test_log_and_replay_by_the_command_line(logged: Logged, signed_in: str) -> None:
    await logged.run("x/a.raw", outcome="failed", error_code="hook_failed", error_detail="no")
    shown = await run_cli("hooks", "runs", "--hook", "names", as_json=False)
    assert "x/a.raw" in shown and "failed" in shown
    assert len(await run_cli("hooks", "runs", "--outcome", "failed")) == 1
    tried = await run_cli("hooks", "replay", "names", "--prefix", "x/", "--dry-run")
    assert len(tried["changes"]) == 2
    done = await run_cli("hooks", "replay", "names", "--prefix", "x/")
    assert (done["files"], done["asked"]) == (2, 2)
