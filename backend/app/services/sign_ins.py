"""Who signed in and who was refused, for the audit trail; never by name or e-mail address."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.services import audit
from app.services.edits import user_actor


async def record_sign_in(database: Database, user_id: uuid.UUID) -> None:
    """Write down that a person signed in."""
    actor = user_actor(user_id)
    await _record(database, actor, "sign_in.done", actor)


async def record_refusal(database: Database, user_id: uuid.UUID | None) -> None:
    """Write down that somebody was refused, who gave the address of this person or of nobody."""
    subject = f"user:{user_id or 'unknown'}"
    await _record(database, "anonymous", "sign_in.refused", subject)


async def _record(database: Database, actor: str, action: str, subject: str) -> None:
    async def work(session: AsyncSession) -> None:
        await audit.record(session, actor=actor, action=action, subject=subject)

    await database.run(work)
