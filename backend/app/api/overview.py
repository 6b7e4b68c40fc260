"""The overview."""

from fastapi import APIRouter

from app.api.deps import SIGNED_IN, Caller, Db
from app.api.views import read_newest
from app.schemas.overview import (
    FillRead,
    HourRead,
    NeedRead,
    OverviewRead,
    StreamCounts,
    StreamRead,
    StreamStorageRead,
)
from app.schemas.runs import RunRead
from app.services import overview
from app.services.streams import Stream

router = APIRouter(prefix="/overview", tags=["overview"], responses=SIGNED_IN)


def read_stream(stream: Stream) -> StreamRead:
    """Return a stream for the wire."""
    one, scan, rhythm = stream.instrument, stream.scan, stream.rhythm
    return StreamRead(
        id=one.id,
        name=one.name,
        slug=one.slug,
        protocol=one.protocol,
        paused=one.paused,
        last_file_at=stream.last_file_at,
        counts=StreamCounts.model_validate(stream.counts),
        today_files=rhythm.today_files,
        today_bytes=rhythm.today_bytes,
        rhythm=rhythm.days,
        usual_interval_seconds=rhythm.usual_interval_seconds,
        silent_since=rhythm.silent_since,
        storage=[StreamStorageRead.model_validate(place) for place in stream.storage],
        live_run_id=stream.live_run_id,
        scan_error_code=scan.last_error_code if scan else None,
        listing_held_at=scan.breaker_tripped_at if scan else None,
    )


@router.get("", operation_id="getOverview", response_model=OverviewRead)
async def get_overview(database: Db, caller: Caller) -> OverviewRead:
    """Return the streams that you may see, what needs you, throughput, storage, runs, newest."""
    found = await overview.read_overview(database, caller)
    return OverviewRead(
        at=found.at,
        needs_you=[NeedRead.model_validate(one) for one in found.needs],
        streams=[read_stream(one) for one in found.streams],
        throughput=[HourRead.model_validate(one) for one in found.throughput],
        storage=[FillRead.model_validate(one) for one in found.fills],
        runs=[RunRead.model_validate(one) for one in found.runs],
        newest=[read_newest(one) for one in found.newest],
    )
