"""What a power cut would show and a kill cannot: syncs come before what relies on them.

The calls are the real ones; they are only noted as they pass.
"""

import os
from typing import Any

import pytest

from app.transfers import posix_files
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_files_are_synced_before_they_get_their_names_and_names_before_they_count(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []

    def note(name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            passed.append(name)
            return real(*arguments, **options)

        return call

    monkeypatch.setattr(posix_files._libc, "syncfs", note("syncfs", posix_files._libc.syncfs))
    monkeypatch.setattr(os, "fsync", note("fsync", os.fsync))
    monkeypatch.setattr(os, "link", note("link", os.link))
    lab.write("a.raw", b"content")
    await lab.harvest()
    assert passed == ["syncfs", "link", "fsync"]
