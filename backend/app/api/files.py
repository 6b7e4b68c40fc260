"""Files, their versions, and why one is (not) here."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import LISTED, ONE, SIGNED_IN, Caller, Cursor, Db, Id, Limit, Text, page_request
from app.api.views import read_file, read_version
from app.schemas.files import ExplanationRead, FilePage, FileRead, FileStatus, VersionList
from app.services import explain_view, files

router = APIRouter(tags=["files"], responses=SIGNED_IN)


@router.get("/files", operation_id="listFiles", response_model=FilePage, responses=LISTED)
async def list_files(  # noqa: PLR0913  one parameter a filter
    database: Db,
    caller: Caller,
    instrument: Id | None = None,
    state: Annotated[FileStatus | None, Query(description="the derived status")] = None,
    q: Annotated[Text | None, Query(description="how the path begins")] = None,
    path: Annotated[Text | None, Query(description="the exact path")] = None,
    search: Annotated[
        Text | None,
        Query(description="beginnings of words of the name; a page may be short and have a next"),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FilePage:
    """List files, newest first; by path when `q` is given, by word when `search` is."""
    narrowed = files.FileFilter(instrument, state.value if state else None, q, path, search)
    request = page_request(limit, cursor, **vars(narrowed))
    page = await files.list_files(database, caller, request, narrowed)
    return FilePage(items=[read_file(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/files/{file_id}", operation_id="getFile", response_model=FileRead, responses=ONE)
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


@router.get("/explain", operation_id="explain", response_model=ExplanationRead, responses=ONE)
async def explain(instrument: Id, path: Text, database: Db, caller: Caller) -> ExplanationRead:
    """Say why a file of an instrument is (not) here."""
    found = await explain_view.explain_path(database, caller, instrument, path)
    return ExplanationRead.model_validate(found)
