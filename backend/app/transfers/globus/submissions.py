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
from pathlib import Path
from typing import Any, NamedTuple

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

    def name(self, key: Key) -> str:
        """Return where a file lands, below the landing folder."""
        return f"{self.id}/{self.files.index(key)}"


class Submissions:
    """The submissions of one instrument."""

    def __init__(self, book: TaskBook, landing: Path) -> None:
        self._book = book
        self._landing = landing

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

    def landed(self, submission: Submission, key: Key) -> Path:
        """Return where a file lies when it has landed."""
        return self._landing / submission.name(key)

    def find(self, known: Sequence[Submission], file: Wanted) -> Submission | None:
        """Return the submission that brings, or has brought, a file."""
        key = key_of(file)
        for one in known:
            if key in one.files and (not one.is_over or self.landed(one, key).exists()):
                return one
        return None

    async def drop(self, submission: Submission) -> None:
        """Forget a submission that is over, with what is left of its files."""
        shutil.rmtree(self._landing / submission.id, ignore_errors=True)
        await self._book.forget(submission.id)

    async def drop_if_taken(self, submission: Submission) -> None:
        """Forget it when all that landed was taken away."""
        folder = self._landing / submission.id
        if submission.is_over and not (folder.exists() and any(folder.iterdir())):
            await self.drop(submission)


def _read(key: str, record: Mapping[str, Any]) -> Submission:
    files = tuple(Key(str(path), int(size), int(mtime)) for path, size, mtime in record["files"])
    return Submission(
        key, files, str(record["submitted_at"]), record.get("task_id"), str(record["status"])
    )
