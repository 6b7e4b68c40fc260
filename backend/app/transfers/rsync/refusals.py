"""What went wrong with an rsync daemon as a storage, as codes of the error catalogue.

rsync's exit code says how far it got; what is about one file stands in a line of its own, with the
number of the system's error. Numbers are the same everywhere, words are not.
"""

import errno
import re
from collections.abc import Iterator, Sequence

from app.errors import StreamWeaveError
from app.transfers.rsync.said import telling, text_of, unescaped

SOME_FAILED = frozenset({0, 23, 24})
_OURS = {"push": (b"sender", b"client"), "pull": (b"receiver", b"generator", b"Receiver")}
_OF_A_PATH = re.compile(
    rb'rsync: (?:\[(?P<side>\w+)\] )?[^"]*"(?P<path>.*)"(?: \(in .*\))?.*: .* \((?P<number>\d+)\)',
    re.DOTALL,
)
_NOT_THE_SAME = re.compile(rb"ERROR: (?P<path>.*) failed verification", re.DOTALL)
_SAID = (
    (rb"@ERROR: auth failed", "storage_logon_failed"),
    (rb"@ERROR: (?:Unknown module|chroot failed|chdir failed)", "storage_share_missing"),
    # It refuses the worker's address, not its account.
    (rb"@ERROR: access denied", "storage_unreachable"),
    (rb"@ERROR: max connections", "storage_busy"),
    (rb"module is read only", "storage_read_only"),
    (rb"module is write only", "storage_permission_denied"),
    (rb"configured to refuse|unknown option", "storage_unsuitable"),
    (rb"getaddrinfo:|Name or service not known|nodename nor servname", "storage_host_unknown"),
)
_NUMBERS = {
    errno.ENOENT: "storage_object_missing",
    errno.EPERM: "storage_permission_denied",
    errno.EACCES: "storage_permission_denied",
    errno.EROFS: "storage_read_only",
    errno.ENOSPC: "storage_full",
    errno.EDQUOT: "storage_full",
    errno.EEXIST: "destination_conflict",
    errno.ENOTDIR: "destination_conflict",
    errno.EISDIR: "destination_conflict",
    errno.ENAMETOOLONG: "storage_name_refused",
    errno.EILSEQ: "storage_name_refused",
    errno.EINVAL: "storage_name_refused",
    errno.ELOOP: "storage_unsafe_path",
}
_EXITS = {
    1: "storage_unsuitable",  # the other side does not know an option
    2: "storage_unsuitable",
    4: "storage_unsuitable",
    5: "storage_connection_lost",
    10: "storage_unreachable",
    12: "storage_connection_lost",
    30: "storage_stalled",
    35: "storage_stalled",
}


def troubles(lines: Sequence[bytes], direction: str) -> Iterator[tuple[bytes, StreamWeaveError]]:
    """Yield what is about single paths, in their order: the path in the module, and the error.

    `direction` is `push` or `pull`: it tells which side is this machine.
    """
    for line in lines:
        if (found := _NOT_THE_SAME.match(line)) is not None:
            yield unescaped(found["path"]), StreamWeaveError("read_back_mismatch", text_of(line))
        elif (found := _OF_A_PATH.match(line)) is not None:
            number = int(found["number"])
            code = _NUMBERS.get(number, "storage_error")
            if found["side"] in _OURS[direction]:
                ours = number in (errno.ENOSPC, errno.EDQUOT)
                code = "landing_full" if ours else "storage_error"
            yield unescaped(found["path"]), StreamWeaveError(code, text_of(line))


def ensure_ended(exit_code: int, lines: Sequence[bytes], direction: str) -> None:
    """Raise what is about the whole call; files that failed alone are no reason.

    Raises:
        StreamWeaveError: with the code of what rsync's exit code and words mean.
    """
    if exit_code in SOME_FAILED:
        return
    said = b"\n".join(lines)
    for pattern, code in _SAID:
        if re.search(pattern, said):
            raise StreamWeaveError(code, telling(lines, exit_code))
    code = _EXITS.get(exit_code, "storage_error")
    if exit_code not in (10, 30, 35):
        for _, error in troubles(lines, direction):
            if error.code == "storage_object_missing":  # the folder that all of it goes to
                raise StreamWeaveError("storage_share_missing", error.detail)
            raise error
    raise StreamWeaveError(code, telling(lines, exit_code))
