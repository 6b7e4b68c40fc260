"""Downloads: one file with ranges, or a selection as a ZIP."""

import asyncio
import base64
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.deps import ONE, SIGNED_IN, Caller, Db, Id
from app.api.file_query import FileQuery
from app.api.problems import documented
from app.clock import from_ns, utcnow
from app.errors import StreamWeaveError
from app.schemas.files import ArchiveSizeRead
from app.services.archives import Archive
from app.services.downloads import Content, Sender, find_content
from app.services.selections import (
    MOST_NAMED,
    Selection,
    check_selection,
    contents_of,
    measure,
)

router = APIRouter(tags=["files"], responses=SIGNED_IN)
_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")
_OCTETS: dict[str, Any] = {
    "application/octet-stream": {"schema": {"$ref": "#/components/schemas/FileContent"}}
}
Ending = Callable[[], Awaitable[None]]
_CLOSING: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly
CONTENT_SCHEMAS = {
    "FileContent": {
        "title": "FileContent",
        "type": "string",
        "format": "binary",
        "description": "The bytes of a proven version.",
    },
    "SdkWheel": {
        "title": "SdkWheel",
        "type": "string",
        "format": "binary",
        "description": "The wheel of streamweave-sdk, of the server's version.",
    },
    "PreviewImage": {
        "title": "PreviewImage",
        "type": "string",
        "format": "binary",
        "description": "A small picture of what a file holds.",
    },
    "ZipContent": {
        "title": "ZipContent",
        "type": "string",
        "format": "binary",
        "description": "A ZIP of proven versions; its last entry is manifest-sha256.txt.",
    },
}
_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "ETag": "the SHA-256 that was proven",
        "Repr-Digest": "the same (RFC 9530), of the whole file",
        "Accept-Ranges": "bytes",
        "Content-Disposition": "its name",
    }.items()
}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "the whole file", "content": _OCTETS, "headers": _HEADERS},
    206: {"description": "the bytes of Range", "content": _OCTETS, "headers": _HEADERS},
    304: {"description": "unchanged: If-None-Match names what there is"},
}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a ZIP that ends with manifest-sha256.txt",
        "content": {"application/zip": {"schema": {"$ref": "#/components/schemas/ZipContent"}}},
    }
}


def get_sender(request: Request, database: Db) -> Sender:
    """Return what streams contents."""
    return Sender(database, request.app.state.storages)


Sends = Annotated[Sender, Depends(get_sender)]
VersionNumber = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="newest: left out")]
Asked = Annotated[str | None, Header(max_length=200)]


@dataclass
class _Conditions:
    """What a client says of what it has already."""

    range: Asked = None
    if_range: Asked = None
    if_none_match: Asked = None


@router.get(
    "/files/{file_id:uuid}/content",
    operation_id="downloadFile",
    response_class=StreamingResponse,
    responses={**_CONTENT, **ONE, **documented("no_proven_copy", "range_not_satisfiable")},
)
async def download_file(
    file_id: Id,
    database: Db,
    caller: Caller,
    sender: Sends,
    conditions: Annotated[_Conditions, Depends()],
    version: VersionNumber = None,
) -> Response:
    """Send a proven version, whole or the bytes of one Range; audited."""
    async with database.read() as session:
        content = await find_content(session, caller, file_id, version)
    etag = f'"{content.sha256.hex()}"'
    if conditions.if_none_match in (etag, "*"):
        return Response(status_code=304, headers={"ETag": etag})
    whole = content.version.size_bytes
    asked = conditions.range if conditions.if_range in (None, etag) else None
    part = _part(asked, whole)
    headers = _headers(content, etag)
    if part is None:
        await sender.note(caller, content, f"0-{whole}")
        headers["Content-Length"] = str(whole)
        body = await _begun(sender.stream(content))
        return _Closing(body, headers=headers, media_type="application/octet-stream")
    first, size = part
    await sender.note(caller, content, f"{first}-{first + size}")
    headers |= {
        "Content-Length": str(size),
        "Content-Range": f"bytes {first}-{first + size - 1}/{whole}",
    }
    body = await _begun(sender.stream(content, offset=first, size_bytes=size))
    return _Closing(body, status_code=206, headers=headers, media_type="application/octet-stream")


