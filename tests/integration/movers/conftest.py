"""The movers that the suite of `streamweave_sdk.conformance` runs over, with real servers."""

import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from app.errors import StreamWeaveError
from app.transfers.base import Source
from app.transfers.local import LocalSource
from app.transfers.rsync import Rsync
from streamweave_sdk.conformance import MoverLab
from streamweave_sdk.transfers import (
    Entry,
    FileFacts,
    Mover,
    MoverSource,
    NoOptions,
    Place,
    SourceCapabilities,
    Surroundings,
    TransferError,
    Wanted,
)
from tests.integration.rsync_fixtures import RsyncServers, rsync_servers

__all__ = ["rsync_servers"]
# A path of this machine cannot be made to hang from outside.
_CANNOT_HANG = ("rsync-local", "direct")


@dataclass
class _AsMover:
    """A source of the engine's own, as the contract has it."""

    source: Source

    @property
    def capabilities(self) -> SourceCapabilities:
        return self.source.capabilities

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        with _as_mover():
            return await self.source.list_directory(directory)

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | TransferError]:
        answers = await self.source.stat(paths)
        return [
            TransferError(a.code, a.detail) if isinstance(a, StreamWeaveError) else a
            for a in answers
        ]

    async def stream(self, file: Wanted) -> AsyncGenerator[bytes, None]:
        with _as_mover():
            async with aclosing(self.source.read(file.path, file.size_bytes)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def close(self) -> None:
        await self.source.close()


@contextlib.contextmanager
def _as_mover() -> Iterator[None]:
    try:
        yield
    except StreamWeaveError as error:
        raise TransferError(error.code, error.detail) from error


class _Direct(Mover[NoOptions]):
    """Our own reading of paths, dressed as a mover."""

    name = "local"
    title = "direct reading"
    protocols = frozenset({"local"})

    async def open(self, place: Place, options: NoOptions, around: Surroundings) -> MoverSource:
        return _AsMover(LocalSource(Path(place.root)))


def _rsync(kind: str, servers: RsyncServers) -> MoverLab:
    place, folder = servers.place(kind)
    lab = MoverLab(Rsync(), place, folder)
    if kind != "local":
        lab.hanging = partial(_frozen, servers, kind)
    return lab


@contextlib.contextmanager
def _frozen(servers: RsyncServers, kind: str) -> Iterator[None]:
    """Stop a server with the processes of its connections, which sshd gives groups of their own."""
    server = psutil.Process(servers.server(kind).process.pid)
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.fixture(params=["rsync-daemon", "rsync-ssh", "rsync-local", "direct"])
def mover_lab(request: pytest.FixtureRequest, tmp_path: Path) -> MoverLab:
    """Each mover that needs nothing of a worker."""
    kind = request.param
    if kind == "direct":
        folder = tmp_path / "source"
        folder.mkdir()
        return MoverLab(_Direct(), Place("local", root=str(folder)), folder)
    servers = request.getfixturevalue("rsync_servers")
    return _rsync(kind.removeprefix("rsync-"), servers)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be: a skip would count as a failure."""
    out = [item for item in items if "_hangs_" in item.name and _cannot_hang(item.name)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def _cannot_hang(name: str) -> bool:
    return any(f"[{kind}]" in name for kind in _CANNOT_HANG)
