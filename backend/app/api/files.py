"""Files, their versions, and why one is (not) here."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import LISTED, ONE, SIGNED_IN, Caller, Cursor, Db, Id, Limit, Text, page_request
from app.api.file_query import FileQuery
from app.api.views import read_file, read_story, read_version
from app.schemas.files import (
    ExplanationRead,
    FileCountsRead,
    FilePage,
    FileRead,
    FileStory,
    VersionList,
)
from app.services import explain_view, file_counts, files, story
from app.services.file_filters import FileOrder

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
async def explain(instrument: Id, path: Text, database: Db, caller: Caller) -> ExplanationRead:
    """Say why a file of an instrument is (not) here."""
    found = await explain_view.explain_path(database, caller, instrument, path)
    return ExplanationRead.model_validate(found)
