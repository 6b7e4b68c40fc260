"""Live events as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from app.api.deps import SIGNED_IN, CallerToken
from app.auth.tokens import hash_token
from app.schemas.events import live_values
from app.services.live import Live, Sent

router = APIRouter(prefix="/events", tags=["events"], responses=SIGNED_IN)
HEARTBEAT_SECONDS = 15.0
_STREAM: dict[str, Any] = {
    "description": "`hello` and `resync` carry StreamPosition, `change` a LiveEvent",
    "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/LiveEvent"}}},
}


def _frame(sent: Sent) -> bytes:
    values = sent.values
    if sent.event == "change":
        values = live_values(values["topic"], values["instrument_id"], values["payload"])
    numbered = f"id: {sent.seq}\n" if sent.seq is not None else ""
    return f"event: {sent.event}\n{numbered}data: ".encode() + orjson.dumps(values) + b"\n\n"


async def _frames(live: Live, token_hash: bytes, after: str | None) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async with live.listening(token_hash, after) as listener:
        while True:
            sent = await listener.next(HEARTBEAT_SECONDS)
            if sent is None:
                yield b"event: heartbeat\ndata: {}\n\n"
                continue
            yield _frame(sent)
            if sent.event == "signed_out":
                return


@router.get(
    "",
    operation_id="streamEvents",
    response_class=StreamingResponse,
    responses={200: _STREAM},
)
async def stream_events(
    request: Request,
    caller: CallerToken,
    after: Annotated[
        str | None, Query(max_length=20, description="`id` of the last event that was seen")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """Stream what changes in what you may see: `hello`, then `change` as it happens.

    `resync` means that something was missed: read again what is shown. `signed_out` ends the
    stream. `heartbeat` comes after 15 seconds without another: who hears nothing connects again.
    """
    _, token = caller
    frames = _frames(request.app.state.live, hash_token(token), last_event_id or after)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)
