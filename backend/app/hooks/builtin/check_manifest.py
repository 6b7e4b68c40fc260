"""Whether a file is what its instrument says: checksums of manifest files, compared."""

import hashlib
from collections.abc import Iterable

from pydantic import Field, JsonValue

from app.hooks.builtin.manifests import SUFFIXES, Algorithm, Entry, said_of
from app.hooks.builtin.patience import Patience, Waiting
from app.hooks.builtin.patterns import Glob, fits_glob
from app.hooks.builtin.templates import FactTemplate, beside, split_name
from streamweave_sdk.hooks import Notice, PostAnswer, PostTransfer, Reader, VersionFacts

_CHUNK_BYTES = 1 << 20
_USUAL = [
    "{name}.md5", "{name}.sha256", "MD5SUMS", "SHA256SUMS",
    "manifest-sha256.txt", "../manifest-sha256.txt", "../manifest-md5.txt",
]  # fmt: skip


class CheckManifestConfig(Waiting):
    """Which manifests are asked."""

    files: list[Glob] = Field(
        default_factory=list, max_length=100, description="which files are checked; empty: all"
    )
    manifests: list[FactTemplate] = Field(
        default=_USUAL, min_length=1, max_length=20,
        description="beside the file, after '/' from the root; each that is there is asked",
    )  # fmt: skip
    most_bytes: int = Field(default=16 << 20, ge=1, le=64 << 20, description="of a manifest")
    name_as: str = Field(
        default="manifest", min_length=1, max_length=100,
        description="the metadata field that holds what was compared",
    )  # fmt: skip


class CheckManifest(PostTransfer[CheckManifestConfig]):
    """Compares files with the checksums in manifests that the instrument wrote."""

    def __init__(self, config: CheckManifestConfig) -> None:
        super().__init__(config)
        self._patience = Patience(config)

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Answer what was compared; a difference is a warning."""
        config = self.config
        places = list(dict.fromkeys(beside(one, version) for one in self._nearby(version)))
        if config.files and not any(fits_glob(glob, version.path) for glob in config.files):
            return PostAnswer()
        if version.path in places or split_name(version.name)[1].lower() in SUFFIXES:
            return PostAnswer()  # a manifest itself
        found: list[tuple[str, Entry]] = []
        silent: list[str] = []
        for place in places:
            content = reader.neighbour(place, config.most_bytes)
            if content is None:
                continue
            said = said_of(content, place, version.path)
            found += [(place, entry) for entry in said]
            if not said:
                silent.append(place)
        if not found:
            return self._without(version, places, silent)
        return self._compared(version, reader, found)

    def _nearby(self, version: VersionFacts) -> Iterable[str]:
        for template in self.config.manifests:
            ups = template.count("../") if template.startswith("../") else 0
            depth = version.folder.count("/") + 1 if version.folder else 0
            if ups <= depth:  # above the root there is nothing
                yield template

    def _compared(
        self, version: VersionFacts, reader: Reader, found: list[tuple[str, Entry]]
    ) -> PostAnswer:
        needed = {entry.algorithm for _, entry in found}
        have = _digests(version, reader, needed)
        checks: list[JsonValue] = []
        notices: list[Notice] = []
        for place, entry in found:
            matches = have[entry.algorithm] == entry.digest
            checks.append({
                "path": place, "algorithm": entry.algorithm, "digest": entry.digest,
                "matches": matches,
            })  # fmt: skip
            if not matches:
                text = (
                    f"The {entry.algorithm} in '{place:.800}' is {entry.digest}, the file's is "
                    f"{have[entry.algorithm]}: it is not what the instrument wrote down."
                )
                notices.append(Notice(level="warning", text=text))
        metadata: dict[str, JsonValue] = {
            self.config.name_as: {"matches": not notices, "checks": checks[:50]}
        }
        return PostAnswer(metadata=metadata, notices=notices[:20])

    def _without(self, version: VersionFacts, places: list[str], silent: list[str]) -> PostAnswer:
        what = f"A line for it in '{silent[0]}'" if silent else "A manifest"
        self._patience.wait_for(what, version)
        if self.config.when_missing == "nothing":
            return PostAnswer()
        if silent:
            text = f"'{silent[0]:.800}' says nothing of '{version.path:.800}'."
        else:
            looked = " or ".join(places)
            text = f"There is no manifest for '{version.path:.800}': looked for {looked:.900}."
        return PostAnswer(notices=[Notice(level="warning", text=text)])


def _digests(version: VersionFacts, reader: Reader, needed: set[Algorithm]) -> dict[Algorithm, str]:
    """Return the file's checksums; the proven SHA-256 is taken, for others the bytes are read."""
    have: dict[Algorithm, str] = {"sha256": version.sha256}
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in needed - {"sha256"}}
    if hashes:
        reader.seek(0)
        while chunk := reader.read(_CHUNK_BYTES):
            for one in hashes.values():
                one.update(chunk)
    return {**have, **{name: one.hexdigest() for name, one in hashes.items()}}
