"""What is mounted below an open folder: asked of the descriptor, so that no path can lie.

An unmounted mount point is an ordinary folder of the local disk. Writing into it would fill that
disk and hide the files as soon as the mount is back, so a storage may demand a mount.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from app.errors import StreamWeaveError

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "ceph", "lustre", "gpfs"}
    | {"beegfs", "orangefs", "afs", "coda", "davfs", "fuse"}
)
_MEMORY = frozenset({"tmpfs", "ramfs"})
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system."""

    point: str
    fstype: str
    source: str
    options: str = ""

    @property
    def is_network(self) -> bool:
        """Whether its files are another machine's, or another program's."""
        return self.fstype in _NETWORK or self.fstype.startswith("fuse.")

    @property
    def may_forget(self) -> bool:
        """Whether a finished sync means nothing there, or nobody knows what."""
        return self.fstype in _MEMORY or self.fstype == "fuse" or self.fstype.startswith("fuse.")

    @property
    def keeps_numbers(self) -> bool:
        """Whether a file has the same number as long as it is the same file."""
        return not self.may_forget and "noserverino" not in self.options.split(",")


def mount_of(descriptor: int) -> Mount | None:
    """Return the mount on which an open folder lies; None where the system does not tell."""
    try:
        lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None  # no /proc: only Linux can be asked this way
    number = next((line.split()[1] for line in lines if line.startswith("mnt_id:")), "")
    for line in mounts:
        place, _, kind = line.partition(" - ")
        fields, kinds = place.split(" "), kind.split(" ")
        if fields[0] == number:
            return Mount(_plain(fields[4]), kinds[0], _plain(kinds[1]), kinds[2])
    return None


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)


@dataclass(frozen=True, slots=True)
class MountRule:
    """What must be mounted where a storage's root is.

    `fstype` empty: any network file system; `point` and `source` empty: any. Local file systems
    need `point`, since the disk below has perhaps the same type.
    """

    fstype: str = ""
    point: str = ""
    source: str = ""

    def check(self, mount: Mount | None, root: Path) -> None:
        """Raise `storage_not_mounted` unless it is fulfilled."""
        if mount is None:
            raise StreamWeaveError("storage_not_mounted", f"{root}: the system does not tell.")
        wanted = (self.fstype, mount.fstype), (self.point, mount.point), (self.source, mount.source)
        right = all(want in ("", found) for want, found in wanted)
        if not self.fstype and not self.point:
            right = right and mount.is_network
        if not right:
            raise StreamWeaveError(
                "storage_not_mounted",
                f"{root} lies on {mount.point} ({mount.fstype}, {mount.source}).",
            )
