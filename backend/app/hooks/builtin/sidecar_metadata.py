"""What stands in a file beside the data: JSON, YAML, XML, INI or CSV, mapped to metadata."""

from typing import Any

from pydantic import Field, JsonValue

from app.hooks.builtin.bounds import Bounded
from app.hooks.builtin.documents import SUFFIXES, Format, NotReadable, read_document
from app.hooks.builtin.patience import Patience, Waiting
from app.hooks.builtin.patterns import Glob, fits_glob
from app.hooks.builtin.pointers import Chosen
from app.hooks.builtin.templates import FactTemplate, beside, fill, split_name
from streamweave_sdk.hooks import (
    Config,
    Notice,
    PostAnswer,
    PostTransfer,
    Reader,
    VersionFacts,
)


class Sidecar(Config):
    """Where a companion file is, and how it is read."""

    paths: list[FactTemplate] = Field(
        min_length=1, max_length=20, examples=[["{stem}.json"], ["{path}"]],
        description="beside the file, after '/' from the root; the first that is there is read; "
        "'/{path}' is the file itself",
    )  # fmt: skip
    format: Format | None = Field(default=None, description="otherwise the suffix says it")
    row_column: str = Field(
        default="", max_length=200, description="CSV: the column that names the file"
    )
    row_value: FactTemplate = Field(
        default="{name}", description="CSV: what stands there in the file's own row"
    )
    most_bytes: int = Field(default=1 << 20, ge=1, le=16 << 20)

    def read(self, version: VersionFacts, reader: Reader) -> tuple[str, Any] | None:
        """Return the path and the tree of the first sidecar that is there.

        A CSV is the file's own row, an empty mapping when it has none.

        Raises:
            NotReadable: it is not of its format, or larger than allowed.
            RetryLater: no copy of it can be read now.
        """
        for template in self.paths:
            path = beside(template, version)
            content = self._content(path, version, reader)
            if content is None:
                continue
            kind = self.format or SUFFIXES.get(split_name(path)[1].lower())
            if kind is None:
                raise NotReadable(f"The name of '{path}' does not say its format.")
            try:
                tree = read_document(content, kind)
            except NotReadable as error:
                raise NotReadable(f"'{path}': {error}") from error
            return path, self._row(tree, version) if kind == "csv" else tree
        return None

    def looked_for(self, version: VersionFacts) -> str:
        """Return the paths that may hold it, in words."""
        return " or ".join(beside(one, version) for one in self.paths)

    def _content(self, path: str, version: VersionFacts, reader: Reader) -> bytes | None:
        if path != version.path:
            return reader.neighbour(path, self.most_bytes)
        if version.size_bytes > self.most_bytes:
            raise NotReadable(f"It has {version.size_bytes} bytes; {self.most_bytes} are read.")
        reader.seek(0)
        return reader.read(self.most_bytes + 1)[: self.most_bytes]

    def _row(self, rows: list[dict[str, str]], version: VersionFacts) -> dict[str, str]:
        if not self.row_column:
            return rows[0] if rows else {}
        wanted = fill(self.row_value, version)
        return next((row for row in rows if row.get(self.row_column) == wanted), {})


class SidecarConfig(Waiting):
    """How companion files become metadata."""

    files: list[Glob] = Field(
        default_factory=list, max_length=100, description="which files have a sidecar; empty: all"
    )
    sidecar: Sidecar
    fields: list[Chosen] = Field(
        default_factory=list, max_length=500, description="what is taken; empty: everything"
    )
    under: str = Field(
        default="", max_length=100, description="a metadata field that holds all; empty: none"
    )
    tags: list[str] = Field(
        default_factory=list, max_length=20, description="metadata fields whose texts become tags"
    )


class SidecarMetadata(PostTransfer[SidecarConfig]):
    """Reads metadata from a JSON, YAML, XML, INI or CSV file beside the data."""

    def __init__(self, config: SidecarConfig) -> None:
        super().__init__(config)
        self._patience = Patience(config)

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Answer what the sidecar says; one that is not there is waited for or shown."""
        config = self.config
        if config.files and not any(fits_glob(glob, version.path) for glob in config.files):
            return PostAnswer()
        found = config.sidecar.read(version, reader)
        if found is None or found[1] == {}:
            return self._without(version, "no row for it" if found else "no sidecar")
        path, tree = found
        bounded = Bounded()
        notices: list[Notice] = []
        metadata: dict[str, JsonValue] = {}
        if config.fields:
            missing = self._chosen(tree, bounded, metadata)
            if missing:
                text = f"'{path}' has nothing at {', '.join(missing)}."
                notices.append(Notice(level="warning", text=text[:2000]))
        elif isinstance(tree, dict):
            for name, value in tree.items():
                bounded.add(metadata, str(name), value)
        else:
            bounded.add(metadata, "content", tree)
        tags = _tags(metadata, config.tags)
        metadata = {config.under: metadata} if config.under else metadata
        return PostAnswer(metadata=metadata, tags=tags, notices=[*notices, *bounded.notices()])

    def _chosen(self, tree: Any, bounded: Bounded, into: dict[str, JsonValue]) -> list[str]:
        missing = []
        for chosen in self.config.fields:
            is_there, value = chosen.of(tree)
            if is_there:
                bounded.add(into, chosen.name, value)
            else:
                missing.append(f"'{chosen.at}'")
        return missing

    def _without(self, version: VersionFacts, what: str) -> PostAnswer:
        looked = self.config.sidecar.looked_for(version)
        self._patience.wait_for(f"The sidecar ({looked})", version)
        if self.config.when_missing == "nothing":
            return PostAnswer()
        text = f"'{version.path:.800}' has {what}: looked for {looked:.800}."
        return PostAnswer(notices=[Notice(level="warning", text=text)])


def _tags(metadata: dict[str, JsonValue], names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        value = metadata.get(name)
        values = value if isinstance(value, list) else [value]
        found += [str(one) for one in values if isinstance(one, str | int) and str(one)]
    return list(dict.fromkeys(found))[:100]
