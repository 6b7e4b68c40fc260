"""Files by rsync: lists and facts by `--list-only`, bytes into the folder of this opening.

Promised: the source is only read; what is named as come lies whole under its name, for rsync
renames a file when it is complete; a file that failed is told with its own reason. Links and
special files are neither shown nor followed. Not promised: times finer than a second, and that
nobody puts a link in the place of a folder between the listing and the reading of it.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import stat as stat_module
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.transfers.children import environment
from app.transfers.rsync.bandwidth import Bandwidth
from app.transfers.rsync.classify import FileTrouble, ensure_ended_well, file_troubles
from app.transfers.rsync.line import Line, seconds
from app.transfers.rsync.options import RsyncOptions
from app.transfers.rsync.process import Child, running
from app.transfers.rsync.said import Listed, listed, unescaped
from streamweave_sdk.transfers import (
    Entry,
    Fetched,
    FileFacts,
    Place,
    Progress,
    SourceCapabilities,
    TransferError,
    Wanted,
)

_BILLION = 10**9
_NO_FACTS = FileFacts(0, 0)
_READING = [
    "--dirs", "--from0", "--files-from=-", "--no-implied-dirs", "--no-links", "--no-devices",
    "--no-specials", "--no-human-readable",
]  # fmt: skip
# A name that is complete stands in the folder: temporary ones are elsewhere.
_BRINGING = ["--times", "--chmod=D700,F600", "--out-format=came %b %n", "--temp-dir"]
_ON_BASIS = ["--ignore-times", "--no-whole-file", "--checksum-choice=md5", "--copy-dest"]


@dataclass(frozen=True, slots=True)
class _Errand:
    """Files on their way: where they land, by which name, and what rsync is asked for."""

    folder: Path
    numbers: Mapping[bytes, int]  # by the name under which each lands
    files: Sequence[Wanted]
    names: bytes
    arguments: Sequence[str | bytes]
    notes: Mapping[str, str]


class RsyncSource:
    """The reading end of an instrument that rsync reaches."""

    def __init__(self, place: Place, options: RsyncOptions, folder: Path, line: Line) -> None:
        self._place = place
        self._options = options
        self._folder = folder
        self._run = folder / "run"
        self._line = line
        self._turns = asyncio.Semaphore(max(1, place.connections))
        self._bandwidth = Bandwidth(place.bandwidth_bytes_per_second, place.connections)
        self._prefix = b"./" if line.base == b"." else b"./" + line.base + b"/./"
        self.capabilities = SourceCapabilities(
            mover="rsync",
            protocol=place.protocol,
            mtime_precision_ns=_BILLION,
            stat_opens=True,
            carries_any_name=True,
            window_files=200,
            window_bytes=256 << 20,
            # On this machine nothing is saved by it.
            uses_previous=options.on_basis and place.protocol != "local",
            limits_bandwidth=True,
            splits=False,
        )

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory."""
        inside = directory + b"/" if directory else b""
        lines, troubles = await self._list([self._prefix + inside])
        for trouble in troubles:
            if trouble.is_folder or self._is_of(trouble.path, directory):
                code = trouble.error.code
                gone = "source_folder_missing" if code == "source_file_missing" else code
                raise TransferError(gone, trouble.error.detail)
        itself = directory or b"."
        if not any(line.is_directory and line.name == itself for line in lines):
            raise TransferError("source_folder_missing", "It is no folder (any more).")
        return [entry for line in lines if (entry := _entry(line, inside)) is not None]

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | TransferError]:
        """Return each file's facts."""
        if not paths:
            return []
        lines, troubles = await self._list([self._prefix + path for path in paths])
        _ensure_root(troubles)
        known = {line.name: line.facts for line in lines if line.is_file}
        failed = self._by_path(troubles, paths)
        return [
            known.get(path)
            or (TransferError("source_time_invalid") if path in known else failed.get(path))
            or TransferError("source_file_missing")
            for path in paths
        ]

    async def fetch(self, files: Sequence[Wanted]) -> AsyncGenerator[Fetched | Progress, None]:
        """Bring files: those with a version before one by one, on its basis, the others at once."""
        whole = [number for number, file in enumerate(files) if file.previous is None]
        errands = [self._whole(files, whole)] if whole else []
        errands += [self._on_basis(files, n) for n, file in enumerate(files) if file.previous]
        for errand in errands:
            async with contextlib.aclosing(self._bring(errand)) as arrivals:
                async for arrival in arrivals:
                    yield arrival

    async def close(self) -> None:
        """Log off and drop the secrets."""
        await self._line.close()
        await asyncio.to_thread(shutil.rmtree, self._run, ignore_errors=True)

    def _whole(self, files: Sequence[Wanted], chosen: Sequence[int]) -> _Errand:
        numbers = {files[number].path: number for number in chosen}
        return _Errand(
            folder=self._landing(),
            numbers=numbers,
            files=files,
            names=b"".join(self._prefix + path + b"\0" for path in numbers),
            arguments=["--whole-file", self._line.origin, "./"],
            notes={},
        )

    def _on_basis(self, files: Sequence[Wanted], number: int) -> _Errand:
        """Ask for one file under the name of the version before, which rsync then finds there.

        It only reads it: `--ignore-times` never takes it for the file itself, and what is made of
        it is a new file of ours.
        """
        file = files[number]
        previous = file.previous
        assert previous is not None
        folder, _, name = file.path.rpartition(b"/")
        base = self._line.base + b"/" + folder if folder else self._line.base
        lands_as = os.fsencode(previous.name)
        return _Errand(
            folder=self._landing(),
            numbers={lands_as: number, name: number},
            files=files,
            names=b"./" + base + b"/./" + name + b"\0",
            arguments=[
                *_ON_BASIS,
                os.fsencode(previous.parent),
                self._line.origin,
                b"./" + lands_as,
            ],
            notes={"basis": "the version before", "whole_file_check": "md5, by rsync"},
        )

    def _landing(self) -> Path:
        return self._folder / "in" / secrets.token_hex(8)

    async def _bring(self, errand: _Errand) -> AsyncGenerator[Fetched | Progress, None]:
        temporary = errand.folder.with_suffix(".tmp")
        for folder in (errand.folder, temporary):
            folder.mkdir(mode=0o700, parents=True)
        told: set[int] = set()
        try:
            with self._bandwidth.share() as bound:
                arguments = [*_BRINGING, temporary, *bound, *errand.arguments]
                async with self._calling(arguments, errand.names, errand.folder) as child:
                    async for arrival in self._arrivals(child, errand):
                        if isinstance(arrival, Fetched):
                            told.add(arrival.number)
                        yield arrival
                    exit_code = await child.wait()
            for failed in self._failed(exit_code, child.complaints, errand, told):
                yield failed
        except BaseException:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, errand.folder, True))
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(_tidy, errand.folder, temporary))

    async def _arrivals(
        self, child: Child, errand: _Errand
    ) -> AsyncGenerator[Fetched | Progress, None]:
        """Tell each file as soon as it stands in the folder, and that the call lives.

        rsync names a file before it renames it, so a name is looked for until it stands there.
        """
        named: dict[bytes, int] = {}  # names that may not stand there yet, with bytes that moved
        line: bytes | None = b""
        while line is not None:
            try:
                async with asyncio.timeout(self._place.timeout_seconds / 4):
                    line = await child.line()
            except TimeoutError:
                yield Progress()
                line = b""
            if line is None:
                await child.wait()
            elif line.startswith(b"came "):
                _, moved, name = line.split(b" ", 2)
                named[unescaped(name)] = int(moved)
            for name in list(named):
                if (arrival := _arrived(errand, name, named[name])) is not None:
                    del named[name]
                    yield arrival

    def _failed(
        self, exit_code: int, said: Sequence[bytes], errand: _Errand, told: set[int]
    ) -> list[Fetched]:
        """Return what became of the files that did not come."""
        ensure_ended_well(exit_code, said)
        troubles = file_troubles(said)
        _ensure_root(troubles, is_whole=not errand.notes)
        wanted = {errand.files[n].path: n for n in errand.numbers.values() if n not in told}
        errors = self._by_path(troubles, list(wanted))
        # What rsync passes over without a word is no regular file.
        missing = TransferError("source_file_missing")
        return [Fetched(n, error=errors.get(path, missing)) for path, n in wanted.items()]

    async def _list(self, names: Sequence[bytes]) -> tuple[list[Listed], list[FileTrouble]]:
        given = b"".join(name + b"\0" for name in names)
        arguments = ["--list-only", self._line.origin, "./"]
        lines: list[Listed] = []
        async with self._calling(arguments, given, self._run) as child:
            while (text := await child.line()) is not None:
                if (line := listed(text)) is not None:
                    lines.append(line)
            exit_code = await child.wait()
        ensure_ended_well(exit_code, child.complaints)
        return lines, file_troubles(child.complaints)

    @contextlib.asynccontextmanager
    async def _calling(
        self, arguments: Sequence[str | bytes | Path], given: bytes, folder: Path
    ) -> AsyncIterator[Child]:
        """Run rsync on our turn; its last argument is below `folder`."""
        *most, last = arguments
        command: list[str | bytes] = [
            "rsync",
            *_READING,
            f"--timeout={seconds(self._place)}",
            *self._line.arguments(),
            *([f"--rsync-path={self._options.program}"] if self._options.program else []),
            *(["--compress"] if self._options.compress else []),
            *map(os.fsencode, most),
            os.path.join(os.fsencode(folder), os.fsencode(last)),
        ]
        async with self._turns:
            await self._line.ready()
            env = environment(**self._line.variables())
            async with running(command, given=given, cwd=self._run, env=env) as child:
                yield child

    def _by_path(
        self, troubles: Sequence[FileTrouble], paths: Sequence[bytes]
    ) -> dict[bytes, TransferError]:
        """Return the files that something was said about; the longest fitting name is meant."""
        found: dict[bytes, TransferError] = {}
        by_length = sorted(paths, key=len, reverse=True)
        exact = {self._as_seen(path): path for path in paths}
        for trouble in troubles:
            path = exact.get(trouble.path.lstrip(b"/")) or next(
                (path for path in by_length if self._is_of(trouble.path, path)), None
            )
            if path is not None:
                found.setdefault(path, trouble.error)
        return found

    def _as_seen(self, path: bytes) -> bytes:
        base = self._line.base
        return path if base == b"." else base + b"/" + path

    def _is_of(self, seen: bytes, path: bytes) -> bool:
        """Whether the server's name of a file is this path; it may begin anywhere."""
        full = self._as_seen(path).rstrip(b"/")
        return seen == full or seen.endswith(b"/" + full)


