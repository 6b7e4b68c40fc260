"""A file's status for people: derived here, in Python and in SQL from the same table.

A file that is not `planned` speaks for itself; a planned one is spoken for by the required copies
of its newest version (by all of them when none is required): the first state of `SPEAKS_FIRST`
that one of them has. So `available` means that every required copy is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    case,
    false,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from app.models import Copy, CopyState, FileState, SourceFile, Version

SPEAKS_FIRST = (
    CopyState.DAMAGED,
    CopyState.MISSING,
    CopyState.CONFLICT,
    CopyState.FAILED,
    CopyState.RETRY_WAIT,
    CopyState.TRANSFERRING,
    CopyState.PROVING,
    CopyState.PUBLISHING,
    CopyState.QUEUED,
    CopyState.SUPERSEDED,
    CopyState.AVAILABLE,
    CopyState.REMOVED,
)
# What cannot even be asked for needs a person, as a failed copy does.
OWN_STATUS = {
    FileState.SETTLING: "settling",
    FileState.HELD: "held",
    FileState.SKIPPED: "skipped",
    FileState.REFUSED: "failed",
}
STATUSES = tuple(dict.fromkeys([*(state.value for state in SPEAKS_FIRST), *OWN_STATUS.values()]))


def derive_status(state: str, copies: Iterable[tuple[str, bool]]) -> str:
    """Return a file's status for people.

    Args:
        state: the source file's own state.
        copies: (state, required) of the copies of its newest version.
    """
    if state != FileState.PLANNED:
        return OWN_STATUS[FileState(state)]
    known = list(copies)
    speaking = {s for s, required in known if required} or {s for s, _ in known}
    return next((first.value for first in SPEAKS_FIRST if first in speaking), "queued")


def place_of(column: Any) -> ColumnElement[int]:
    """Return the place of a copy's state in `SPEAKS_FIRST`, as SQL."""
    return case({state.value: index for index, state in enumerate(SPEAKS_FIRST)}, value=column)


def _loudest(*, required: bool) -> ScalarSelect[Any]:
    """The place in `SPEAKS_FIRST` of what the copies of a file's newest version say."""
    copy, version = aliased(Copy), aliased(Version)
    query = (
        select(func.min(place_of(copy.state)))
        .join(version, version.id == copy.version_id)
        .where(copy.source_file_id == SourceFile.id, version.number == SourceFile.latest_version)
    )
    if required:
        query = query.where(copy.required)
    return query.correlate(SourceFile).scalar_subquery()


def own_states(statuses: Sequence[str]) -> list[FileState]:
    """Return the files' own states that are shown as one of these."""
    return [state for state, name in OWN_STATUS.items() if name in statuses]


def copy_states(statuses: Sequence[str]) -> list[CopyState]:
    """Return the states of copies that are shown as one of these."""
    return [state for state in SPEAKS_FIRST if state.value in statuses]


def is_rare(statuses: Sequence[str]) -> bool:
    """Whether files of these are few beside those that are available."""
    return bool(statuses) and CopyState.AVAILABLE.value not in statuses


def has_status(statuses: Sequence[str]) -> ColumnElement[bool]:
    """Return the SQL condition for derived statuses, asked of each row."""
    own, spoken = own_states(statuses), copy_states(statuses)
    itself: ColumnElement[bool] = SourceFile.state.in_(own) if own else false()
    if not spoken:
        return itself
    speaking = func.coalesce(
        _loudest(required=True), _loudest(required=False), SPEAKS_FIRST.index(CopyState.QUEUED)
    )
    # Not `==`: PostgreSQL would take it for one row in 200 and look at all files before the page.
    places = [func.abs(speaking - SPEAKS_FIRST.index(state)) < 1 for state in spoken]
    return or_(itself, and_(SourceFile.state == FileState.PLANNED, or_(*places)))


def candidates_of(statuses: Sequence[str]) -> list[Select[Any]]:
    """Return where files of rare statuses are found: from their copies, or their own state."""
    found: list[Select[Any]] = [
        select(Copy.source_file_id).where(Copy.state == state) for state in copy_states(statuses)
    ]
    for state in own_states(statuses):
        other = aliased(SourceFile)
        found.append(select(other.id).where(other.state == state))
    return found


def status_in(statuses: Sequence[str]) -> ColumnElement[bool]:
    """Return the SQL condition for derived statuses; rare ones are found from their copies."""
    said = has_status(statuses)
    if not copy_states(statuses) or not is_rare(statuses):
        return said
    return and_(SourceFile.id.in_(union_all(*candidates_of(statuses))), said)


def status_is(status: str) -> ColumnElement[bool]:
    """Return the SQL condition for one derived status."""
    return status_in([status])
