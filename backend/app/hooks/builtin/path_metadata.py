"""What a path and a file name say: named patterns in their order."""

from typing import Literal

from pydantic import Field, JsonValue

from app.hooks.builtin.named_patterns import NamedPattern
from app.hooks.builtin.templates import NoValue, fill
from streamweave_sdk.hooks import Config, Notice, PostAnswer, PostTransfer, Reader, VersionFacts


class PathMetadataConfig(Config):
    """How paths are read."""

    patterns: list[NamedPattern] = Field(
        min_length=1, max_length=200, description="tried in their order"
    )
    take: Literal["first", "all"] = Field(
        default="first", description="the first pattern that fits, or all; earlier values stand"
    )
    none_fits: Literal["nothing", "notice"] = Field(
        default="nothing", description="what becomes of a file that no pattern fits"
    )
    name_as: str = Field(
        default="pattern", max_length=100,
        description="the metadata field that names the pattern; empty for none",
    )  # fmt: skip


class PathMetadata(PostTransfer[PathMetadataConfig]):
    """Reads metadata and tags from paths and file names by named patterns."""

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Answer what the patterns found, and which they were."""
        metadata: dict[str, JsonValue] = {}
        tags: list[str] = []
        fitted: list[str] = []
        for pattern in self.config.patterns:
            values = pattern.read(version.path)
            if values is None:
                continue
            fitted.append(pattern.name)
            tags += [tag for tag in self._tags(pattern, version, values) if tag not in tags]
            metadata = {**values, **metadata}
            if self.config.take == "first":
                break
        if fitted and self.config.name_as:
            metadata[self.config.name_as] = fitted[0] if len(fitted) == 1 else list(fitted)
        notices = []
        if not fitted and self.config.none_fits == "notice":
            notices.append(Notice(level="warning", text=f"No pattern fits '{version.path:.1500}'."))
        return PostAnswer(metadata=metadata, tags=tags[:100], notices=notices)

    def _tags(
        self, pattern: NamedPattern, version: VersionFacts, values: dict[str, JsonValue]
    ) -> list[str]:
        made = []
        for tag in pattern.tags:
            try:
                made.append(fill(tag, version, values))
            except NoValue as error:  # an optional group of an expression
                self.log.info("%s: no tag '%s': %s", pattern.name, tag, error)
        return made
