"""The room for files that hooks want as a path: its trouble is no trouble of the worker."""

import asyncio
import logging
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet

from app.hooks.runner import HookRunner
from app.services.credentials import Vault
from app.services.hook_posting import PostHooks, PostSettings
from app.services.hook_reading import Reading, Room


async def test_a_place_where_no_folder_can_be_made_ends_no_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    room = Room(tmp_path / "file" / "worker-1", 1000)
    nothing = cast(Any, None)  # it does not come so far as to ask a database
    hooks = PostHooks(
        Reading(nothing, nothing, room),
        HookRunner(None),
        Vault([Fernet.generate_key()]),
        PostSettings("worker-1", ["main"]),
    )
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(hooks.run())
        async with asyncio.timeout(5):
            while not caplog.records:  # noqa: ASYNC110  the log tells nobody when it grows
                await asyncio.sleep(0.01)
    assert not running.done()
    assert "no room for the files of hooks" in caplog.text
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
