"""Patterns that read values out of a path: templates with typed fields, or expressions.

`{sample}_{run:int}_{date:%Y%m%d}.raw` fits the name, with a '/' in it the whole path. `*` and `?`
stand for other characters of one part, `**` for whole folders. A field named twice must be equal.
"""

import math
import string
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

import regex
from pydantic import Field, JsonValue, model_validator

from app.hooks.builtin.patterns import Regex, search
from app.hooks.builtin.templates import Template
from streamweave_sdk.hooks import Config

_KINDS = {
    "str": r"[^/]+?",
    "word": r"[A-Za-z0-9]+",
    "int": r"[+-]?\d{1,18}",
    "float": r"[+-]?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?",
}
_DATE_PARTS = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "I": r"\d{2}",
    "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{1,6}", "j": r"\d{3}", "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}", "p": r"[AaPp][Mm]", "%": "%",
}  # fmt: skip
_TIMES = {"H", "I", "M", "S", "f"}
_WILD = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class NotOfType(ValueError):
    """What a field holds is not of its type."""


def _date_parts(kind: str) -> list[str]:
    """Split a format into literals (even places) and the letters after a % (odd places)."""
    parts: list[str] = regex.split(r"%(.)", kind)
    for letter in parts[1::2]:
        if letter not in _DATE_PARTS:
            known = " ".join(f"%{one}" for one in _DATE_PARTS)
            raise ValueError(f"'%{letter}' is no part of a date here; there are {known}.")
    return parts


def _expression_of(kind: str) -> str:
    if kind in _KINDS:
        return _KINDS[kind]
    if "%" not in kind:
        raise ValueError(f"'{kind}' is no type: {', '.join(_KINDS)}, or a date as %Y%m%d.")
    parts = _date_parts(kind)
    return "".join(_DATE_PARTS[p] if i % 2 else regex.escape(p) for i, p in enumerate(parts))


@lru_cache(1024)
def compiled_template(text: str) -> tuple[str, dict[str, str]]:
    """Return the expression of a template and the types of its fields.

    Raises:
        ValueError: it is no template; the text says why.
    """
    kinds: dict[str, str] = {}
    made: list[str] = []
    for literal, name, spec, conversion in string.Formatter().parse(text):
        for part in regex.split(r"(\*\*/|\*\*|\*|\?)", literal):
            made.append(_WILD.get(part) or regex.escape(part))
        if name is None:
            continue
        if not name.isidentifier() or not name.isascii() or conversion:
            raise ValueError(f"'{{{name}}}' is no field: its name has letters, digits and '_'.")
        if name in kinds:
            if spec:
                raise ValueError(f"'{{{name}}}' stands twice; only the first has a type.")
            made.append(f"(?P={name})")
            continue
        kinds[name] = spec or "str"
        made.append(f"(?P<{name}>{_expression_of(kinds[name])})")
    if not kinds:
        raise ValueError("A template has at least one field, as {sample}.")
    return r"(?s)\A" + "".join(made) + r"\Z", kinds


def typed(kind: str, text: str) -> JsonValue:
    """Return the value that a text has as this type; dates are ISO 8601.

    Raises:
        NotOfType: it is none.
    """
    makers: dict[str, Callable[[str], JsonValue]] = {
        "str": str, "word": str, "int": int, "float": float,
    }  # fmt: skip
    try:
        if kind in makers:
            value = makers[kind](text)
            if isinstance(value, float) and not math.isfinite(value):
                raise NotOfType(f"'{text}' is not finite.")
            return value
        moment = datetime.strptime(text, kind)
    except ValueError as error:
        raise NotOfType(f"'{text}' is not of the type '{kind}'.") from error
    has_time = not _TIMES.isdisjoint(_date_parts(kind)[1::2])
    return moment.isoformat() if has_time else moment.date().isoformat()


class NamedPattern(Config):
    """Reads values from paths that fit it: a template or a regular expression."""

    name: str = Field(min_length=1, max_length=100, description="said when it fits")
    template: str | None = Field(
        default=None, min_length=1, max_length=400,
        description="fits the name, with a slash in it the path; types: int, float, word, %Y%m%d",
        examples=["{sample}_{run:int}_{date:%Y%m%d}.raw"],
    )  # fmt: skip
    regex: Regex | None = Field(
        default=None, description="with named groups; is found in the path",
        examples=[r"^(?P<group>[^/]+)/.*_(?P<run>\d+)\.raw$"],
    )  # fmt: skip
    types: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="of the expression's groups, by name"
    )
    metadata: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="fixed values for files that fit"
    )
    tags: list[Template] = Field(
        default_factory=list, max_length=20, description="may name values", examples=["run-{run}"]
    )

    @model_validator(mode="after")
    def _is_one_pattern(self) -> "NamedPattern":
        if (self.template is None) == (self.regex is None):
            raise ValueError("A pattern has either a template or a regular expression.")
        if self.template is not None:
            compiled_template(self.template)
            if self.types:
                raise ValueError("The types of a template stand in its fields, as {run:int}.")
            return self
        groups = set(regex.compile(self.regex or "").groupindex)
        if not groups:
            raise ValueError("The expression has no named group, as (?P<sample>[^_]+).")
        if unknown := sorted(set(self.types) - groups):
            raise ValueError(f"The expression has no group '{unknown[0]}'.")
        for kind in self.types.values():
            _expression_of(kind)
        return self

    @property
    def fields(self) -> set[str]:
        """The names of the values that it may read, or says itself."""
        if self.template is not None:
            return set(compiled_template(self.template)[1]) | set(self.metadata)
        return set(regex.compile(self.regex or "").groupindex) | set(self.metadata)

    def read(self, path: str) -> dict[str, JsonValue] | None:
        """Return the values in a path, None when it does not fit.

        Raises:
            PatternTooSlow: it took longer than 0.1 s.
        """
        if self.template is not None:
            expression, kinds = compiled_template(self.template)
            text = path if "/" in self.template else path.rpartition("/")[2]
        else:
            expression, kinds, text = self.regex or "", self.types, path
        found = search(expression, text)
        if found is None:
            return None
        try:
            return {
                **self.metadata,
                **{
                    name: typed(kinds.get(name, "str"), value)
                    for name, value in found.groupdict().items()
                    if value is not None
                },
            }
        except NotOfType:
            return None  # a 13th month: the next pattern may know better
