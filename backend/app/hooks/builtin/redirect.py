"""Where files go: rules in their order, the first that fits decides."""

import string
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from app.hooks.builtin.patterns import Glob, fits_glob
from streamweave_sdk.hooks import Config, Continue, PreTransfer, Redirect, Skip, SourceFacts

FIELDS = ("instrument", "folder", "name", "stem", "suffix", "modified")


def _is_template(text: str) -> str:
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if name not in FIELDS or conversion or (bool(spec) != (name == "modified")):
            known = ", ".join(FIELDS)
            raise ValueError(f"'{{{name}}}': the fields are {known}; {{modified:%Y}} has a format.")
    return text


Template = Annotated[
    str,
    Field(min_length=1, max_length=400, examples=["{modified:%Y}/{modified:%m}/{folder}"]),
    AfterValidator(_is_template),
]


class Target(Config):
    """Where files go that fit one of the globs."""

    globs: list[Glob] = Field(min_length=1, max_length=100)
    storage: str | None = Field(default=None, max_length=200, description="a location's name")
    path: Template | None = Field(default=None, description="the folder, below the instrument's")
    name: Template | None = Field(default=None, description="the file's name")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Target":
        if self.storage is None and self.path is None and self.name is None:
            raise ValueError("A target names a storage, a path or a name.")
        return self


class RedirectConfig(Config):
    """Where files go."""

    targets: list[Target] = Field(min_length=1, max_length=200)


class RedirectFiles(PreTransfer[RedirectConfig]):
    """Sends files elsewhere by their path and time."""

    def run(self, file: SourceFacts) -> Continue | Skip | Redirect:
        """Answer by the first target that fits."""
        for target in self.config.targets:
            if any(fits_glob(glob, file.path) for glob in target.globs):
                path = None if target.path is None else _made(target.path, file)
                name = None if target.name is None else _made(target.name, file)
                return Redirect(storage=target.storage, path=path, name=name)
        return Continue()


def _made(template: str, file: SourceFacts) -> str:
    stem, dot, suffix = file.name.rpartition(".")
    if not stem:  # no suffix, or a dot file
        stem, dot, suffix = file.name, "", ""
    return template.format(
        instrument=file.instrument, folder=file.folder, name=file.name, stem=stem,
        suffix=suffix if dot else "", modified=file.modified_at,
    )  # fmt: skip
