"""Why is a file (not) here: the engine's answer, for who may see the instrument.

The status is the one that lists show: services/files.py derives it, for a file that is known.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from app.database import Database
from app.models import User
from app.services.access import readable_instrument
from app.services.files import status_of_path


@dataclass(frozen=True)
class ExplanationView:
    """One sentence, one cause, one action, then the facts behind it."""

    status: str
    sentence: str
    cause_code: str | None
    remedy: str | None
    facts: dict[str, Any]


async def explain_path(
    database: Database, user: User, instrument_id: uuid.UUID, path: str
) -> ExplanationView:
    """Explain where a path of an instrument stands."""
    async with database.read() as session:
        await readable_instrument(session, user, instrument_id)
        from app.harvest.explain import explain  # the engine loads when asked

        found = await explain(session, instrument_id, path)
        status = await status_of_path(session, instrument_id, path)
    return ExplanationView(
        status or found.status, found.sentence, found.cause_code, found.remedy, dict(found.facts)
    )
