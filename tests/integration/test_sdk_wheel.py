"""The server offers the wheel of its SDK: an author needs nothing else of this project."""

import asyncio
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import streamweave_sdk
from app.errors import StreamWeaveError
from app.services import sdk_wheel as offered
from tests.integration.api_fixtures import Api

pytest_plugins = ("tests.integration.api_fixtures",)
_HOOK = """
import sys
sys.path.insert(0, sys.argv[1])
import streamweave_sdk
from streamweave_sdk.hooks import NoConfig, PreTransfer, Skip
from streamweave_sdk.testing import a_file, try_hook

class Never(PreTransfer[NoConfig]):
    def run(self, file):
        return Skip(reason="No.", rule="no")

print(streamweave_sdk.__file__.startswith(sys.argv[1]), try_hook(Never, a_file()).kind)
"""


async def test_a_hook_is_written_against_the_wheel_that_the_server_offers(
    api: Api, tmp_path: Path
) -> None:
    _, token = await api.make_user("author@lab.example")
    client = await api.client(token)
    answer = await client.get("/api/sdk/wheel")
    assert answer.status_code == 200
    name = answer.headers["content-disposition"].partition('filename="')[2].rstrip('"')
    assert name.startswith("streamweave_sdk-") and name.endswith("-py3-none-any.whl")
    wheel = tmp_path / name
    wheel.write_bytes(answer.content)
    assert not [n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("app/")]
    tried = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _HOOK, str(wheel)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert tried.stdout.split() == ["True", "skip"]
    assert (await client.get("/api/sdk/wheel")).content == answer.content  # built once


async def test_a_server_without_the_sources_says_so(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "streamweave_sdk" / "__init__.py"
    monkeypatch.setattr(streamweave_sdk, "__file__", str(installed))
    with pytest.raises(StreamWeaveError) as refused:
        await offered.sdk_wheel(api.app.state.settings)
    assert refused.value.code == "sdk_not_offered"
