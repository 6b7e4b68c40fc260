"""Hooks between a real SFTP instrument and a POSIX storage location."""

from dataclasses import replace

import pytest

from app.clock import utcnow
from app.hooks.runner import HookRunner
from app.models import Hook
from app.services.hook_asking import HookAsker
from tests.integration.source_fixtures import Servers, Supervisor

pytest_plugins = ("tests.integration.source_fixtures",)

SCRIPT = """
from streamweave_sdk.hooks import Continue, NoConfig, PreTransfer, Skip

class Magic(PreTransfer[NoConfig]):
    first_bytes = 2
    def run(self, file):
        return Skip(reason="XX.") if file.first_bytes == b"XX" else Continue()
"""


@pytest.mark.parametrize("kind", ["sftp"])
async def test_files_of_an_sftp_server_are_left_out_by_their_first_bytes(
    kind: str, servers: Servers, worker: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("hooks")
    (folder / "magic.py").write_text(SCRIPT)
    lab = await worker.lab(servers.fresh(kind))
    runner, now = HookRunner(folder), utcnow()
    lab.engine.ports = replace(lab.engine.ports, pre_transfer=HookAsker(lab.database, runner))
    async with lab.database.write() as session:
        session.add(
            Hook(name="m", hook="magic", kind="pre_transfer", created_at=now, updated_at=now)
        )
    lab.write("good.raw", b"II" + bytes(3 << 20))
    lab.write("bad.raw", b"XX" + bytes(3 << 20))
    try:
        await lab.harvest()
    finally:
        await runner.close()
    assert list(lab.delivered()) == ["good.raw"]
    assert (await lab.files())["bad.raw"].state == "skipped"
