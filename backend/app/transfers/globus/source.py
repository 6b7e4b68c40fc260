"""An instrument behind a Globus collection: list, stat, and tasks that carry its files.

Not promised: that a file of a running task can be had before the task is over.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import globus_sdk

from app.transfers.globus.client import GlobusClient
from app.transfers.globus.mover import GlobusOptions
from app.transfers.globus.submissions import Submission, Submissions, key_of
from streamweave_sdk.transfers import (
    Entry,
    Fetched,
    FileFacts,
    Place,
    Progress,
    SourceCapabilities,
    TaskBook,
    TransferError,
    Wanted,
)

_SECOND = 10**9
_LIST_INSTEAD = 8  # files of one folder from which on its listing is cheaper than as many stats
_LEFTOVER: Final = timedelta(days=2)
_SKIPPED = {
    "FILE_NOT_FOUND": "source_file_missing",
    "PERMISSION_DENIED": "source_permission_denied",
    "VERIFY_CHECKSUM": "source_file_changed",
}


class GlobusSource:
    """The reading end; its calls may be made side by side."""

    def __init__(
        self, client: GlobusClient, place: Place, options: GlobusOptions, tasks: TaskBook
    ) -> None:
        self._client = client
        self._options = options
        self._root = "/" + place.root.strip("/")
        self._collection = str(options.source_collection)
        self._submissions = Submissions(tasks, Path(options.landing_path), place.timeout_seconds)
        # A sign of life is due more often than the service needs to be asked.
        self._beat_seconds = min(options.poll_seconds, place.timeout_seconds / 3)
        self.capabilities = SourceCapabilities(
            mover="globus",
            protocol="globus",
            mtime_precision_ns=_SECOND,
            stat_opens=False,
            carries_any_name=False,
            window_files=1000,
            window_bytes=1 << 40,
            splits=False,
            limits_bandwidth=True,  # the service's own affair: its endpoints have bounds
        )

    def _path(self, path: bytes) -> str:
        try:
            name = path.decode()
        except UnicodeDecodeError as error:
            detail = "Globus's API carries UTF-8 names only."
            raise TransferError("source_name_unreadable", detail) from error
        return f"{self._root.rstrip('/')}/{name}"

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory."""
        found = await self._client.list_folder(self._collection, self._path(directory))
        return [entry for item in found if (entry := _entry(item)) is not None]

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | TransferError]:
        """Ask for files one by one, or for their folder when there are many."""
        by_folder: dict[bytes, list[int]] = defaultdict(list)
        for number, path in enumerate(paths):
            by_folder[path.rpartition(b"/")[0]].append(number)
        answers: dict[int, FileFacts | TransferError] = {}
        for folder, numbers in by_folder.items():
            if len(numbers) < _LIST_INSTEAD:
                for number in numbers:
                    answers[number] = await self._stat_one(paths[number])
            else:
                facts = await self._listed(folder)
                for number in numbers:
                    name = paths[number].rpartition(b"/")[2]
                    answers[number] = facts.get(name) or _missing()
        return [answers[number] for number in range(len(paths))]

    async def _stat_one(self, path: bytes) -> FileFacts | TransferError:
        try:
            document = await self._client.stat(self._collection, self._path(path))
        except TransferError as error:
            if error.code == "source_folder_missing":
                return _missing()
            if error.code in ("source_permission_denied", "source_name_unreadable"):
                return error
            raise
        entry = _entry({"name": "it", **document})
        return _missing() if entry is None or entry.is_directory else entry.facts

    async def _listed(self, folder: bytes) -> dict[bytes, FileFacts]:
        try:
            entries = await self.list_directory(folder)
        except TransferError as error:
            if error.code == "source_folder_missing":
                return {}
            raise
        return {entry.name: entry.facts for entry in entries if not entry.is_directory}

    async def fetch(self, files: Sequence[Wanted]) -> AsyncGenerator[Fetched | Progress, None]:
        """Wait for the tasks that bring these files, after submitting what none brings yet."""
        known = await self._submissions.known()
        await self._clear(known, files)
        waiting: dict[str, tuple[Submission, list[int]]] = {}
        new = []
        for number, one in enumerate(await self._submissions.find(known, files)):
            if one is None:
                new.append(number)
            else:
                waiting.setdefault(one.id, (one, []))[1].append(number)
        if new:
            made = await self._submissions.keep(
                await self._client.submission_id(), [files[number] for number in new]
            )
            waiting[made.id] = (made, new)
        for submission, numbers in list(waiting.values()):
            over = submission
            async for state in self._until_over(submission):
                if isinstance(state, Progress):
                    yield state
                else:
                    over = state
            for arrival in await self._arrivals(over, files, numbers):
                yield arrival
            if over.status == "FAILED":
                await self._submissions.drop(over)
            else:
                await self._submissions.drop_if_taken(over)

    async def _until_over(
        self, submission: Submission
    ) -> AsyncGenerator[Submission | Progress, None]:
        """Submit what was not, and ask until the service is done with it."""
        if submission.is_over:
            yield submission
            return
        if submission.task_id is None:
            task_id = await self._client.submit(self._data(submission))
            submission = await self._submissions.note(submission, task_id=task_id)
        while True:
            task = await self._client.task(str(submission.task_id))
            submission = await self._submissions.note(submission, status=str(task["status"]))
            if submission.is_over:
                yield submission
                return
            _ensure_moving(task)
            yield Progress(int(task.get("bytes_transferred") or 0))
            await asyncio.sleep(self._beat_seconds)

    def _data(self, submission: Submission) -> globus_sdk.TransferData:
        options = self._options
        submitted_at = datetime.fromisoformat(submission.submitted_at)
        data = globus_sdk.TransferData(
            self._collection,
            str(options.landing_collection),
            label="StreamWeave",
            submission_id=submission.id,
            verify_checksum=options.verify_checksum,
            encrypt_data=options.encrypt,
            deadline=submitted_at + timedelta(hours=options.deadline_hours),
            skip_source_errors=True,  # one of a thousand must not keep the others
            fail_on_quota_errors=True,
            notify_on_succeeded=False,
            notify_on_failed=False,
            notify_on_inactive=False,
        )
        landing = options.landing_folder.rstrip("/")
        for key in submission.files:
            source = self._path(bytes.fromhex(key.path_hex))
            data.add_item(source, f"{landing}/{submission.name(key)}")
        return data

    async def _arrivals(
        self, submission: Submission, files: Sequence[Wanted], numbers: Sequence[int]
    ) -> list[Fetched]:
        """Tell what became of each of a task's files."""
        task_id = str(submission.task_id)
        notes = {
            "globus_task": task_id,
            "globus_submission": submission.id,
            "mover_checksum": "verified" if self._options.verify_checksum else "not asked for",
        }
        failed = await self._failed(submission)
        paths = await self._submissions.landed(submission, [files[n] for n in numbers])
        astray = TransferError("globus_task_failed", "It did not land where it should.")
        arrivals = []
        for number, path in zip(numbers, paths, strict=True):
            error = failed.get(self._path(files[number].path))
            if error is None and path is not None:
                arrivals.append(Fetched(number, path=path, notes=notes))
            else:
                arrivals.append(Fetched(number, error=error or astray))
        return arrivals

    async def _failed(self, submission: Submission) -> dict[str, TransferError]:
        """Return why files of a task did not come, by source path."""
        task_id = str(submission.task_id)
        failed = {
            str(one["source_path"]): _why_skipped(one)
            for one in await self._client.skipped(task_id)
        }
        if submission.status == "FAILED":
            task = await self._client.task(task_id)
            fatal = task.get("fatal_error") or {}
            said = fatal.get("description") or task.get("nice_status_details") or "no reason given"
            reason = f"Task {task_id}: {fatal.get('code') or task.get('nice_status')}: {said}"
            error = TransferError("globus_task_failed", reason[:500])
            came = {str(one["source_path"]) for one in await self._client.successful(task_id)}
            paths = {self._path(bytes.fromhex(key.path_hex)) for key in submission.files}
            failed |= dict.fromkeys(paths - came - set(failed), error)
        return failed

    async def _clear(self, known: Sequence[Submission], files: Sequence[Wanted]) -> None:
        """Drop what nobody came for in a long time: the files changed, or others brought them."""
        wanted = {key_of(file) for file in files}
        before = datetime.now(UTC) - _LEFTOVER - timedelta(hours=self._options.deadline_hours)
        for one in known:
            if datetime.fromisoformat(one.submitted_at) < before and wanted.isdisjoint(one.files):
                if one.task_id is not None and not one.is_over:
                    await self._client.cancel(one.task_id)
                await self._submissions.drop(one)

    async def close(self) -> None:
        """Close connections; tasks go on, and whoever wants their files next finds them."""
        await self._client.close()


