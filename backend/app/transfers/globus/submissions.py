"""What was submitted: which files each task carries, where they land, what became of it.

Written to the book before the service hears of it. Crash windows: died before the service
answered - the same id is submitted again, and the service says that it has it (exactly once); died
while the task ran - whoever wants one of its files next finds it here and waits for it; died after
files landed - they are taken from where they lie; taken away already - a new task brings them.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from app.transfers.calls import Calls, calls_of, progress
from streamweave_sdk.transfers import TaskBook, Wanted

ENDED = frozenset({"SUCCEEDED", "FAILED"})


class Key(NamedTuple):
    """A content of a file, as far as the listing tells one from another."""

    path_hex: str
    size_bytes: int
    mtime_ns: int


def key_of(file: Wanted) -> Key:
    """Return the key of a wanted file."""
    return Key(file.path.hex(), file.size_bytes, file.mtime_ns)


@dataclass(frozen=True)
class Submission:
    """One task, or what is to become one."""

    id: str
    files: tuple[Key, ...]
    submitted_at: str
    task_id: str | None = None
    status: str = "ACTIVE"

    @property
    def is_over(self) -> bool:
        """Whether the service is done with it."""
        return self.status in ENDED

    @cached_property
    def numbers(self) -> Mapping[Key, int]:
        """The number of each file among them: its name where it lands."""
        return {key: number for number, key in enumerate(self.files)}

    def name(self, key: Key) -> str:
        """Return where a file lands, below the landing folder."""
        return f"{self.id}/{self.numbers[key]}"


class Submissions:
    """The submissions of one instrument."""

    def __init__(self, book: TaskBook, landing: Path, timeout_seconds: float) -> None:
        self._book = book
        self._landing = landing
        self._timeout_seconds = timeout_seconds

    @property
    def _calls(self) -> Calls:
        # The landing folder is a mount, most of the time.
        return calls_of(self._landing, "source_timeout", self._timeout_seconds)

    async def known(self) -> list[Submission]:
        """Return all, newest first."""
        found = [_read(key, record) for key, record in (await self._book.recall()).items()]
        return sorted(found, key=lambda one: one.submitted_at, reverse=True)

    async def keep(self, submission_id: str, files: Sequence[Wanted]) -> Submission:
        """Write down what is about to be submitted."""
        keys = tuple(key_of(file) for file in files)
        made = Submission(submission_id, keys, datetime.now(UTC).isoformat())
        await self._write(made)
        return made

    async def note(
        self, submission: Submission, *, task_id: str | None = None, status: str | None = None
    ) -> Submission:
        """Write down what the service said."""
        changed = replace(
            submission,
            task_id=task_id or submission.task_id,
            status=status or submission.status,
        )
        if changed != submission:
            await self._write(changed)
        return changed

    async def _write(self, one: Submission) -> None:
        await self._book.remember(
            one.id,
            {
                "files": [list(key) for key in one.files],
                "submitted_at": one.submitted_at,
                "task_id": one.task_id,
                "status": one.status,
            },
        )

    async def landed(self, submission: Submission, files: Sequence[Wanted]) -> list[Path | None]:
        """Return where each of a submission's files lies; None for what has not landed."""
        places = [self._landing / submission.name(key_of(file)) for file in files]
        return await self._calls.run(lambda: [p if p.exists() else None for p in places])

    async def find(
        self, known: Sequence[Submission], files: Sequence[Wanted]
    ) -> list[Submission | None]:
        """Return, for each file, the submission that brings it or has brought it."""
        return await self._calls.run(lambda: [self._find(known, key_of(file)) for file in files])

    def _find(self, known: Sequence[Submission], key: Key) -> Submission | None:
        progress()
        for one in known:
            if key in one.numbers and (not one.is_over or (self._landing / one.name(key)).exists()):
                return one
        return None

    async def drop(self, submission: Submission) -> None:
        """Forget a submission that is over, with what is left of its files."""
        folder = self._landing / submission.id
        await self._calls.run(lambda: shutil.rmtree(folder, ignore_errors=True))
        await self._book.forget(submission.id)

    async def drop_if_taken(self, submission: Submission) -> None:
        """Forget it when all that landed was taken away."""
        folder = self._landing / submission.id
        if not await self._calls.run(lambda: folder.exists() and any(folder.iterdir())):
            await self.drop(submission)


def _read(key: str, record: Mapping[str, Any]) -> Submission:
    files = tuple(Key(str(path), int(size), int(mtime)) for path, size, mtime in record["files"])
    return Submission(
        key, files, str(record["submitted_at"]), record.get("task_id"), str(record["status"])
    )
