"""One batch at an rsync daemon: one call for all its files at each step.

Order and what a crash leaves: temporaries sent below `.streamweave/parts`, with the journal
(swept); read back by a pull of them (swept); linked to their final names by the server (the next
claimant finds both names); their folders removed at the end of the batch (swept).
"""

import asyncio
import hashlib
import stat as stat_module
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.clock import utcnow
from app.errors import StreamWeaveError
from app.transfers.base import (
    ObjectFacts,
    ReadBack,
    ReadBackFrom,
    StorageCapabilities,
    Target,
)
from app.transfers.layout import JOURNAL_SUFFIX, journal_folder, journal_name
from app.transfers.paths import display
from app.transfers.rsync.linking import Linker
from app.transfers.rsync.parts import PARTS, part_of, part_path
from app.transfers.rsync.refusals import troubles
from app.transfers.rsync.said import Listed
from app.transfers.rsync.spool import dropped, local, local_trouble
from app.transfers.rsync.temporary import RsyncTemporary

if TYPE_CHECKING:
    from app.transfers.rsync.storage import RsyncStorage

_CHUNK = 1 << 20
_MOST_PATH_BYTES = 3900  # rsync's longest is 4,096, our own folders included
_HOME = ".streamweave/"
_NO_FOLDER = ("storage_object_missing", "destination_conflict")


