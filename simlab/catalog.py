"""The instruments of the laboratory, read from ``instruments/*.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

PROTOCOLS = ("smb", "sftp", "s3", "webdav", "local")
SFTP_LOGINS = ("password", "key")


class BadInstrumentFile(ValueError):
    """An instrument's TOML does not say what it must."""


@dataclass(frozen=True)
class FileGroup:
    """So many datasets of one kind; ``options`` are the kind's own settings."""

    kind: str
    count: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def scaled(self, scale: float) -> int:
        """The count at a scale; a group never vanishes, so every format stays present."""
        return max(1, round(self.count * scale))

    def integer(self, name: str, default: int) -> int:
        """An option that is a whole number."""
        return int(self.options.get(name, default))


@dataclass(frozen=True)
class InstrumentSpec:
    """What one TOML says."""

    slug: str
    name: str
    description: str
    protocol: str
    share: str
    login: str
    quiet_seconds: float
    groups: tuple[FileGroup, ...]


def _spec(text: str, source: str) -> InstrumentSpec:
    raw = tomllib.loads(text)
    try:
        groups = tuple(
            FileGroup(
                kind=str(entry["kind"]),
                count=int(entry["count"]),
                options={k: v for k, v in entry.items() if k not in ("kind", "count")},
            )
            for entry in raw["files"]
        )
        spec = InstrumentSpec(
            slug=str(raw["slug"]),
            name=str(raw["name"]),
            description=str(raw["description"]).strip(),
            protocol=str(raw["protocol"]),
            share=str(raw["share"]),
            login=str(raw.get("login", "password")),
            quiet_seconds=float(raw["quiet_seconds"]),
            groups=groups,
        )
    except KeyError as missing:
        raise BadInstrumentFile(f"{source} has no {missing}. Add it.") from missing
    if spec.protocol not in PROTOCOLS:
        raise BadInstrumentFile(f"{source}: protocol {spec.protocol!r} is none of {PROTOCOLS}.")
    if spec.login not in SFTP_LOGINS:
        raise BadInstrumentFile(f"{source}: login {spec.login!r} is none of {SFTP_LOGINS}.")
    return spec


def load_instruments() -> dict[str, InstrumentSpec]:
    """All instruments by slug, in the order of their slugs."""
    folder = resources.files("simlab") / "instruments"
    specs = [
        _spec(entry.read_text(encoding="utf-8"), entry.name)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    ]
    return {spec.slug: spec for spec in sorted(specs, key=lambda spec: spec.slug)}
