"""What is known of a file: said by hooks with its provenance, said by people, and what is shown."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.clock import utcnow
from app.database import Database
from app.errors import StreamWeaveError
from app.models import (
    FileGrant,
    FileNote,
    Hook,
    HookAnswer,
    HookTask,
    SourceFile,
    TaskState,
    User,
    Version,
)
from app.services import audit
from app.services.access import only_readable_files
from app.services.edits import guarded_update, plain, translated, user_actor
from app.services.hook_answers import Shown, follow, newest_answers, shown


@dataclass(frozen=True)
class NamedPerson:
    """Somebody whom a hook named; `granted` when there is such a person here."""

    email: str
    granted: bool


@dataclass(frozen=True)
class AnswerView:
    """What one hook said of the version."""

    answer: HookAnswer
    access: list[NamedPerson]


@dataclass(frozen=True)
class WaitingHook:
    """A hook that did not answer for the newest versions of the file yet, and why."""

    task: HookTask
    hook_name: str
    version: int


@dataclass(frozen=True)
class MetadataView:
    """What is known of a file."""

    file: SourceFile
    version: int | None  # the newest one of which hooks said something
    answers: list[AnswerView]
    note: FileNote | None
    shown: Shown
    waiting: list[WaitingHook]


async def _readable(session: AsyncSession, user: User, file_id: uuid.UUID) -> SourceFile:
    query = select(SourceFile).where(SourceFile.id == file_id)
    file: SourceFile | None = await session.scalar(only_readable_files(query, user))
    if file is None:
        raise StreamWeaveError("not_found")
    return file


async def get_metadata(database: Database, user: User, file_id: uuid.UUID) -> MetadataView:
    """Return what is known of a file that the person may see."""
    async with database.read() as session:
        return await _view(session, await _readable(session, user, file_id))


async def _view(session: AsyncSession, file: SourceFile) -> MetadataView:
    answers = (await newest_answers(session, [file.id])).get(file.id, [])
    note = await session.get(FileNote, file.id, populate_existing=True)
    number = None
    if answers:
        number = (await session.get_one(Version, answers[0].version_id)).number
    granted = set(
        await session.scalars(
            select(func.lower(User.email))
            .join(FileGrant, FileGrant.user_id == User.id)
            .where(FileGrant.source_file_id == file.id)
        )
    )
    waiting = await session.execute(
        select(HookTask, Hook.name, Version.number)
        .join(Hook, Hook.id == HookTask.hook_id)
        .join(Version, Version.id == HookTask.version_id)
        .where(HookTask.source_file_id == file.id, HookTask.state != TaskState.DONE)
        .order_by(Version.number.desc(), Hook.position)
        .limit(100)
    )
    return MetadataView(
        file,
        number,
        [
            AnswerView(one, [NamedPerson(e, e.lower() in granted) for e in one.access])
            for one in answers
        ],
        note,
        shown(answers, note),
        [WaitingHook(*row) for row in waiting.all()],
    )


async def change_note(
    database: Database, user: User, file_id: uuid.UUID, revision: int, values: Mapping[str, Any]
) -> MetadataView:
    """Change what people say of a file; what hooks said stays as it is.

    Raises:
        StreamWeaveError: `not_found`; `edit_conflict` when somebody else was faster.
    """

    async def work(session: AsyncSession) -> MetadataView:
        file = await _readable(session, user, file_id)
        note = await session.get(FileNote, file_id)
        names = ("fields", "tags_added", "tags_removed")
        empty: dict[str, Any] = {"fields": {}, "tags_added": [], "tags_removed": []}
        old = {name: getattr(note, name) for name in names} if note else empty
        new = {**old, **values}
        if note is None:
            if revision != 0:
                raise StreamWeaveError("edit_conflict")
            now = utcnow()
            made = FileNote(
                id=file_id, **new, edited_by=user.id, revision=1,
                created_at=now, updated_at=now,
            )  # fmt: skip
            async with translated(session, "edit_conflict"):
                session.add(made)
        else:
            await guarded_update(session, note, revision, {**new, "edited_by": user.id})
        await follow(session, [file_id])
        await audit.record(
            session,
            actor=user_actor(user.id),
            action="file.metadata_changed",
            subject=f"file:{file_id}",
            details={"old": plain(old), "new": plain(new)},
            instrument_id=file.instrument_id,
        )
        return await _view(session, file)

    return await database.run(work)


@dataclass(frozen=True)
class PreviewImage:
    """A small picture of what a file holds."""

    media_type: str
    data: bytes


async def get_preview(
    database: Database, user: User, file_id: uuid.UUID, hook_id: uuid.UUID
) -> PreviewImage:
    """Return the picture that a hook made of a file's newest version.

    Raises:
        StreamWeaveError: `not_found` when there is none, or the file is hidden.
    """
    query = (
        select(HookAnswer)
        .join(Version, Version.id == HookAnswer.version_id)
        .where(HookAnswer.source_file_id == file_id, HookAnswer.hook_id == hook_id)
        .order_by(Version.number.desc())
        .limit(1)
        .options(undefer(HookAnswer.image))
    )
    async with database.read() as session:
        await _readable(session, user, file_id)
        answer = await session.scalar(query)
    if answer is None or answer.image is None or answer.preview is None:
        raise StreamWeaveError("not_found")
    return PreviewImage(str(answer.preview["media_type"]), answer.image)