def _tidy(folder: Path, temporary: Path) -> None:
    """Remove what rsync left half-done, and folders out of which all was taken."""
    shutil.rmtree(temporary, ignore_errors=True)
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # something in it was not taken yet
            os.rmdir(path)


def _ensure_root(troubles: Sequence[FileTrouble], *, is_whole: bool = True) -> None:
    """Raise when the root could not be entered: that says nothing about its files."""
    if is_whole:
        for trouble in troubles:
            if trouble.is_folder:
                raise trouble.error


def _entry(line: Listed, inside: bytes) -> Entry | None:
    if not (line.is_file or line.is_directory) or not line.name.startswith(inside):
        return None
    name = line.name[len(inside) :]
    if not name or name == b"." or b"/" in name:
        return None
    if line.facts is None:
        return Entry(name, line.is_directory, _NO_FACTS, "source_time_invalid")
    return Entry(name, line.is_directory, line.facts)


def _arrived(errand: _Errand, name: bytes, moved_bytes: int) -> Fetched | None:
    """Return a file that stands in the folder by now."""
    number = errand.numbers.get(name)
    if number is None:
        return None
    lands_as = next(iter(errand.numbers)) if errand.notes else name
    path = errand.folder / os.fsdecode(lands_as)
    try:
        facts = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat_module.S_ISREG(facts.st_mode):
        return None
    file = errand.files[number]
    if facts.st_size != file.size_bytes:
        path.unlink()
        detail = f"{facts.st_size} bytes came, {file.size_bytes} were expected."
        return Fetched(number, error=TransferError("source_file_changed", detail))
    return Fetched(number, path, notes={"moved_bytes": moved_bytes, **errand.notes})
