"""A listener of the live events, by ASGI: httpx waits for an answer's end, which never comes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

_PATIENCE_SECONDS = 10


@dataclass
class Event:
    """One event of the stream."""

    name: str
    id: str | None
    data: dict[str, Any]


@dataclass
class Stream:
    """What a listener hears."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    _text: str = ""

    async def _part(self) -> str | None:
        """Return the next part between empty lines; None at the end of the stream."""
        while "\n\n" not in self._text:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                chunk = await self.chunks.get()
            if not chunk:
                return None
            self._text += chunk.decode()
        part, _, self._text = self._text.partition("\n\n")
        return part

    async def next(self) -> Event | None:
        """Return the next event, without comments; None at the end of the stream."""
        while (part := await self._part()) is not None:
            fields = dict(line.split(": ", 1) for line in part.splitlines() if line[0] != ":")
            if "event" in fields:
                return Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
        return None

    async def until(self, **wanted: Any) -> Event:
        """Return the next change whose data have these values."""
        while (event := await self.next()) is not None:
            if event.name == "change" and wanted.items() <= event.data.items():
                return event
        raise AssertionError(f"the stream ended before {wanted}")


@contextlib.asynccontextmanager
async def listen(
    app: FastAPI, token: str, *, last: str | None = None, query: str = ""
) -> AsyncIterator[Stream]:
    """Listen for the length of a block."""
    stream, gone = Stream(), asyncio.Event()
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"host", b"test")]
    if last is not None:
        headers.append((b"last-event-id", last.encode()))
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "method": "GET",
        "path": "/api/events", "raw_path": b"/api/events", "query_string": query.encode(),
        "root_path": "", "scheme": "http", "headers": headers, "http_version": "1.1",
        "client": ("127.0.0.1", 1), "server": ("test", 80), "app": app,
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            stream.status = message["status"]
            stream.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            await stream.chunks.put(message.get("body", b""))

    async def serve() -> None:
        await app(scope, receive, send)
        await stream.chunks.put(b"")

    task = asyncio.create_task(serve())
    try:
        yield stream
    finally:
        gone.set()
        await asyncio.wait_for(task, _PATIENCE_SECONDS)
