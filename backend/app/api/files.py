"""Files, their versions, and why one is (not) here."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.api.csv_answer import CSV, csv_answer
from app.api.deps import LISTED, ONE, SIGNED_IN, Caller, Cursor, Db, Id, Limit, Text, page_request
from app.api.file_query import FileQuery
from app.api.views import FILE_COLUMNS, file_row, read_answer, read_file, read_story, read_version
from app.schemas.files import (
    ExplanationRead,
    FileCountsRead,
    FilePage,
    FileRead,
    FileStory,
    VersionList,
)
from app.services import explain_view, file_counts, files, finding, story
from app.services.csv_text import stream_csv
from app.services.edits import InvalidField
from app.services.file_filters import FileOrder
from app.services.instruments import get_instrument
from app.services.pagination import Page, PageRequest

router = APIRouter(tags=["files"], responses=SIGNED_IN)


@router.get("/files", operation_id="listFiles", response_model=FilePage, responses=LISTED)
async def list_files(
    database: Db,
    caller: Caller,
    narrowed: FileQuery,
    sort: Annotated[
        FileOrder | None,
        Query(description="newest first unless said otherwise; by path when `q` is given"),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FilePage:
    """List files, newest first; by path when `q` is given, by word when `search` is.

    A page may be short, even empty, and have a next: filters by size, type, time of change or
    name look at a bounded number of files a page.
    """
    request = page_request(limit, cursor, sort=sort, **vars(narrowed))
    page = await files.list_files(database, caller, request, narrowed, sort)
    return FilePage(items=[read_file(one) for one in page.items], next_cursor=page.next_cursor)


@router.get(
    "/files.csv",
    operation_id="exportFiles",
    response_class=StreamingResponse,
    responses=CSV,
)
async def export_files(
    database: Db, caller: Caller, narrowed: FileQuery, sort: FileOrder | None = None
) -> StreamingResponse:
    """Return all files of a filter as CSV, with the filters and orders of the list."""

    async def ask(request: PageRequest) -> Page[files.FileView]:
        return await files.list_files(database, caller, request, narrowed, sort)

    return csv_answer("files", await stream_csv(FILE_COLUMNS, ask, file_row))


@router.get("/files/counts", operation_id="countFiles", response_model=FileCountsRead)
async def count_files(database: Db, caller: Caller, narrowed: FileQuery) -> FileCountsRead:
    """Count files by status, with the filters of the list; exact to 10,000.

    `statuses` leaves the filter `state` aside, so that it can be shown beside each choice.
    """
    return FileCountsRead.model_validate(await file_counts.count_files(database, caller, narrowed))


@router.get("/files/{file_id:uuid}", operation_id="getFile", response_model=FileRead, responses=ONE)
async def get_file(file_id: Id, database: Db, caller: Caller) -> FileRead:
    """Return one file with the copies of its newest version."""
    return read_file(await files.get_file(database, caller, file_id))


@router.get(
    "/files/{file_id}/versions",
    operation_id="listFileVersions",
    response_model=VersionList,
    responses=ONE,
)
async def list_versions(file_id: Id, database: Db, caller: Caller) -> VersionList:
    """List a file's versions, newest first, with their copies and evidence."""
    view = await files.get_file(database, caller, file_id)
    versions = await files.list_versions(database, caller, file_id)
    return VersionList(items=[read_version(one, view.file.ark) for one in versions])


@router.get(
    "/files/{file_id}/story",
    operation_id="getFileStory",
    response_model=FileStory,
    responses=ONE,
)
async def get_story(file_id: Id, database: Db, caller: Caller) -> FileStory:
    """Tell what happened to a file, from its first sight to its last proof, oldest first."""
    return read_story(await story.read_story(database, caller, file_id))


@router.get("/explain", operation_id="explain", response_model=ExplanationRead, responses=ONE)
async def explain(
    database: Db,
    caller: Caller,
    instrument: Annotated[Id | None, Query(description="needed with `path`")] = None,
    path: Annotated[Text | None, Query(description="the exact path on the instrument")] = None,
    q: Annotated[
        Text | None, Query(description="a path, a part of a name or an ARK; on any instrument")
    ] = None,
) -> ExplanationRead:
    """Say why a file is (not) here: of an instrument and a path, or of what a person pastes.

    With `q` the best match is explained, and others that could be meant are named.
    """
    if q is not None and q.strip():
        if instrument is not None:
            await get_instrument(database, caller, instrument)
        return read_answer(await finding.explain_words(database, caller, q, instrument))
    if instrument is None or path is None:
        raise InvalidField("/q", "Give a path or a part of a name, or an instrument and a path.")
    found = await explain_view.explain_path(database, caller, instrument, path)
    return ExplanationRead.model_validate(found)