async def _begun(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Wait for the first chunk: what cannot be read is an error, not a file that breaks off."""
    first = await anext(chunks, None)

    async def all_chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(chunks):
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk

    return all_chunks()


def _part(asked: str | None, whole: int) -> tuple[int, int] | None:
    """Return offset and size of a Range; None for the whole file (RFC 9110, 14.2).

    Several ranges, or what is no range, are answered with the whole file, as the RFC allows.

    Raises:
        StreamWeaveError: `range_not_satisfiable`.
    """
    match = _RANGE.match(asked or "")
    if match is None or match[0] == "bytes=-":
        return None
    begin, end = match[1], match[2]
    if not begin:
        size = min(int(end), whole)
        first = whole - size
    else:
        first = int(begin)
        last = min(int(end), whole - 1) if end else whole - 1
        if end and int(end) < first:
            return None
        size = last - first + 1
    if size <= 0 or first >= whole:
        raise StreamWeaveError("range_not_satisfiable", f"The file has {whole} bytes.")
    return first, size


def _headers(content: Content, etag: str) -> dict[str, str]:
    name = content.file.path_bytes.rpartition(b"/")[2]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name.decode("ascii", "replace"))
    return {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(content.sha256).decode()}:",
        "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(_modified(content), usegmt=True),
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }


def _modified(content: Content) -> Any:
    try:
        return from_ns(content.version.mtime_ns).replace(microsecond=0)
    except (OverflowError, ValueError, OSError):
        return utcnow().replace(microsecond=0)


class _Closing(StreamingResponse):
    """A stream that is closed as soon as its client is gone, whatever it was waiting for."""

    def __init__(
        self, body: AsyncGenerator[bytes, None], *, afterwards: Ending | None = None, **how: Any
    ) -> None:
        super().__init__(body, **how)
        self._body, self._afterwards = body, afterwards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # In a task of its own: this one is cancelled when the client has gone.
            closing = asyncio.create_task(self._close())
            _CLOSING.add(closing)
            closing.add_done_callback(_CLOSING.discard)
            await asyncio.shield(closing)

    async def _close(self) -> None:
        await self._body.aclose()
        if self._afterwards is not None:
            await self._afterwards()


Named = Annotated[list[Id], Query(default_factory=list, max_length=MOST_NAMED)]
Whole = Annotated[
    bool,
    Query(
        description="all or nothing: Content-Length is told (up to 10,000 files), and what cannot "
        "be read breaks it off instead of being left out"
    ),
]


@router.get(
    "/files.zip",
    operation_id="downloadFiles",
    response_class=StreamingResponse,
    responses={**_ZIP, **documented("not_found")},
)
async def download_files(
    database: Db,
    caller: Caller,
    sender: Sends,
    narrowed: FileQuery,
    id: Named,
    whole: Whole = False,
) -> StreamingResponse:
    """Send the newest proven versions of a selection: of the named files, or of a filter."""
    selection = Selection(narrowed, tuple(dict.fromkeys(id)))
    await check_selection(database, caller, selection)
    name = f"files-{utcnow():%Y%m%d-%H%M}.zip"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    if whole:
        size = await measure(database, caller, selection)
        if size.left_out:
            raise StreamWeaveError("no_proven_copy", f"{size.left_out} of the files have none.")
        if not size.more:
            headers["Content-Length"] = str(size.archive_bytes)
    await sender.note_archive_begun(caller, f"{len(selection.ids)} named" if id else "filter")
    archive = Archive(sender, caller, contents_of(database, caller, selection), whole=whole)
    return _Closing(
        archive.stream(),
        afterwards=archive.note_end,
        media_type="application/zip",
        headers=headers,
    )


@router.get(
    "/files/archive",
    operation_id="measureFiles",
    response_model=ArchiveSizeRead,
    responses=documented("not_found"),
)
async def measure_files(
    database: Db, caller: Caller, narrowed: FileQuery, id: Named
) -> ArchiveSizeRead:
    """Say what a ZIP of a selection would have, before it is downloaded; exact to 10,000 files."""
    selection = Selection(narrowed, tuple(dict.fromkeys(id)))
    await check_selection(database, caller, selection)
    return ArchiveSizeRead.model_validate(await measure(database, caller, selection))
