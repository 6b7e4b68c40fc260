"""Movers: what can bring an instrument's files here."""

from fastapi import APIRouter

from app.api.deps import SIGNED_IN, Admin
from app.schemas.movers import MoverList, MoverProblem, MoverRead
from app.services.movers import mover_facts, mover_problems

router = APIRouter(prefix="/movers", tags=["instruments"], responses=SIGNED_IN)


@router.get("", operation_id="listMovers", response_model=MoverList)
async def list_movers(admin: Admin) -> MoverList:
    """List the movers that are installed, with the schemas of their settings."""
    return MoverList(
        items=[MoverRead.model_validate(facts) for facts in mover_facts()],
        problems=[MoverProblem(where=w, reason=r) for w, r in mover_problems().items()],
    )
