"""Single files on a POSIX file system, by descriptor: what the kernel is asked for.

Errors are the kernel's own (OSError): `posix` says what they mean for a storage location.
"""

import ctypes
import errno
import hashlib
import mmap
import os
from enum import Enum

from app.transfers.base import ObjectFacts, ReadBack, ReadBackFrom
from app.transfers.calls import progress

CHUNK = 1 << 20
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
CANNOT_REFUSE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}  # what renameat2 says then
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None, use_errno=True)
_off64 = ctypes.c_int64


def write_all(descriptor: int, chunk: bytes) -> None:
    """Write all of it, however little the kernel takes at a time."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


class Lasting(Enum):
    """What of a file's numbers stays the same on a file system while the file is the same."""

    DEVICE_AND_NUMBER = "device and number"
    NUMBER = "number"  # a network file system has another device after each mounting
    NEITHER = "neither"  # the numbers are made up by a program, and made up again


def facts_of(found: os.stat_result, lasting: Lasting = Lasting.DEVICE_AND_NUMBER) -> ObjectFacts:
    """Return what tells an object from another one at its place."""
    # Inode numbers are used again, and a file can be written to in place: the modification time,
    # which is the source's, tells both. In seconds, since mounted file systems round the rest.
    seconds = found.st_mtime_ns // 10**9
    names = {
        Lasting.DEVICE_AND_NUMBER: f"{found.st_dev}:{found.st_ino}:{seconds}",
        Lasting.NUMBER: f"{found.st_ino}:{seconds}",
        Lasting.NEITHER: f"{found.st_size}:{seconds}",
    }
    return ObjectFacts(object_id=names[lasting], size_bytes=found.st_size)


def stat_name(
    directory: int, name: bytes, lasting: Lasting = Lasting.DEVICE_AND_NUMBER
) -> ObjectFacts | None:
    """Return what stands at a name, itself and no link's target; None for nothing."""
    try:
        return facts_of(os.stat(name, dir_fd=directory, follow_symlinks=False), lasting)
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


def give_name(directory: int, old: bytes, new: bytes) -> bool:
    """Give a file the name `new` too, or instead, unless that exists; return whether it has it.

    `link(2)` fails when the name exists; where a file system has no links, `renameat2` does.
    """
    try:
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return rename_noreplace(directory, old, new)
    return True


def rename_if_unseen(directory: int, old: bytes, new: bytes) -> bool:
    """Rename after a look: for mounts that can neither link nor refuse."""
    if stat_name(directory, new) is not None:
        return False
    os.rename(old, new, src_dir_fd=directory, dst_dir_fd=directory)
    return True


def read_back(
    directory: int, name: bytes, *, sync: bool, lasting: Lasting = Lasting.DEVICE_AND_NUMBER
) -> ReadBack:
    """Hash what the file holds, past the page cache where the kernel can; `sync` it first."""
    descriptor = os.open(name, READ_FLAGS, dir_fd=directory)
    try:
        if sync:
            os.fsync(descriptor)
        is_disk = lasting is Lasting.DEVICE_AND_NUMBER
        drop = _drop_from_page_cache if is_disk else _drop_from_client
        source = drop(descriptor)
        digest, size = hashlib.sha256(), 0
        while chunk := os.read(descriptor, CHUNK):
            progress()
            digest.update(chunk)
            size += len(chunk)
        facts = facts_of(os.fstat(descriptor), lasting)
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


def _drop_from_client(descriptor: int) -> ReadBackFrom:
    """Ask this machine to forget the file's pages; what is left of it is asked of the server.

    Network file systems cannot say by RWF_NOWAIT whether they did, so the memory itself is asked
    (mincore(2)). What the server's disk holds nobody can ask from here.
    """
    if not hasattr(os, "posix_fadvise"):
        return ReadBackFrom.PAGE_CACHE
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return ReadBackFrom.PAGE_CACHE if _is_in_memory(descriptor) else ReadBackFrom.SERVER_CACHE


def _is_in_memory(descriptor: int) -> bool:
    """Whether the first page is in memory; True as well where that cannot be found out."""
    if os.fstat(descriptor).st_size == 0:
        return False  # there is nothing to hold
    page, at, resident = mmap.PAGESIZE, ctypes.c_void_p, (ctypes.c_ubyte * 1)(1)
    _libc.mmap.restype = at
    _libc.mmap.argtypes = (at, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, _off64)
    place = _libc.mmap(None, page, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if place == ctypes.c_void_p(-1).value:
        return True
    try:
        failed = _libc.mincore(at(place), ctypes.c_size_t(page), resident)
        return bool(failed) or bool(resident[0] & 1)
    finally:
        _libc.munmap(at(place), ctypes.c_size_t(page))
