"""Single files on a POSIX file system, by descriptor: what the kernel is asked for.

Errors are the kernel's own (OSError): `posix` says what they mean for a storage location.
"""

import ctypes
import errno
import hashlib
import os

from app.transfers.base import ObjectFacts, ReadBack, ReadBackFrom
from app.transfers.calls import progress

CHUNK = 1 << 20
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None, use_errno=True)
_off64 = ctypes.c_int64


def write_all(descriptor: int, chunk: bytes) -> None:
    """Write all of it, however little the kernel takes at a time."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def facts_of(found: os.stat_result) -> ObjectFacts:
    """Return what tells an object from another one at its place."""
    # Inode numbers are used again, and a file can be written to in place: the modification time,
    # which is the source's, tells both. In seconds, since mounted file systems round the rest.
    seconds = found.st_mtime_ns // 10**9
    object_id = f"{found.st_dev}:{found.st_ino}:{seconds}"
    return ObjectFacts(object_id=object_id, size_bytes=found.st_size)


def stat_name(directory: int, name: bytes) -> ObjectFacts | None:
    """Return what stands at a name, itself and no link's target; None for nothing."""
    try:
        return facts_of(os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        return None


def fsync_name(directory: int, name: bytes) -> None:
    """Make one file durable by its name; any process's fsync writes all of its pages."""
    descriptor = os.open(name, READ_FLAGS, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def syncfs(descriptor: int) -> None:
    """Make a whole file system durable (syncfs(2)); it reports errors since Linux 5.8."""
    if not hasattr(_libc, "syncfs"):
        raise OSError(errno.ENOSYS, "no syncfs")
    if _libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def begin_writeback(descriptor: int, start: int, size: int) -> None:
    """Let the disk begin with a range, so that the batch's sync finds little left to do.

    A hint: what it could not do the sync does (sync_file_range(2)).
    """
    if hasattr(_libc, "sync_file_range"):
        _libc.sync_file_range(descriptor, _off64(start), _off64(size), _SYNC_FILE_RANGE_WRITE)


def rename_noreplace(directory: int, old: bytes, new: bytes) -> bool:
    """Rename unless `new` exists (renameat2(2)); return whether it was renamed."""
    if _libc.renameat2(directory, old, directory, new, _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.EEXIST:
        return False
    raise OSError(number, os.strerror(number))


def read_back(directory: int, name: bytes, *, sync: bool) -> ReadBack:
    """Hash what the file holds, past the page cache where the kernel can; `sync` it first."""
    descriptor = os.open(name, READ_FLAGS, dir_fd=directory)
    try:
        if sync:
            os.fsync(descriptor)
        source = _drop_from_page_cache(descriptor)
        digest, size = hashlib.sha256(), 0
        while chunk := os.read(descriptor, CHUNK):
            progress()
            digest.update(chunk)
            size += len(chunk)
        facts = facts_of(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    return ReadBack(digest.digest(), size, facts.object_id, source)


def _drop_from_page_cache(descriptor: int) -> ReadBackFrom:
    """Ask the kernel to forget the file's pages, and ask whether it did (preadv2 RWF_NOWAIT)."""
    if not hasattr(os, "posix_fadvise") or not hasattr(os, "RWF_NOWAIT"):
        return ReadBackFrom.PAGE_CACHE
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return ReadBackFrom.DEVICE  # the first page is not in memory: it must come from below
    except OSError:
        return ReadBackFrom.PAGE_CACHE  # the file system cannot say
    return ReadBackFrom.PAGE_CACHE
