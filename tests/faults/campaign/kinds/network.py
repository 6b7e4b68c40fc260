"""The way to the source: daemon and server killed or frozen, connections cut or slow, lies."""

import asyncio
import contextlib
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import REMOTE, Setting
from tests.faults.campaign.sources import Remote
from tests.integration.source_fixtures import eventually

_LONGEST_SECONDS = 6.0
BROKEN = frozenset(
    {
        "rclone_unavailable", "source_connection_lost", "source_unreachable", "source_timeout",
        "source_error", "source_file_changed", "source_file_missing", "source_folder_missing",
    }
)  # fmt: skip


class OverNetwork(Kind):
    """Kinds that need a source behind a server."""

    codes = BROKEN
    sources: ClassVar[tuple[str, ...]] = REMOTE

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.source in cls.sources

    async def act(self, round_: Round) -> None:
        assert round_.remote is not None
        round_.new_work()
        round_.files.add_large((2 << 20) + round_.rng.randrange(1 << 20))
        moment = round_.rng.choice(("list", "stat", "read"))
        worker = round_.start(moments=((moment, round_.rng.randrange(1, 3)),))
        if await worker.moment(4.0) is not None:
            await self.harm(round_, round_.remote, worker.go_on)
        await round_.over(worker, within_seconds=4.0)

    @abstractmethod
    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        """Do it, let the worker go on, and mend it again."""


async def lasts(has_struck: Callable[[], bool]) -> None:
    """A fault lasts until it has struck and a moment longer; not for ever where nothing passes."""

    async def struck() -> bool:
        return has_struck()

    with contextlib.suppress(TimeoutError):
        await eventually(struck, within_seconds=_LONGEST_SECONDS)
    await asyncio.sleep(0.3)  # the moment


def _go(go_on: object) -> None:
    assert callable(go_on)
    go_on()


class RcloneKilled(OverNetwork):
    """kill -9 of the rclone daemon; the supervisor starts it again."""

    name = "rclone_killed"

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        process = remote.supervisor.daemon.child.process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
                round_.injected(self.name)
        _go(go_on)


class ServerKilled(OverNetwork):
    """kill -9 of the instrument's server; it is started again."""

    name = "source_server_killed"

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        remote.server.kill()
        round_.injected(self.name)
        _go(go_on)
        await asyncio.to_thread(remote.server.start)


class ServerFrozen(OverNetwork):
    """SIGSTOP of the instrument's server, longer than the time-outs."""

    name = "source_server_frozen"

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        remote.server.freeze()
        _go(go_on)
        try:
            # As long as the fault lasts; nothing is waited for.
            await asyncio.sleep(remote.io_timeout_seconds * 2 + 0.5)
            round_.injected(self.name)
        finally:
            remote.server.thaw()


class ConnectionCut(OverNetwork):
    """Connections break in the middle of what they carry."""

    name = "connection_cut"
    sources: ClassVar[tuple[str, ...]] = ("sftp", "smb", "s3")

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        wanted = round_.rng.randrange(1, 6)
        remote.proxy.cut(after_bytes=round_.rng.randrange(1, 1 << 20), times=wanted)
        _go(go_on)
        await lasts(lambda: remote.proxy.cuts_left < wanted)
        round_.injected(self.name, wanted - remote.proxy.cuts_left)
        remote.proxy.cuts_left = 0


class SlowLink(OverNetwork):
    """A link of a megabyte a second for a while."""

    name = "slow_link"
    sources = ("sftp", "smb", "s3")

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        remote.proxy.slowed_bytes = 0
        remote.proxy.bytes_per_second = 1_000_000
        _go(go_on)
        await lasts(lambda: remote.proxy.slowed_bytes > 0)
        remote.proxy.bytes_per_second = 0
        if remote.proxy.slowed_bytes:
            round_.injected(self.name)


class Lie(OverNetwork):
    """A WebDAV server lies about the files that it sends."""

    sources = ("webdav",)
    lie: ClassVar[str]

    async def harm(self, round_: Round, remote: Remote, go_on: object) -> None:
        liar = remote.liar
        before = len(liar.lied)
        prefix = b"/" + os.fsencode(str(remote.reach.values["root"])) + b"/"

        def tell(path: bytes, place: int) -> None:
            self._note(round_, path.removeprefix(prefix), place)

        liar.tell_flip = tell
        liar.lies = [self.lie] * round_.rng.randrange(1, 5)
        _go(go_on)
        await lasts(lambda: len(liar.lied) > before)
        liar.lies = []
        round_.injected(self.name, len(liar.lied) - before)

    def _note(self, round_: Round, name: bytes, place: int) -> None:
        """Keep what one read cannot tell from the truth."""
        content = bytearray(round_.files.path(name).read_bytes())
        content[place] ^= 0xFF
        round_.files.truth.lies(name, hashlib.sha256(content).hexdigest())


LIES: list[type[Kind]] = [
    type(f"Lie_{lie}", (Lie,), {"name": name, "lie": lie, "__doc__": f"{name}: {lie}."})
    for lie, name in {
        "cut": "body_cut",
        "short": "body_shorter",
        "long": "body_longer",
        "flip": "byte_flipped_on_the_way",
    }.items()
]
KINDS = [RcloneKilled, ServerKilled, ServerFrozen, ConnectionCut, SlowLink, *LIES]
