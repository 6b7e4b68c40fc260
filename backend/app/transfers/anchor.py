"""Opening beneath a root: no component of a path may be a link out of it.

Directories are opened one component at a time with O_NOFOLLOW from a held descriptor of the root,
so that neither `..` nor a symbolic link planted meanwhile leads elsewhere (CWE-59).
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Anchor:
    """Descriptors of directories below one root, kept until `close`."""

    def __init__(self, root: Path, *, keep: int = 512) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: dict[bytes, int] = {}
        self._keep = keep

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
        known = self._open.get(path)
        if known is not None:
            return known
        head, _, name = path.rpartition(b"/")
        above = self.directory(head, make=make)
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=above)
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=above)
        except NotADirectoryError:
            if os.path.islink(f"/proc/self/fd/{above}/{os.fsdecode(name)}"):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
            raise
        self._open[path] = descriptor
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


@contextlib.contextmanager
def anchored(root: Path) -> Iterator[Anchor]:
    """Open an anchor for the length of a block."""
    anchor = Anchor(root)
    try:
        yield anchor
    finally:
        anchor.close()
