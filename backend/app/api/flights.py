"""Flight checks of instruments."""

from fastapi import APIRouter

from app.api.deps import ONE, SIGNED_IN, Admin, Db, Id
from app.api.problems import documented
from app.schemas.flights import FlightLast, FlightRead
from app.services import flights
from app.services.edits import user_actor

router = APIRouter(prefix="/instruments", tags=["instruments"], responses=SIGNED_IN)


@router.post(
    "/{instrument_id}/flights",
    operation_id="startFlight",
    response_model=FlightRead,
    status_code=202,
    responses={**ONE, **documented("zone_not_served")},
)
async def start_flight(instrument_id: Id, database: Db, admin: Admin) -> FlightRead:
    """Take the smallest complete file the whole way to a scratch name at each destination.

    Nothing of it is kept. A flight that is under way is joined.
    """
    flight = await flights.start_flight(database, instrument_id, user_actor(admin.id))
    return FlightRead.model_validate(flight)


@router.get(
    "/{instrument_id}/flights/last",
    operation_id="getLastFlight",
    response_model=FlightLast,
    responses=ONE,
)
async def get_last_flight(instrument_id: Id, database: Db, _admin: Admin) -> FlightLast:
    """Return the instrument's last flight check."""
    found = await flights.last_flight(database, instrument_id)
    return FlightLast(flight=FlightRead.model_validate(found) if found else None)


@router.get(
    "/{instrument_id}/flights/{flight_id}",
    operation_id="getFlight",
    response_model=FlightRead,
    responses=ONE,
)
async def get_flight(instrument_id: Id, flight_id: Id, database: Db, _admin: Admin) -> FlightRead:
    """Return a flight check with the stations that were reached so far."""
    return FlightRead.model_validate(await flights.read_flight(database, instrument_id, flight_id))
