"""The evidence of a batch fits its audit event, and a changed attempt is found."""

from sqlalchemy import select, update

from app.models import Attempt
from app.services import audit
from app.services.audit_log import verify_chain
from tests.integration.engine_fixtures import Lab, lab

__all__ = ["lab"]


async def test_changed_evidence_is_found(lab: Lab) -> None:
    for number in range(5):
        lab.write(f"{number}.raw", b"x" * number)
    (lab.target / ".streamweave" / "sentinel.json").chmod(0o644)
    await lab.harvest()
    await lab.database.run(audit.seal)
    assert (await verify_chain(lab.database)).intact
    async with lab.database.write() as session:
        one = (await session.scalars(select(Attempt).limit(1))).one()
        changed = dict(one.evidence or {}) | {"read_back_from": "device!"}
        await session.execute(update(Attempt).where(Attempt.id == one.id).values(evidence=changed))
    found = await verify_chain(lab.database)
    assert (found.intact, found.broken_at) == (False, None)
    assert found.broken_batch == str(one.batch_id)
