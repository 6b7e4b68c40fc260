"""The filters of files as query parameters, shared by list, counts and CSV."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from app.api.deps import ErrorCode, Id, Text
from app.schemas.base import UtcTime
from app.schemas.files import FileStatus
from app.services.file_filters import FileFilter

_MANY = 100
_SIZE = (1 << 63) - 1
Type = Annotated[str, Query(pattern=r"^[a-z0-9]{1,16}$")]
Size = Annotated[int | None, Query(ge=0, le=_SIZE)]


@dataclass
class _Where:
    """How a file is called, how it stands on its source, and what is said of it."""

    q: Annotated[Text | None, Query(description="how the path begins")] = None
    path: Annotated[Text | None, Query(description="the exact path")] = None
    search: Annotated[
        Text | None, Query(description="beginnings of words of the name; finds in the name's order")
    ] = None
    reason: Annotated[
        ErrorCode | None, Query(description="the error code of a file that is held or refused")
    ] = None
    present: Annotated[
        bool | None, Query(description="whether the last look at the source saw it")
    ] = None
    tag: Annotated[Text | None, Query(max_length=200, description="one of its tags")] = None
    meta: Annotated[
        str | None,
        Query(
            max_length=300,
            pattern=r"^[^=\x00]{1,64}=[^\x00]{0,200}$",
            description="KEY=VALUE: a metadata field of one plain value",
        ),
    ] = None
    shared: Annotated[
        bool | None, Query(description="true: single files that hooks let you see")
    ] = None


@dataclass
class _When:
    """When a file was seen, changed and complete."""

    first_seen_after: Annotated[UtcTime | None, Query()] = None
    first_seen_before: Annotated[UtcTime | None, Query()] = None
    modified_after: Annotated[UtcTime | None, Query(description="the source's time")] = None
    modified_before: Annotated[UtcTime | None, Query(description="the source's time")] = None
    complete_after: Annotated[
        UtcTime | None, Query(description="a version of it was complete then or later")
    ] = None
    complete_before: Annotated[
        UtcTime | None, Query(description="a version of it was complete before")
    ] = None


@dataclass
class _Size:
    """How large a file is, in bytes."""

    size_min: Size = None
    size_max: Size = None


def get_file_filter(
    where: Annotated[_Where, Depends()],
    when: Annotated[_When, Depends()],
    size: Annotated[_Size, Depends()],
    instrument: Annotated[
        list[Id],
        Query(default_factory=list, max_length=_MANY, description="any of these instruments"),
    ],
    state: Annotated[
        list[FileStatus],
        Query(default_factory=list, max_length=20, description="any of these derived statuses"),
    ],
    type: Annotated[
        list[Type],
        Query(
            default_factory=list,
            max_length=20,
            description="any of these extensions, in lower case",
        ),
    ],
) -> FileFilter:
    """Return the filter that the query says."""
    return FileFilter(
        instruments=tuple(sorted(set(instrument))),
        states=tuple(sorted({one.value for one in state})),
        types=tuple(sorted(set(type))),
        **vars(where),
        **vars(when),
        **vars(size),
    )


FileQuery = Annotated[FileFilter, Depends(get_file_filter)]
