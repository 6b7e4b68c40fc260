"""A mover over a folder of .tar archives, by the command line tool `tar`.

An archive looks like a directory; its members are the files. It shows what a mover is made of:
options, a check of the place, a listing, the facts of files, and their bytes as a stream.
"""

import asyncio
import codecs
import contextlib
import os
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import Field

from streamweave_sdk import transfers as sw

_MEMBER = re.compile(rb"-\S+ \S+ +(?P<size>\d+) (?P<time>\S+ \S+) (?P<name>.*)")
_LIST = ("--list", "--verbose", "--full-time", "--utc", "--quoting-style=escape")
_FOLDER = sw.FileFacts(0, 0)
_BILLION = 10**9


class TarOptions(sw.Options):
    """What may be set for an instrument; the page makes a form of it."""

    suffix: str = Field(".tar", title="Ending of archives", min_length=2, max_length=20)


class Tar(sw.Mover[TarOptions]):
    """Members of .tar archives, as files."""

    name = "tar"
    title = "tar archives"
    options_model = TarOptions

    def problem(self) -> str | None:
        """Return what is missing on this machine, or None."""
        return None if shutil.which("tar") else "tar is not installed."

    def unsuitable(self, place: sw.Place, options: TarOptions) -> str | None:
        """Return why this place cannot be reached, or None."""
        return None if place.root.startswith("/") else "The path must begin at the root: /..."

    async def open(
        self, place: sw.Place, options: TarOptions, around: sw.Surroundings
    ) -> "TarSource":
        """Open a folder of archives; nothing is read yet."""
        return TarSource(Path(place.root), options.suffix.encode(), place.protocol)


class TarSource:
    """An open folder of archives."""

    def __init__(self, root: Path, suffix: bytes, protocol: str) -> None:
        self._root = root
        self._suffix = suffix
        self.capabilities = sw.SourceCapabilities(
            "tar", protocol, mtime_precision_ns=_BILLION, stat_opens=True, carries_any_name=True
        )

    async def list_directory(self, directory: bytes) -> Sequence[sw.Entry]:
        """Return the archives of the folder, or what is directly below a directory of one."""
        if not directory:
            try:
                names = await asyncio.to_thread(os.listdir, os.fsencode(self._root))
            except FileNotFoundError as error:
                raise sw.TransferError("source_folder_missing", str(self._root)) from error
            return [sw.Entry(n, True, _FOLDER) for n in names if n.endswith(self._suffix)]
        archive, _, below = directory.partition(b"/")
        inside = below + b"/" if below else b""
        found: dict[bytes, sw.Entry] = {}
        for path, facts in (await self._members(archive, "source_folder_missing")).items():
            if path.startswith(inside):
                name, _, deeper = path[len(inside) :].partition(b"/")
                found[name] = sw.Entry(name, bool(deeper), _FOLDER if deeper else facts)
        if below and not found:
            raise sw.TransferError("source_folder_missing", "No member of the archive is below it.")
        return list(found.values())

    async def stat(self, paths: Sequence[bytes]) -> Sequence[sw.FileFacts | sw.TransferError]:
        """Return the facts of members; each archive is read once."""
        members: dict[bytes, dict[bytes, sw.FileFacts]] = {}
        for archive in {path.partition(b"/")[0] for path in paths}:
            with contextlib.suppress(sw.TransferError):  # a missing archive has no members
                members[archive] = await self._members(archive, "source_file_missing")
        asked = [path.partition(b"/") for path in paths]
        missing = sw.TransferError("source_file_missing")
        return [members.get(archive, {}).get(name, missing) for archive, _, name in asked]

    async def stream(self, file: sw.Wanted) -> AsyncGenerator[bytes, None]:
        """Give the bytes of one member."""
        archive, _, name = file.path.partition(b"/")
        known = await self._members(archive, "source_file_missing")
        if name not in known:
            raise sw.TransferError("source_file_missing")
        if known[name].size_bytes != file.size_bytes:
            raise sw.TransferError("source_file_changed", f"It has {known[name].size_bytes} bytes.")
        extract = ("--extract", "--to-stdout", "--no-wildcards", "--null", "--files-from=-")
        async with self._tar(*extract, archive=archive, given=name + b"\0") as output:
            while chunk := await output.read(1 << 20):
                yield chunk

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _members(self, archive: bytes, missing: str) -> dict[bytes, sw.FileFacts]:
        """Return the files of an archive; links and special files are left out."""
        if not archive.endswith(self._suffix) or not self._path(archive).is_file():
            raise sw.TransferError(missing, "There is no such archive.")
        found = {}
        async with self._tar(*_LIST, archive=archive) as output:
            async for line in output:
                if (member := _MEMBER.fullmatch(line.rstrip(b"\n"))) is not None:
                    time = datetime.fromisoformat(member["time"].decode()[:19] + "+00:00")
                    name, _ = codecs.escape_decode(member["name"])
                    facts = sw.FileFacts(int(member["size"]), int(time.timestamp()) * _BILLION)
                    found[name.removeprefix(b"./")] = facts
        return found

    def _path(self, archive: bytes) -> Path:
        return self._root / os.fsdecode(archive)

    @contextlib.asynccontextmanager
    async def _tar(
        self, *options: str, archive: bytes, given: bytes = b""
    ) -> AsyncIterator[asyncio.StreamReader]:
        """Run tar over an archive; it is gone after the block, however that ends."""
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        command = ["tar", *options, "--force-local", f"--file={self._path(archive)}"]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        tar = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment, limit=1 << 20
        )
        try:
            assert tar.stdin and tar.stdout
            tar.stdin.write(given)
            tar.stdin.close()
            yield tar.stdout
            if await tar.wait():
                raise sw.TransferError(
                    "source_error", f"tar ended with exit code {tar.returncode}."
                )
        finally:
            if tar.returncode is None:
                tar.kill()
            await tar.wait()