class RsyncBatch:
    """The writing end for one batch; `folder` is its own on the worker."""

    def __init__(self, storage: "RsyncStorage", folder: Path) -> None:
        self._storage = storage
        self._daemon = storage.daemon
        self._folder = folder
        self._unsent = folder / "unsent"
        self._files: dict[Target, Path] = {}  # what stands at the storage, as it lies here
        self._sent = 0
        self._leaving: set[Target] = set()  # their temporaries are to be removed
        self._linker = Linker(storage, folder)

    @property
    def capabilities(self) -> StorageCapabilities:
        """What the storage can do, as far as is known by now."""
        return self._storage.capabilities

    def _part(self, target: Target) -> bytes:
        return part_path(self._storage.installation, target)

    async def create(self, target: Target, size_bytes: int) -> RsyncTemporary:
        """Begin a file on the worker; its batch is sent by `make_durable`.

        Raises:
            StreamWeaveError: `landing_full`, `storage_name_refused`.
        """
        if len(target.dest_path) > _MOST_PATH_BYTES:
            raise StreamWeaveError("storage_name_refused", "rsync carries no path of this length.")
        await self._storage.spool.ensure_room(size_bytes)
        self._leaving.discard(target)
        return RsyncTemporary(target, self._unsent_file(target), self._storage.facts)

    def _unsent_file(self, target: Target) -> Path:
        return local(self._unsent, self._part(target).removeprefix(_HOME.encode()))

    async def make_durable(
        self, targets: Sequence[Target], journal: bytes
    ) -> dict[Target, StreamWeaveError]:
        """Send all temporaries and the journal in one call; each file is flushed when it came."""
        waiting = [target for target in targets if self._unsent_file(target).exists()]
        try:
            if journal:
                with local_trouble("writing the journal"):
                    self._note(journal)
            elif not waiting:
                return {}
            complaints = await self._daemon.push(
                self._unsent, _HOME, "--times", *self._storage.flushing
            )
        except StreamWeaveError as error:
            return dict.fromkeys(targets, error)
        failed = self._blamed(targets, complaints)
        with local_trouble("moving what was sent"):
            for target in waiting:
                sent = self._sent_file()
                sent.parent.mkdir(parents=True)
                self._unsent_file(target).rename(sent)
                self._files[target] = sent
        return failed

    def _sent_file(self) -> Path:
        self._sent += 1
        return self._folder / "sent" / f"{self._sent}" / "file"

    def _note(self, lines: bytes) -> None:
        """Lay down a journal object of this batch."""
        storage, now = self._storage, utcnow()
        name = journal_name(storage.worker, now).removesuffix(JOURNAL_SUFFIX)
        name = f"{name}-{now:%H%M%S}-{uuid.uuid4().hex[:12]}{JOURNAL_SUFFIX}"
        folder = journal_folder(storage.installation).removeprefix(_HOME.encode())
        path = local(self._unsent, folder) / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(lines)

    def _blamed(
        self, targets: Sequence[Target], complaints: Sequence[bytes]
    ) -> dict[Target, StreamWeaveError]:
        """Return whose error it is; one that names no temporary is everybody's."""
        by_part = {self._part(target).split(b"/")[2]: target for target in targets}
        failed: dict[Target, StreamWeaveError] = {}
        for path, error in troubles(complaints, "push"):
            target = by_part.get(part_of(path) or b"")
            for one in targets if target is None else [target]:
                failed.setdefault(one, error)
        return failed

    async def read_back(
        self, targets: Sequence[Target], *, final: bool = False
    ) -> list[ReadBack | StreamWeaveError]:
        """Bring temporaries (or final objects) back in one call, and hash what came."""
        names = [target.dest_path if final else self._part(target) for target in targets]
        into = self._folder / f"back-{uuid.uuid4().hex}"
        with local_trouble("making a folder"):
            into.mkdir(mode=0o700)
        if not final:
            for target in targets:  # its room is wanted for what comes back
                if (file := self._files.pop(target, None)) is not None:
                    file.unlink(missing_ok=True)
        failed: StreamWeaveError | None = None
        complaints: list[bytes] = []
        try:
            complaints = await self._daemon.pull(names, into)
        except StreamWeaveError as error:
            failed = error
        said = dict(troubles(complaints, "pull"))
        answers: list[ReadBack | StreamWeaveError] = []
        for target, name in zip(targets, names, strict=True):
            file = local(into, name)
            answer = await self._read(file) or failed or _about(name, said)
            if isinstance(answer, ReadBack) and not final:
                self._files[target] = file
            answers.append(answer)
        if final:
            await dropped(into)
        return answers

    async def _read(self, file: Path) -> ReadBack | StreamWeaveError | None:
        """Hash what came; None when nothing did."""
        try:
            looked = file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat_module.S_ISREG(looked.st_mode):
            return StreamWeaveError("destination_conflict", "It is no file.")
        with local_trouble("reading what came"):
            small = looked.st_size < _CHUNK
            digest = _sha256(file) if small else await asyncio.to_thread(_sha256, file)
        found = self._storage.facts(looked.st_size, looked.st_mtime_ns)
        return ReadBack(digest, looked.st_size, found.object_id, ReadBackFrom.SERVER_CACHE)

    async def publish(self, target: Target) -> ObjectFacts | None:
        """Link the temporary to its final name; None when that exists (it stays untouched).

        Those who ask at the same time are served by the same calls.
        """
        file = self._files.get(target)
        if file is None:
            raise StreamWeaveError("storage_object_missing", "Its temporary was not sent.")
        return await self._linker.publish(target, file)

    async def sync_names(self, targets: Sequence[Target]) -> None:
        """rsync has nothing that flushes names."""

    async def look(self, target: Target) -> tuple[ObjectFacts | None, ObjectFacts | None]:
        """Return what stands at the final name and at the temporary name."""
        await self.remove_left()
        names = [target.dest_path, self._part(target)]
        found, complaints = await self._daemon.shown(names)
        for _, error in troubles(complaints, "pull"):
            if error.code not in _NO_FOLDER:
                raise error
        final, temporary = (self._facts(found.get(name)) for name in names)
        return final, temporary

    def _facts(self, one: Listed | None) -> ObjectFacts | None:
        return None if one is None else self._storage.facts_of(one)

    async def remove_temporary(self, target: Target) -> None:
        """Have the temporary removed: with the others when the batch ends, or before a look."""
        unsent = self._unsent_file(target)
        if unsent.exists():
            unsent.unlink()
        self._leaving.add(target)

    async def remove_left(self) -> None:
        """Remove all temporaries that are not needed any more, in one call."""
        if not self._leaving:
            return
        leaving, self._leaving = self._leaving, set()
        names = [self._part(target).split(b"/")[2] for target in leaving]
        await self._storage.remove_all([PARTS + b"/" + name for name in names])
        for target in leaving:
            self._files.pop(target, None)

    async def end(self) -> None:
        """Stop what is on its way."""
        await self._linker.end()

    async def withdraw(self, target: Target) -> bool:
        """Nothing is published by writing here."""
        return False


def _about(name: bytes, said: dict[bytes, StreamWeaveError]) -> StreamWeaveError:
    """Return what was said of a path; the server's begin with its own folders."""
    for path, error in said.items():
        if path == name or path.endswith(b"/" + name):
            return error
    return StreamWeaveError("storage_object_missing", display(name))


def _sha256(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
