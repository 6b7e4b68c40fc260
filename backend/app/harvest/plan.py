"""Plan: observation, history, destinations in; work out. Pure, so a dry run prints the same value.

A settled file whose newest version has these facts needs nothing. While that version's hash is
not fixed yet, it is aimed anew; once it is fixed, other facts make the next version. (Whether
other *content* came is only known when it was read: equal content is an observation, and the
transfer takes the version back.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.harvest.template import PathFacts, parse_template
from app.transfers.base import FileFacts
from app.transfers.paths import dest_key, join


@dataclass(frozen=True, slots=True)
class Destination:
    """A storage location of the instrument's storage policy."""

    storage_location_id: UUID
    required: bool
    case_insensitive: bool
    prefix: bytes = b""
    instrument: str = ""  # the slug, for the template
    template: str | None = None  # in place of prefix and path
    enough: frozenset[str] | None = None  # where a read-back must come from (ReadBackFrom)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest version of a source file."""

    version_id: UUID
    number: int
    facts: FileFacts
    is_fixed: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SettledFile:
    """A source file judged complete, with its history."""

    source_file_id: UUID
    path: bytes
    incarnation: int
    facts: FileFacts
    latest: Latest | None
    is_backlog: bool = False
    journal: "Journalled | None" = None
    dest_path: bytes | None = None  # in place of `path`, by a hook


@dataclass(frozen=True, slots=True)
class Journalled:
    """What a destination's journal knows of a file beyond the database (a restored backup)."""

    ark: str
    number: int
    facts: FileFacts


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """A copy to make: where, and under which folded key nothing else may stand."""

    storage_location_id: UUID
    required: bool
    dest_path: bytes
    dest_key: bytes
    # The location whose copy is made first: the others are filled from it, so that the instrument
    # is read once.
    follows: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to insert with its copies; `number` 1 also mints the identifier."""

    file: SettledFile
    number: int
    copies: tuple[PlannedCopy, ...]


@dataclass(frozen=True, slots=True)
class Reaim:
    """A version whose expected facts are set anew before anything of it was published."""

    file: SettledFile
    version_id: UUID


@dataclass(frozen=True, slots=True)
class Nothing:
    """A file that is planned already."""

    file: SettledFile


Work = NewVersion | Reaim | Nothing


def plan_file(file: SettledFile, destinations: Sequence[Destination]) -> Work:
    """Return what is to be done for one settled file.

    Raises:
        StreamWeaveError: `template_invalid` when a template makes no safe path of this file's.
    """
    if file.latest is not None:
        if file.latest.facts == file.facts:
            return Nothing(file)
        if not file.latest.is_fixed:
            return Reaim(file, file.latest.version_id)
    number = _next_number(file)
    path = file.path if file.dest_path is None else file.dest_path
    which = WhichVersion(path, file.incarnation, number, file.facts.mtime_ns)
    lead = destinations[0].storage_location_id if destinations else None
    copies = tuple(
        plan_copy(one, which, follows=None if one.storage_location_id == lead else lead)
        for one in destinations
    )
    return NewVersion(file, number, copies)


@dataclass(frozen=True, slots=True)
class WhichVersion:
    """What a version's destination path is made from."""

    path: bytes
    incarnation: int
    number: int
    mtime_ns: int


def plan_copy(
    destination: Destination, version: WhichVersion, *, follows: UUID | None = None
) -> PlannedCopy:
    """Return the copy of a version at a destination.

    Raises:
        StreamWeaveError: `template_invalid` when the template makes no safe path of this one.
    """
    if destination.template is None:
        base = join(destination.prefix, version.path)
    else:
        facts = PathFacts(destination.instrument, version.path, version.mtime_ns)
        base = parse_template(destination.template).render(facts)
    path = destination_path(base, incarnation=version.incarnation, number=version.number)
    key = dest_key(path, case_insensitive=destination.case_insensitive)
    return PlannedCopy(destination.storage_location_id, destination.required, path, key, follows)


def _next_number(file: SettledFile) -> int:
    """The version after the newest known one, or the one that the journal says it is already."""
    known = file.latest.number if file.latest else 0
    if file.journal is None or file.journal.number <= known:
        return known + 1
    if file.journal.facts == file.facts:
        return file.journal.number
    return file.journal.number + 1


def destination_path(path: bytes, *, incarnation: int, number: int) -> bytes:
    """Return the path at the destination: the source's for the first, `stem.iK.vN.ext` later.

    The mark goes before the last suffix, so that programs still know the type.
    """
    if incarnation == 1 and number == 1:
        return path
    directory, slash, name = path.rpartition(b"/")
    mark = b".v%d" % number if incarnation == 1 else b".i%d.v%d" % (incarnation, number)
    stem, dot, suffix = name.rpartition(b".")
    if not stem:  # no suffix, or a dot file
        return directory + slash + name + mark
    return directory + slash + stem + mark + dot + suffix
