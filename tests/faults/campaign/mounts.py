"""Small mounts of a round's own, in a mount namespace that ends with the campaign's process."""

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _DETACH, _RECURSIVE, _PRIVATE = 1, 32, 4096, 2, 16384, 1 << 18


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def enter_namespace() -> str | None:
    """Take a mount namespace of our own; return why mounting is not possible, or None.

    Without root, in a user namespace in which this user keeps its number. Call it before any
    thread or child process is started.
    """
    try:
        if os.geteuid() == 0:
            _call("unshare", _NEW_MOUNTS)
        else:
            user, group = os.geteuid(), os.getegid()
            _call("unshare", _NEW_MOUNTS | _NEW_USER)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        _mount(None, Path("/"), None, _RECURSIVE | _PRIVATE)
    except OSError as error:
        return str(error)
    return None


def _mount(
    source: Path | None, target: Path, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [None if one is None else str(one).encode() for one in (source, target, kind, options)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


class Disk:
    """A small file system of its own (tmpfs); its folder `archive` is mounted at a place."""

    def __init__(self, folder: Path, place: Path, size_bytes: int) -> None:
        self._folder = folder
        self._place = place
        folder.mkdir()
        place.mkdir(exist_ok=True)
        _mount(Path("tmpfs"), folder, "tmpfs", 0, f"size={size_bytes},mode=755")
        (folder / "archive").mkdir()
        self.mount()

    @property
    def _filler(self) -> Path:
        return self._folder / "filler"

    def mount(self) -> None:
        """Make it appear at its place."""
        _mount(self._folder / "archive", self._place, None, _BIND)

    def unmount(self) -> None:
        """Make it disappear, also while it is used: an empty folder is left."""
        _call("umount2", str(self._place).encode(), _DETACH)

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):  # that is the end of the space
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)

    def set_read_only(self, value: bool) -> bool:
        """Mount it read-only or for writing; False while a file is open for writing."""
        flags = _BIND | _REMOUNT | (_READ_ONLY if value else 0)
        try:
            _mount(None, self._place, None, flags)
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            raise
        return True

    def close(self) -> None:
        """Unmount both."""
        for place in (self._place, self._folder):
            with contextlib.suppress(OSError):  # it may be unmounted already
                _call("umount2", str(place).encode(), _DETACH)


@contextlib.contextmanager
def disk(folder: Path, place: Path, size_bytes: int) -> Iterator[Disk]:
    """A disk for the length of a round."""
    made = Disk(folder, place, size_bytes)
    try:
        yield made
    finally:
        made.close()
