"""Values that templates of a hook may name: read from the path and from sidecar files."""

from pydantic import Field, JsonValue

from app.hooks.builtin.bounds import Bounded
from app.hooks.builtin.named_patterns import NamedPattern
from app.hooks.builtin.pointers import Chosen
from app.hooks.builtin.sidecar_metadata import Sidecar
from streamweave_sdk.hooks import Config, Reader, VersionFacts


class SidecarValues(Sidecar):
    """A companion file, and what is taken from it."""

    fields: list[Chosen] = Field(min_length=1, max_length=200, description="what is taken")


class ValueSources(Config):
    """Where values come from; what an earlier source says stands."""

    patterns: list[NamedPattern] = Field(
        default_factory=list, max_length=100, description="of the path; the first that fits counts"
    )
    sidecars: list[SidecarValues] = Field(
        default_factory=list, max_length=10, description="files beside the data"
    )

    def values_of(
        self, version: VersionFacts, reader: Reader
    ) -> tuple[dict[str, JsonValue], list[str]]:
        """Return the values by name, and the paths of sidecars that are not there.

        Raises:
            NotReadable: a sidecar is not of its format.
            RetryLater: a sidecar cannot be read now.
        """
        found: dict[str, JsonValue] = {}
        absent: list[str] = []
        for pattern in self.patterns:
            if (values := pattern.read(version.path)) is not None:
                found.update(values)
                break
        bounded = Bounded()
        for sidecar in self.sidecars:
            read = sidecar.read(version, reader)
            if read is None:
                absent.append(sidecar.looked_for(version))
                continue
            for chosen in sidecar.fields:
                is_there, value = chosen.of(read[1])
                if is_there and chosen.name not in found:
                    bounded.add(found, chosen.name, value)
        return found, absent
