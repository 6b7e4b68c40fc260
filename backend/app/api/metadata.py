"""Metadata and previews of files, for whoever may see the file."""

from typing import Any

from fastapi import APIRouter, Response

from app.api.deps import EDITED, ETAG, ONE, SIGNED_IN, Caller, Db, Id, Revision, set_etag
from app.api.views import remedy_of
from app.schemas.metadata import (
    FileNoteRead,
    HookAnswerRead,
    MetadataPatch,
    MetadataRead,
    NamedPersonRead,
    WaitingHookRead,
)
from app.services import hook_metadata
from app.services.hook_metadata import AnswerView, MetadataView, WaitingHook

router = APIRouter(tags=["files"], responses=SIGNED_IN)
_IMAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a PNG or JPEG of at most 512 KiB",
        "content": {
            media: {"schema": {"$ref": "#/components/schemas/PreviewImage"}}
            for media in ("image/png", "image/jpeg")
        },
    }
}
# It was made by a hook from what an instrument wrote: no browser may take it for anything else.
_STRICT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Content-Disposition": "inline",
}


def _answer(view: AnswerView) -> HookAnswerRead:
    taken = {"access"}
    values = {
        name: getattr(view.answer, name)
        for name in HookAnswerRead.model_fields
        if name not in taken
    }
    access = [NamedPersonRead.model_validate(one) for one in view.access]
    return HookAnswerRead(**values, access=access)


def _waiting(view: WaitingHook) -> WaitingHookRead:
    task = view.task
    names = ("hook_id", "state", "failures", "due_at", "error_code", "error_detail")
    values = {name: getattr(task, name) for name in names}
    return WaitingHookRead(
        **values,
        hook_name=view.hook_name,
        version=view.version,
        remedy=remedy_of(task.error_code),
    )


def _problems(view: MetadataView) -> list[str]:
    unknown = [
        f"{one.answer.hook_name}: nobody here has the address {person.email}."
        for one in view.answers
        for person in one.access
        if not person.granted
    ]
    failing = [
        f"{one.hook_name}: {one.task.error_detail}" for one in view.waiting if one.task.error_code
    ]
    return unknown + failing


def _read(response: Response, view: MetadataView) -> MetadataRead:
    set_etag(response, view.note.revision if view.note else 0)
    return MetadataRead(
        file_id=view.file.id,
        version=view.version,
        fields=view.shown.fields,
        tags=view.shown.tags,
        answers=[_answer(one) for one in view.answers],
        note=FileNoteRead.model_validate(view.note) if view.note else None,
        waiting=[_waiting(one) for one in view.waiting],
        problems=_problems(view),
    )


@router.get(
    "/files/{file_id:uuid}/metadata",
    operation_id="getFileMetadata",
    response_model=MetadataRead,
    responses={200: ETAG, **ONE},
)
async def get_metadata(
    response: Response, file_id: Id, database: Db, caller: Caller
) -> MetadataRead:
    """Return what is known of a file: what is shown, what hooks said, what people say."""
    return _read(response, await hook_metadata.get_metadata(database, caller, file_id))


@router.patch(
    "/files/{file_id:uuid}/metadata",
    operation_id="changeFileMetadata",
    response_model=MetadataRead,
    responses={200: ETAG, **EDITED},
)
async def change_metadata(
    response: Response,
    file_id: Id,
    body: MetadataPatch,
    database: Db,
    caller: Caller,
    revision: Revision,
) -> MetadataRead:
    """Say something of a file that goes before what hooks said; audited."""
    view = await hook_metadata.change_note(database, caller, file_id, revision, body.sent())
    return _read(response, view)


@router.get(
    "/files/{file_id:uuid}/previews/{hook_id:uuid}",
    operation_id="getFilePreview",
    response_class=Response,
    responses={**_IMAGE, **ONE},
)
async def get_preview(file_id: Id, hook_id: Id, database: Db, caller: Caller) -> Response:
    """Return the picture that a hook made of a file."""
    found = await hook_metadata.get_preview(database, caller, file_id, hook_id)
    return Response(found.data, media_type=found.media_type, headers=_STRICT)
