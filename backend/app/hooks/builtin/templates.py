"""Texts with fields in braces, filled from a version's facts and from values that a hook found.

Nothing is evaluated: a field is a name, looked up; `modified` may have a format of strftime.
"""

import posixpath
import re
import string
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from streamweave_sdk.hooks import VersionFacts

FACTS = (
    "instrument", "path", "folder", "name", "stem", "suffix", "modified",
    "size_bytes", "version", "identifier", "sha256", "key",
)  # fmt: skip
_MOST_CHARACTERS = 20_000
_STRFTIME = re.compile(r"(%[A-Za-z%]|[^%])*")  # no widths: '%999999999Y' fills the memory


class NoValue(ValueError):
    """A template names a field for which this version has no value."""


class PathOutside(ValueError):
    """A template led out of the instrument's folder."""


def fields(text: str) -> list[str]:
    """Return the names of the fields in a template.

    Raises:
        ValueError: a brace is open, or a field has what none may have.
    """
    found = []
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name or conversion or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"'{{{name}}}' is no field: a name alone stands in braces.")
        if spec and name != "modified":
            raise ValueError(f"'{{{name}}}' has no format; only {{modified:%Y}} has one.")
        if spec and not _STRFTIME.fullmatch(spec):
            raise ValueError(f"'{spec}' is no format of a time: a letter follows each %.")
        found.append(name)
    return found


def _of_facts(text: str) -> str:
    for name in fields(text):
        if name not in FACTS:
            raise ValueError(f"'{{{name}}}': the fields are {', '.join(FACTS)}.")
    return text


def _is_template(text: str) -> str:
    fields(text)
    return text


FactTemplate = Annotated[
    str,
    Field(min_length=1, max_length=400, description=f"fields: {', '.join(FACTS)}"),
    AfterValidator(_of_facts),
]
Template = Annotated[
    str,
    Field(
        min_length=1, max_length=4000,
        description="fields in braces: facts of the version, and values found by this hook",
    ),
    AfterValidator(_is_template),
]  # fmt: skip


def split_name(name: str) -> tuple[str, str]:
    """Return the stem and the suffix without its dot; a dot file has no suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, suffix) if dot and stem else (name, "")


def facts_of(version: VersionFacts) -> dict[str, JsonValue]:
    """Return all facts but the time by name."""
    stem, suffix = split_name(version.name)
    return {
        "instrument": version.instrument, "path": version.path, "folder": version.folder,
        "name": version.name, "stem": stem, "suffix": suffix, "size_bytes": version.size_bytes,
        "version": version.version, "identifier": version.identifier,
        "sha256": version.sha256, "key": version.key,
    }  # fmt: skip


def fill(
    text: str,
    version: VersionFacts,
    values: Mapping[str, JsonValue] | None = None,
    encode: Callable[[str], str] = str,
) -> str:
    """Return the template with its fields filled and encoded; facts stand before values.

    Raises:
        NoValue: a field has no value, or one that is no text, number or truth.
        ValueError: the text is longer than 20,000 characters.
    """
    known = {**(values or {}), **facts_of(version)}
    parts: list[str] = []
    for literal, name, spec, _ in string.Formatter().parse(text):
        parts.append(literal)
        if name is None:
            continue
        if name == "modified":
            moment = version.modified_at
            parts.append(encode(moment.strftime(spec) if spec else moment.isoformat()))
            continue
        parts.append(encode(_as_text(name, known.get(name))))
    made = "".join(parts)
    if len(made) > _MOST_CHARACTERS:
        raise ValueError(f"The template makes {len(made)} characters; 20,000 are allowed.")
    return made


def _as_text(name: str, value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise NoValue(f"There is no value for '{{{name}}}'.")


def beside(text: str, version: VersionFacts) -> str:
    """Return the path that a template names: beside the file, or below the root after a '/'.

    Raises:
        PathOutside: it leads out of the instrument's folder.
    """
    made = fill(text, version)
    whole = made[1:] if made.startswith("/") else posixpath.join(version.folder, made)
    path = posixpath.normpath(whole)
    if path.startswith(("../", "/")) or path in {"..", "."}:
        raise PathOutside(f"'{made}' leads out of the instrument's folder.")
    return path
