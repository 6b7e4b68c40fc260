"""Opening beneath a root: no component of a path may be a link out of it.

Directories are opened one component at a time with O_NOFOLLOW from a held descriptor of the root,
so that neither `..` nor a symbolic link planted meanwhile leads elsewhere (CWE-59).
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Anchor:
    """Descriptors of directories below one root, kept until `close`.

    `made` is told the descriptor of each directory that was made here.
    """

    def __init__(
        self, root: Path, *, keep: int = 512, made: Callable[[int], None] | None = None
    ) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: dict[bytes, int] = {}
        self._keep = keep
        self._made = made
        self._opening = threading.RLock()  # several threads work on a mount

    @property
    def root(self) -> int:
        """The descriptor of the root."""
        return self._root

    def directory(self, path: bytes, *, make: bool = False) -> int:
        """Return a descriptor of a directory below the root; valid until `trim` or `close`.

        Raises:
            OSError: with ELOOP when a component is a symbolic link.
        """
        if not path:
            return self._root
        with self._opening:
            known = self._open.get(path)
            if known is None:
                known = self._open[path] = self._directory(path, make)
            return known

    def _directory(self, path: bytes, make: bool) -> int:
        head, _, name = path.rpartition(b"/")
        above = self.directory(head, make=make)
        is_new = make and _make(name, above)
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=above)
        except NotADirectoryError:
            if os.path.islink(f"/proc/self/fd/{above}/{os.fsdecode(name)}"):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
            raise
        if is_new and self._made is not None:
            try:
                self._made(descriptor)
            except OSError:
                os.close(descriptor)
                raise
        return descriptor

    def trim(self) -> None:
        """Close what is kept when it has become much; call it where no descriptor is in use."""
        if len(self._open) > self._keep:
            self._close_kept()

    def _close_kept(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def close(self) -> None:
        """Close all descriptors."""
        self._close_kept()
        os.close(self._root)


def _make(name: bytes, above: int) -> bool:
    """Make a directory; return whether it is new."""
    try:
        os.mkdir(name, 0o755, dir_fd=above)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def anchored(root: Path) -> Iterator[Anchor]:
    """Open an anchor for the length of a block."""
    anchor = Anchor(root)
    try:
        yield anchor
    finally:
        anchor.close()
