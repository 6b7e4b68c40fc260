"""What an NTSTATUS means for a storage: one table."""

from app.errors import StreamWeaveError

NO_MORE_FILES = 0x80000006
END_OF_FILE = 0xC0000011
NAME_COLLISION = 0xC0000035
PENDING = 0x00000103

_CODES = {
    "storage_object_missing": {
        0xC000000F: "NO_SUCH_FILE",
        0xC0000034: "OBJECT_NAME_NOT_FOUND",
        0xC000003A: "OBJECT_PATH_NOT_FOUND",
    },
    "storage_permission_denied": {
        0xC0000022: "ACCESS_DENIED",
        0xC0000061: "PRIVILEGE_NOT_HELD",
        0xC0000121: "CANNOT_DELETE",
    },
    "storage_file_locked": {
        0xC0000043: "SHARING_VIOLATION",
        0xC0000054: "FILE_LOCK_CONFLICT",
        0xC0000055: "LOCK_NOT_GRANTED",
        0xC0000056: "DELETE_PENDING",
        0xC0000187: "OPLOCK_BREAK_IN_PROGRESS",
    },
    "storage_full": {
        0xC0000044: "QUOTA_EXCEEDED",
        0xC000007F: "DISK_FULL",
        0xC0000802: "DISK_QUOTA_EXCEEDED",
        0xC0000904: "FILE_TOO_LARGE",
    },
    "storage_read_only": {0xC00000A2: "MEDIA_WRITE_PROTECTED"},
    "storage_name_refused": {
        0xC0000033: "OBJECT_NAME_INVALID",
        0xC0000039: "OBJECT_PATH_INVALID",
        0xC000003B: "OBJECT_PATH_SYNTAX_BAD",
        0xC0000106: "NAME_TOO_LONG",
    },
    "destination_conflict": {
        NAME_COLLISION: "OBJECT_NAME_COLLISION",
        0xC00000BA: "FILE_IS_A_DIRECTORY",
        0xC0000103: "NOT_A_DIRECTORY",
    },
    "storage_unsafe_path": {0x8000002D: "STOPPED_ON_SYMLINK"},
    "storage_share_missing": {
        0xC00000CB: "BAD_DEVICE_TYPE",
        0xC00000CC: "BAD_NETWORK_NAME",
        0xC0000257: "PATH_NOT_COVERED",
    },
    "storage_logon_failed": {
        0xC0000064: "NO_SUCH_USER",
        0xC000006A: "WRONG_PASSWORD",
        0xC000006D: "LOGON_FAILURE",
        0xC000006E: "ACCOUNT_RESTRICTION",
        0xC000006F: "INVALID_LOGON_HOURS",
        0xC0000070: "INVALID_WORKSTATION",
        0xC0000071: "PASSWORD_EXPIRED",
        0xC0000072: "ACCOUNT_DISABLED",
        0xC000015B: "LOGON_TYPE_NOT_GRANTED",
        0xC0000193: "ACCOUNT_EXPIRED",
        0xC0000224: "PASSWORD_MUST_CHANGE",
        0xC0000234: "ACCOUNT_LOCKED_OUT",
    },
    "storage_connection_lost": {
        0xC00000C9: "NETWORK_NAME_DELETED",
        0xC0000128: "FILE_CLOSED",
        0xC0000203: "USER_SESSION_DELETED",
        0xC000020C: "CONNECTION_DISCONNECTED",
        0xC000035C: "NETWORK_SESSION_EXPIRED",
    },
}
_BY_STATUS = {
    status: (code, name) for code, names in _CODES.items() for status, name in names.items()
}
# File systems without links: NOT_IMPLEMENTED, INVALID_INFO_CLASS, INVALID_PARAMETER, ...
CANNOT_LINK = frozenset({0xC0000002, 0xC0000003, 0xC000000D, 0xC0000010, 0xC00000BB})
# A folder's handle cannot be flushed everywhere; then its names are the server's affair.
CANNOT_FLUSH = frozenset({0xC0000002, 0xC000000D, 0xC0000010, 0xC0000022, 0xC00000BB})


class SmbRefused(Exception):
    """The server answered with a failure."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def error_of(status: int, step: str) -> StreamWeaveError:
    """Return the catalogued error of a status."""
    code, name = _BY_STATUS.get(status, ("storage_error", "unknown"))
    return StreamWeaveError(code, f"{step}: STATUS_{name} (0x{status:08X})")
