"""What hooks said of versions, kept with its provenance; what people say is apart and wins.

Words to find files by, and rights on them, follow from the newest version that has answers.
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import utcnow
from app.harvest.store.among import among
from app.harvest.store.bulk import insert_rows
from app.hooks.frames import clean
from app.models import FileGrant, FileNote, FileWord, HookAnswer, User, Version, new_id

ANSWERS = cast(Table, HookAnswer.__table__)
NOTES = cast(Table, FileNote.__table__)
VERSIONS = cast(Table, Version.__table__)
WORDS = cast(Table, FileWord.__table__)
GRANTS = cast(Table, FileGrant.__table__)
TAG = ""  # the key of a tag among the words
KEY_CHARACTERS, VALUE_CHARACTERS = 64, 200
_WORDS_OF_A_FILE = 200
_IS_ACTIVE = User.__table__.c.is_active.is_(True)


@dataclass(frozen=True)
class Said:
    """What a hook said of a version."""

    version_id: uuid.UUID
    source_file_id: uuid.UUID
    hook_id: uuid.UUID
    hook_name: str
    hook_version: str
    hook_revision: int
    position: int
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """What is shown of a file: hooks in their order, then people."""

    fields: dict[str, Any]
    tags: list[str]


async def save(session: AsyncSession, said: Sequence[Said]) -> None:
    """Store what hooks said, in place of what each said of the same version before."""
    if not said:
        return
    now = utcnow()
    rows = [_row(one) | {"at": now} for one in said]
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(ANSWERS)
    fixed = ("id", "version_id", "hook_id", "source_file_id")
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["version_id", "hook_id"],
            set_={name: statement.excluded[name] for name in rows[0] if name not in fixed},
        ),
        rows,
    )
    await follow(session, sorted({one.source_file_id for one in said}))


def _row(said: Said) -> dict[str, Any]:
    answer = clean(said.answer)
    preview, image = answer.get("preview"), None
    if preview is not None and preview["kind"] == "image":
        image = base64.b64decode(preview.pop("data"), altchars=b"-_")
    return {
        "id": new_id(),
        "version_id": said.version_id,
        "source_file_id": said.source_file_id,
        "hook_id": said.hook_id,
        "hook_name": said.hook_name,
        "hook_version": said.hook_version,
        "hook_revision": said.hook_revision,
        "position": said.position,
        "fields": answer["metadata"],
        "tags": list(dict.fromkeys(tag[:VALUE_CHARACTERS] for tag in answer["tags"] if tag)),
        "access": [one["email"] for one in answer["access"]],
        "notices": answer["notices"],
        "preview": preview,
        "image": image,
    }


async def newest_answers(
    session: AsyncSession, file_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[HookAnswer]]:
    """Return the answers of each file's newest version that has any, in the hooks' order."""
    numbers = (
        select(Version.source_file_id, func.max(Version.number).label("number"))
        .join(HookAnswer, HookAnswer.version_id == Version.id)
        .where(among(VERSIONS.c.source_file_id, file_ids))
        .group_by(Version.source_file_id)
        .subquery()
    )
    rows = await session.scalars(
        select(HookAnswer)
        .join(Version, Version.id == HookAnswer.version_id)
        .join(
            numbers,
            (numbers.c.source_file_id == Version.source_file_id)
            & (numbers.c.number == Version.number),
        )
        .order_by(HookAnswer.position, HookAnswer.hook_id)
    )
    found: dict[uuid.UUID, list[HookAnswer]] = {}
    for row in rows:
        found.setdefault(row.source_file_id, []).append(row)
    return found


def shown(answers: Sequence[HookAnswer], note: FileNote | None) -> Shown:
    """Return what is shown: of hooks the later ones, and people before all hooks."""
    fields: dict[str, Any] = {}
    tags: dict[str, None] = {}
    for answer in answers:
        fields |= answer.fields
        tags |= dict.fromkeys(answer.tags)
    if note is not None:
        hidden = {key for key, value in note.fields.items() if value is None}
        fields = {k: v for k, v in (fields | note.fields).items() if k not in hidden}
        tags = {tag: None for tag in tags if tag not in note.tags_removed}
        tags |= dict.fromkeys(note.tags_added)
    return Shown(fields, list(tags))


async def follow(session: AsyncSession, file_ids: Sequence[uuid.UUID]) -> None:
    """Write words and rights of files anew, from what is shown of them and whom hooks named."""
    answers = await newest_answers(session, file_ids)
    notes = {
        note.id: note
        for note in await session.scalars(
            select(FileNote).where(among(NOTES.c.source_file_id, file_ids))
        )
    }
    words = [
        {"source_file_id": one, "key": key, "value": value}
        for one in file_ids
        for key, value in words_of(shown(answers.get(one, []), notes.get(one)))
    ]
    await session.execute(delete(WORDS).where(among(WORDS.c.source_file_id, file_ids)))
    await insert_rows(session, WORDS, words)
    await _grant(session, file_ids, [one for some in answers.values() for one in some])


def words_of(one: Shown) -> list[tuple[str, str]]:
    """Return what a file is found by: its tags, and metadata that are one plain value."""
    found = [(TAG, tag) for tag in one.tags]
    for key, value in one.fields.items():
        text = plain_text(value)
        if text is not None and 0 < len(key) <= KEY_CHARACTERS:
            found.append((key, text))
    return list(dict.fromkeys(found))[:_WORDS_OF_A_FILE]


def plain_text(value: Any) -> str | None:
    """Return a plain value as one looks for it; None for lists, objects and long texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        text = str(value)
        return text if len(text) <= VALUE_CHARACTERS else None
    return None


async def _grant(
    session: AsyncSession, file_ids: Sequence[uuid.UUID], answers: Sequence[HookAnswer]
) -> None:
    """Give rights on single files to people who have exactly the named address; no one else."""
    await session.execute(delete(GRANTS).where(among(GRANTS.c.source_file_id, file_ids)))
    named = sorted({email.lower() for answer in answers for email in answer.access})
    if not named:
        return
    rows = await session.execute(
        select(User.id, func.lower(User.email)).where(func.lower(User.email).in_(named), _IS_ACTIVE)
    )
    known = {email: user_id for user_id, email in rows.all()}
    grants = {
        (known[email.lower()], answer.source_file_id, answer.hook_id)
        for answer in answers
        for email in answer.access
        if email.lower() in known
    }
    await insert_rows(
        session,
        GRANTS,
        [
            {"user_id": user, "source_file_id": file, "hook_id": hook}
            for user, file, hook in sorted(grants)
        ],
        {"created_at": utcnow()},
    )
