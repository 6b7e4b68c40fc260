"""What an OSError means, at a storage and at a local source."""

import errno

from app.errors import StreamWeaveError

_STORAGE = {
    errno.ENOSPC: "storage_full",
    errno.EDQUOT: "storage_full",
    errno.EFBIG: "storage_full",
    errno.EACCES: "storage_permission_denied",
    errno.EPERM: "storage_permission_denied",
    errno.EROFS: "storage_read_only",
    errno.ENAMETOOLONG: "storage_name_refused",
    errno.EILSEQ: "storage_name_refused",
    errno.EINVAL: "storage_name_refused",
    errno.ELOOP: "storage_unsafe_path",
    errno.ENOTDIR: "destination_conflict",
    errno.EISDIR: "destination_conflict",
    errno.ESTALE: "storage_unreachable",
    errno.ENODEV: "storage_unreachable",
    errno.ENOTCONN: "storage_unreachable",  # a FUSE mount whose program died
    errno.EHOSTDOWN: "storage_unreachable",
    errno.EHOSTUNREACH: "storage_unreachable",
    errno.ETIMEDOUT: "storage_stalled",
    errno.EBUSY: "storage_file_locked",
    errno.ETXTBSY: "storage_file_locked",
    errno.EMFILE: "too_many_open_files",
    errno.ENFILE: "too_many_open_files",
}
_SOURCE = {
    errno.ENOENT: "source_file_missing",
    errno.ENOTDIR: "source_file_missing",
    errno.EACCES: "source_permission_denied",
    errno.EPERM: "source_permission_denied",
    errno.ESTALE: "source_unreachable",
    errno.ELOOP: "source_name_unsafe",
    errno.ETIMEDOUT: "source_timeout",
    errno.EMFILE: "too_many_open_files",
    errno.ENFILE: "too_many_open_files",
}


def storage_error(error: OSError, step: str) -> StreamWeaveError:
    """Return the catalogued error of a failed step at a storage."""
    code = _STORAGE.get(error.errno or 0, "storage_error")
    return StreamWeaveError(code, f"{step}: {error.strerror or error}")


def source_error(error: OSError, step: str) -> StreamWeaveError:
    """Return the catalogued error of a failed step at a local source."""
    code = _SOURCE.get(error.errno or 0, "source_error")
    return StreamWeaveError(code, f"{step}: {error.strerror or error}")
