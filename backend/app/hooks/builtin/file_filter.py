"""Which files are taken: rules in their order, the first that fits decides."""

from typing import Literal

from pydantic import Field, model_validator

from app.hooks.builtin.patterns import Glob, Regex, fits_glob, search
from streamweave_sdk.hooks import Config, Continue, PreTransfer, Redirect, Skip, SourceFacts


class Rule(Config):
    """A rule fits when all its conditions do."""

    name: str = Field(min_length=1, max_length=100)
    action: Literal["include", "exclude"] = "exclude"
    globs: list[Glob] = Field(default_factory=list, max_length=100, description="one must fit")
    regex: Regex | None = Field(default=None, description="is found in the path")
    min_size_bytes: int | None = Field(default=None, ge=0)
    max_size_bytes: int | None = Field(default=None, ge=0)
    min_age_seconds: float | None = Field(default=None, ge=0, description="since the last change")
    max_age_seconds: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _has_a_condition(self) -> "Rule":
        if not self.model_fields_set - {"name", "action"}:
            raise ValueError("A rule needs a condition; 'otherwise' decides about the rest.")
        return self

    def fits(self, file: SourceFacts) -> bool:
        """Return whether it decides about this file."""
        age_seconds = (file.asked_at - file.modified_at).total_seconds()
        if not _between(self.min_size_bytes, file.size_bytes, self.max_size_bytes):
            return False
        if not _between(self.min_age_seconds, age_seconds, self.max_age_seconds):
            return False
        if self.globs and not any(fits_glob(glob, file.path) for glob in self.globs):
            return False
        return self.regex is None or search(self.regex, file.path) is not None


def _between(low: float | None, value: float, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


class FilterConfig(Config):
    """Which files are taken."""

    rules: list[Rule] = Field(default_factory=list, max_length=200)
    otherwise: Literal["include", "exclude"] = Field(
        default="include", description="what becomes of a file that no rule fits"
    )


class FileFilter(PreTransfer[FilterConfig]):
    """Takes files or leaves them out by name, size and age."""

    def run(self, file: SourceFacts) -> Continue | Skip | Redirect:
        """Answer by the first rule that fits."""
        for rule in self.config.rules:
            if rule.fits(file):
                if rule.action == "include":
                    return Continue()
                return Skip(rule=rule.name, reason=f"The rule '{rule.name}' leaves it out.")
        if self.config.otherwise == "include":
            return Continue()
        return Skip(rule="otherwise", reason="No rule takes it in.")
