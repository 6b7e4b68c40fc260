"""Redirects that cannot both hold, told when a hook is saved.

Only what can be told without a file: two hooks that send everything of one scope to different
storage locations. What depends on names and times is found when a file comes, which then waits.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.database import Database
from app.models import Hook

REDIRECT = "redirect-files"
_ALL_FILES = {"*", "**", "/**", "**/*", "/**/*"}


async def warnings_of(database: Database, hooks: Sequence[Hook]) -> dict[uuid.UUID, list[str]]:
    """Return, for each hook, a sentence for each other redirect that disagrees with it."""
    query = select(Hook).where(Hook.hook == REDIRECT, Hook.enabled.is_(True))
    async with database.read() as session:
        others = list(await session.scalars(query.order_by(Hook.position, Hook.id)))
    return {one.id: _disagreements(one, others) for one in hooks}


def _disagreements(hook: Hook, others: Sequence[Hook]) -> list[str]:
    mine = _place_of_all(hook.config) if hook.hook == REDIRECT and hook.enabled else None
    if mine is None:
        return []
    return [
        f"This hook sends all files to '{mine}' and '{other.name}' sends them to '{theirs}': "
        "files of both would wait."
        for other in others
        if other.id != hook.id
        and _overlap(hook, other)
        and (theirs := _place_of_all(other.config)) not in (None, mine)
    ]


def _overlap(one: Hook, other: Hook) -> bool:
    """Whether some files are of both scopes; of two unlike patterns nothing is said."""
    return all(
        None in pair or pair[0] == pair[1]
        for pair in ((one.instrument_id, other.instrument_id), (one.pattern, other.pattern))
    )


def _place_of_all(config: Any) -> str | None:
    """Return the location to which every file goes that no earlier target takes."""
    reads_paths = bool(config.get("patterns"))
    for target in config.get("targets", ()):
        if target.get("where") or (reads_paths and (target["path"] or target["name"])):
            continue  # only for files whose paths say so
        if not _ALL_FILES.isdisjoint(target["globs"]):
            place: str | None = target["storage"]
            return place
    return None