def _missing() -> TransferError:
    return TransferError("source_file_missing", "It is not there any more.")


def _entry(item: Mapping[str, Any]) -> Entry | None:
    """Return an entry of a `file` document; links are not followed and not listed."""
    name = str(item["name"]).encode()
    if item.get("link_target"):
        return None
    if item["type"] == "dir":
        return Entry(name, True, FileFacts(0, 0))
    if item["type"] != "file":
        return None
    try:
        at = datetime.fromisoformat(str(item["last_modified"]).replace(" ", "T"))
    except ValueError:
        return Entry(name, False, FileFacts(0, 0), "source_time_invalid")
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Entry(name, False, FileFacts(int(item["size"]), int(at.timestamp()) * _SECOND))


def _ensure_moving(task: Mapping[str, Any]) -> None:
    """Say what a task waits for that goes on by itself only when a person acts.

    The task stays: whoever wants its files next finds it.
    """
    said = str(task.get("nice_status") or "")
    detail = f"Task {task['task_id']}: {task.get('nice_status_details') or said}"
    if task["status"] == "INACTIVE":
        code = "globus_consent_required" if "CONSENT" in said.upper() else "globus_session_expired"
        raise TransferError(code, detail)
    if task.get("is_paused") or "PAUSED" in said.upper():
        raise TransferError("globus_endpoint_paused", detail)


def _why_skipped(skipped: Mapping[str, Any]) -> TransferError:
    said = str(skipped.get("error_code") or "unknown")
    code = _SKIPPED.get(said, "source_error")
    return TransferError(code, f"Globus left it out: {said}")
