"""The suite of StreamWeave's SDK runs beside this file: `pytest --streamweave-mover tar`."""

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streamweave_sdk.conformance import MoverLab
from streamweave_sdk.transfers import Mover, Place

pytest_plugins = ["streamweave_sdk.conformance"]


class Archives(MoverLab):
    """A lab whose files are made by writing an archive."""

    def put(self, files: Mapping[bytes, bytes]) -> None:
        """Write all files as members."""
        with tarfile.open(self.folder / "suite.tar", "w") as archive:
            for path, content in files.items():
                member = tarfile.TarInfo(os.fsdecode(path.partition(b"/")[2]))
                member.size, member.mtime = len(content), 1_700_000_000
                archive.addfile(member, io.BytesIO(content))

    def link(self, path: bytes, target: bytes) -> None:
        """Add a member that is a link."""
        with tarfile.open(self.folder / "suite.tar", "a") as archive:
            member = tarfile.TarInfo(os.fsdecode(path.partition(b"/")[2]))
            member.type, member.linkname = tarfile.SYMTYPE, os.fsdecode(target)
            archive.addfile(member)


@pytest.fixture
def mover_lab(streamweave_mover: Mover[Any], tmp_path: Path) -> MoverLab:
    """Archives in a folder."""
    folder = tmp_path / "archives"
    folder.mkdir()
    return Archives(
        streamweave_mover, Place("adapter", root=str(folder)), folder, below=b"suite.tar"
    )
