"""The log of hooks is forgotten after its days, but for what somebody may still need."""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.clock import utcnow
from app.models import CopyState, HookRun, HookTask, SourceFile
from app.services.background import run_background
from app.services.hook_forgetting import forget_old_runs
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)

HOOK = uuid.uuid4()


def _id_at(at: datetime) -> uuid.UUID:
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80 | uuid.uuid4().int >> 58)


async def _log(api: Api, days: float, **more: Any) -> None:
    """Write a line of the log, so many days old."""
    at = utcnow() - timedelta(days=days)
    values: dict[str, Any] = {
        "id": _id_at(at), "hook_id": HOOK, "hook_revision": 1, "hook_version": "1",
        "instrument_id": uuid.uuid4(), "source_file_id": uuid.uuid4(), "at": at,
        "outcome": "answered", "facts": {"days": days}, "duration_ms": 1.0, "log": [], **more,
    }  # fmt: skip
    async with api.database.write() as session:
        session.add(HookRun(**values))


async def _left(api: Api) -> list[float]:
    async with api.database.read() as session:
        rows = await session.scalars(select(HookRun.facts).order_by(HookRun.id))
        return [one["days"] for one in rows]


async def test_old_lines_are_forgotten_in_small_batches(api: Api) -> None:
    for days in (300, 200, 100, 89, 1):
        await _log(api, days)
    assert await api.database.run(lambda s: forget_old_runs(s, 90, limit=2)) == 2
    assert await _left(api) == [100, 89, 1]
    assert await api.database.run(lambda s: forget_old_runs(s, 90, limit=2)) == 1
    assert await api.database.run(lambda s: forget_old_runs(s, 90, limit=2)) == 0
    assert await _left(api) == [89, 1]


async def test_what_is_still_open_is_kept_whatever_its_age(api: Api) -> None:
    storage = await api.make_storage()
    instrument = await api.make_instrument()
    hook = await api.make("hooks", name="paths", hook="path-metadata", config={
        "patterns": [{"name": "all", "template": "{name}.raw"}]
    })  # fmt: skip
    files = {}
    for path in ("waiting.raw", "failed.raw", "done.raw", "held.raw"):
        files[path], _ = await api.make_file(
            instrument["id"], storage["id"], path, state=CopyState.AVAILABLE
        )
    await api.admin.post("/api/hook-runs/replay", json={"hook_id": hook["id"]})
    async with api.database.write() as session:
        for path, state in (("failed.raw", "failed"), ("done.raw", "done"), ("held.raw", "done")):
            await session.execute(
                update(HookTask).where(HookTask.source_file_id == files[path]).values(state=state)
            )
        await session.execute(
            update(SourceFile)
            .where(SourceFile.id == files["held.raw"])
            .values(state="held", reason_code="hook_failed", next_try_at=utcnow())
        )
        tasks = list(await session.scalars(select(HookTask)))
    assert len(tasks) == 4
    ages = dict(zip(sorted(files), (400, 300, 200, 100), strict=True))
    names = {file: path for path, file in files.items()}
    for task in tasks:
        await _log(
            api, ages[names[task.source_file_id]], hook_id=task.hook_id,
            version_id=task.version_id, source_file_id=task.source_file_id, outcome="failed",
        )  # fmt: skip
    assert await api.database.run(lambda s: forget_old_runs(s, 90)) == 1
    assert await _left(api) == [ages[one] for one in ("failed.raw", "held.raw", "waiting.raw")]


async def test_the_api_s_process_forgets_by_the_setting(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMWEAVE_PREFECT_API_URL", "http://127.0.0.1:9/api")
    for days in (30, 3):
        await _log(api, days)
    api.settings.hook_runs_days = 7
    stop = asyncio.Event()
    running = asyncio.create_task(run_background(api.database, api.settings, stop))
    try:
        async with asyncio.timeout(30):
            while len(await _left(api)) != 1:  # noqa: ASYNC110  # another connection writes
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await running
    assert await _left(api) == [3]
