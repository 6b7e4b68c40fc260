"""A mover to which a call costs more than many files is asked for whole windows at once."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from app.harvest.bounds import BoundedSource
from app.harvest.transfer import receive
from app.transfers.base import Entry, FileFacts, Piece, SourceCapabilities, Wanted
from tests.faults.test_receiving import a_copy, a_storage


class Counting:
    """A source that notes how many files each call is about."""

    def __init__(self, *, splits: bool) -> None:
        self.capabilities = SourceCapabilities(
            "m", "local", 1, True, True, window_files=200, splits=splits
        )
        self.read_sizes: list[int] = []
        self.stat_sizes: list[int] = []

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        return []

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts]:
        self.stat_sizes.append(len(paths))
        return [FileFacts(1, 10**9) for _ in paths]

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        yield b"x"

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        self.read_sizes.append(len(files))
        for number in range(len(files)):
            yield number, b"x"
            yield number, None

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("splits", "largest", "stats"), [(False, 200, [200]), (True, 50, [50] * 4)]
)
async def test_windows_are_as_large_as_the_mover_wants(
    splits: bool, largest: int, stats: list[int], tmp_path: Path
) -> None:
    source = Counting(splits=splits)
    bounded = BoundedSource(source, 4)
    paths = [b"%d" % number for number in range(200)]
    await bounded.stat(paths)
    assert source.stat_sizes == stats
    async with a_storage(tmp_path).batch() as batch:
        copies = tuple(a_copy(path, 1) for path in paths)
        proofs, failures, _ = await receive(copies, bounded, batch, concurrency=4)
    assert (len(proofs), failures) == (200, [])
    assert max(source.read_sizes) == largest
