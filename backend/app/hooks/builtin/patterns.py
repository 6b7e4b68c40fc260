"""Patterns on paths, bounded in time: a regular expression may explode on a hostile name."""

from functools import lru_cache
from typing import Annotated

import regex
from pydantic import AfterValidator, Field

_SECONDS = 0.1  # for one file


class PatternTooSlow(Exception):
    """A pattern took longer than 0.1 s for one path."""


@lru_cache(1024)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def _is_regex(pattern: str) -> str:
    try:
        _compiled(pattern)
    except regex.error as error:
        raise ValueError(f"This is no regular expression: {error}.") from error
    return pattern


Glob = Annotated[
    str,
    Field(
        min_length=1,
        max_length=400,
        description="without '/' for the file's name, with it for the path; '**' any folders",
        examples=["*.tmp", "calibration/**"],
    ),
]
Regex = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_is_regex)]


def search(pattern: str, text: str) -> regex.Match[str] | None:
    """Return the first match of a regular expression.

    Raises:
        PatternTooSlow: it took longer than 0.1 s.
    """
    try:
        return _compiled(pattern).search(text, timeout=_SECONDS)
    except TimeoutError as error:
        raise PatternTooSlow(f"'{pattern}' takes too long for '{text}'.") from error


def fits_glob(glob: str, path: str) -> bool:
    """Return whether a path fits a glob.

    Raises:
        PatternTooSlow: it took longer than 0.1 s.
    """
    text = path if "/" in glob else path.rpartition("/")[2]
    return search(_translated(glob.removeprefix("/")), text) is not None


@lru_cache(1024)
def _translated(glob: str) -> str:
    parts = regex.split(r"(\*\*/|\*\*|\*|\?)", glob)
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return r"(?s)\A" + "".join(known.get(part) or regex.escape(part) for part in parts) + r"\Z"
