"""Flight checks."""

import uuid
from datetime import datetime

from pydantic import Field

from app.schemas.base import JsonObject, Output


class StationRead(Output):
    """One step of the way, with what shows that it was reached."""

    station: str = Field(
        description="source | file | ready | received | proven | published | removed",
        examples=["proven"],
    )
    storage_location_id: uuid.UUID | None = Field(description="of stations at a destination")
    storage_name: str | None
    ok: bool
    seconds: float = Field(examples=[0.41])
    evidence: JsonObject
    code: str | None = None
    detail: str | None = None
    remedy: str | None = None


class FlightRead(Output):
    """A flight check: the smallest complete file travels to a scratch name and is removed."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    state: str = Field(
        description="waiting | flying | over | lost (its worker is gone: fly again)",
        examples=["flying"],
    )
    ok: bool | None = Field(description="null until it is over")
    created_at: datetime
    done_at: datetime | None
    stations: list[StationRead]


class FlightLast(Output):
    """The last flight check of an instrument, if there was one."""

    flight: FlightRead | None
