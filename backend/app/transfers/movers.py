"""The movers of this installation: rclone and our own reading, those built in, those installed.

rclone and `local` are opened by the rooms that know the daemon and the disk; they stand here for
whoever chooses and explains.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from app.errors import StreamWeaveError
from app.transfers.globus import Globus
from app.transfers.rsync import Rsync
from streamweave_sdk.transfers import Mover, Need, NoOptions, Options, Place, find_movers

RCLONE: Final = "rclone"
LOCAL: Final = "local"


class Rclone(Mover[NoOptions]):
    """rclone's daemon: the default for shares and servers."""

    name = RCLONE
    title = "rclone"
    protocols = frozenset({"smb", "sftp", "s3", "webdav"})


class Local(Mover[NoOptions]):
    """Our own reading of a path that the worker sees: the default there, for any name's bytes."""

    name = LOCAL
    title = "direct reading"
    protocols = frozenset({"local"})
    needs = frozenset({Need.LOCAL_PATH})


_USUAL: Mover[Any] = Rclone()
BUILTIN: tuple[type[Mover[Any]], ...] = (Rclone, Local, Rsync, Globus)
DEFAULTS: Mapping[str, str] = {
    "smb": RCLONE, "sftp": RCLONE, "s3": RCLONE, "webdav": RCLONE, "local": LOCAL,
    "rsync": "rsync", "globus": "globus",
}  # fmt: skip


@dataclass(frozen=True)
class KnownMovers:
    """The movers by name, and what could not be loaded: where to why."""

    movers: Mapping[str, Mover[Any]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Mover[Any]:
        """Return a mover.

        Raises:
            StreamWeaveError: `mover_unknown`.
        """
        mover = self.movers.get(name)
        if mover is None:
            raise StreamWeaveError("mover_unknown", f"There is no mover '{name}' here.")
        return mover


@lru_cache(1)
def known_movers() -> KnownMovers:
    """Return all movers; nobody replaces one that is built in."""
    found = find_movers()
    movers: dict[str, Mover[Any]] = {mover.name: mover() for mover in BUILTIN}
    problems = dict(found.problems)
    for name, mover in found.movers.items():
        if movers.setdefault(name, mover) is not mover:
            problems[type(mover).__module__] = f"'{name}' is built in."
    return KnownMovers(movers, problems)


def mover_of(protocol: str, chosen: str) -> Mover[Any]:
    """Return the mover of an instrument for whoever only plans; an unknown one counts as usual."""
    return known_movers().movers.get(chosen or DEFAULTS.get(protocol, ""), _USUAL)


def mover_name(protocol: str, chosen: str) -> str:
    """Return which mover brings an instrument's files: the chosen one, or the protocol's.

    Raises:
        StreamWeaveError: `mover_unsuitable` when a protocol has no default and none was chosen.
    """
    name = chosen or DEFAULTS.get(protocol, "")
    if not name:
        raise StreamWeaveError("mover_unsuitable", "This protocol needs a mover: choose one.")
    return name


def why(protocol: str, chosen: str) -> str:
    """Return a sentence for people: why this mover."""
    if chosen:
        return f"The instrument's settings choose {chosen}."
    name = mover_name(protocol, chosen)
    return f"{known_movers().find(name).title} is the default for {protocol}."


def options_of(mover: Mover[Any], given: Mapping[str, Any]) -> Options:
    """Return a mover's checked options.

    Raises:
        StreamWeaveError: `mover_unsuitable`, naming the field and the reason.
    """
    try:
        return mover.options_model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        raise StreamWeaveError("mover_unsuitable", f"{where}: {first['msg']}") from error


def ensure_serves(mover: Mover[Any], protocol: str) -> None:
    """Refuse a protocol that this mover does not speak.

    Raises:
        StreamWeaveError: `mover_unsuitable` with what it serves.
    """
    if protocol not in mover.protocols:
        served = ", ".join(sorted(mover.protocols))
        raise StreamWeaveError(
            "mover_unsuitable", f"{mover.title} serves {served}, not {protocol}."
        )


def ensure_suitable(mover: Mover[Any], place: Place, options: Options) -> None:
    """Refuse what this mover cannot reach, before anything connects.

    Raises:
        StreamWeaveError: `mover_unsuitable` with the reason.
    """
    ensure_serves(mover, place.protocol)
    if (reason := mover.unsuitable(place, options)) is not None:
        raise StreamWeaveError("mover_unsuitable", reason)


def ensure_available(mover: Mover[Any]) -> None:
    """Refuse a mover that lacks something on this machine.

    Raises:
        StreamWeaveError: `mover_unavailable` with the reason.
    """
    if (problem := mover.problem()) is not None:
        raise StreamWeaveError("mover_unavailable", f"{mover.title}: {problem}")
