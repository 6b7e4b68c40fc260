"""Where files go: rules in their order, the first that fits decides.

By path, by time, and by what the path says about the file (named patterns, as `path-metadata` has
them). Other metadata is read from proven bytes, after the file was delivered.
"""

import string
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, model_validator

from app.hooks.builtin.named_patterns import NamedPattern
from app.hooks.builtin.patterns import Glob, fits_glob
from streamweave_sdk.hooks import Config, Continue, PreTransfer, Redirect, Skip, SourceFacts

FIELDS = ("instrument", "folder", "name", "stem", "suffix", "modified")


def _is_template(text: str) -> str:
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or conversion or (bool(spec) != (name == "modified")):
            raise ValueError(f"'{{{name}}}' is no field; only {{modified:%Y}} has a format.")
    return text


def _fields(text: str | None) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text or "") if name is not None}


Template = Annotated[
    str,
    Field(min_length=1, max_length=400, examples=["{modified:%Y}/{modified:%m}/{folder}"]),
    AfterValidator(_is_template),
]


class Target(Config):
    """Where files go that fit one of the globs."""

    globs: list[Glob] = Field(min_length=1, max_length=100)
    where: dict[str, Glob] = Field(
        default_factory=dict,
        max_length=20,
        description="only files whose values of the patterns fit, by field",
        examples=[{"project": "alpha*"}],
    )
    storage: str | None = Field(default=None, max_length=200, description="a location's name")
    path: Template | None = Field(default=None, description="the folder, below the instrument's")
    name: Template | None = Field(default=None, description="the file's name")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Target":
        if self.storage is None and self.path is None and self.name is None:
            raise ValueError("A target names a storage, a path or a name.")
        return self

    @property
    def needs(self) -> set[str]:
        """The fields of patterns that a file must have a value of."""
        return (_fields(self.path) | _fields(self.name) | set(self.where)) - set(FIELDS)

    def fits(self, path: str, known: Mapping[str, JsonValue]) -> bool:
        """Whether it holds for a file of which this is known."""
        return (
            any(fits_glob(glob, path) for glob in self.globs)
            and self.needs <= known.keys()
            and all(fits_glob(glob, str(known[name])) for name, glob in self.where.items())
        )


class RedirectConfig(Config):
    """Where files go."""

    targets: list[Target] = Field(min_length=1, max_length=200)
    patterns: list[NamedPattern] = Field(
        default_factory=list,
        max_length=50,
        description="read values from the path, for `where` and for templates; the first that fits",
    )

    @model_validator(mode="after")
    def _fields_are_known(self) -> "RedirectConfig":
        known = set(FIELDS).union(*(pattern.fields for pattern in self.patterns))
        for target in self.targets:
            if unknown := sorted(target.needs - known):
                names = ", ".join(sorted(known))
                raise ValueError(f"'{unknown[0]}' is no field here; there are {names}.")
        return self


class RedirectFiles(PreTransfer[RedirectConfig]):
    """Sends files elsewhere by their path, their time, and what the path says of them."""

    def run(self, file: SourceFacts) -> Continue | Skip | Redirect:
        """Answer by the first target that fits."""
        known = self._known(file.path)
        for target in self.config.targets:
            if target.fits(file.path, known):
                path = None if target.path is None else _made(target.path, file, known)
                name = None if target.name is None else _made(target.name, file, known)
                return Redirect(storage=target.storage, path=path, name=name)
        return Continue()

    def _known(self, path: str) -> Mapping[str, JsonValue]:
        """Return the values of the first pattern that fits a path."""
        for pattern in self.config.patterns:
            if (values := pattern.read(path)) is not None:
                return values
        return {}


def _made(template: str, file: SourceFacts, known: Mapping[str, JsonValue]) -> str:
    stem, dot, suffix = file.name.rpartition(".")
    if not stem:  # no suffix, or a dot file
        stem, dot, suffix = file.name, "", ""
    return template.format(
        **{name: value for name, value in known.items() if name not in FIELDS},
        instrument=file.instrument, folder=file.folder, name=file.name, stem=stem,
        suffix=suffix if dot else "", modified=file.modified_at,
    )  # fmt: skip
