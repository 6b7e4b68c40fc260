"""What went wrong with rsync or its SSH line, as codes of the error catalogue.

rsync's exit code says how far it got; what is about one file stands in a line of its own, with the
number of the system's error. Numbers are the same everywhere, words are not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.transfers.rsync.said import telling, text_of, unescaped
from streamweave_sdk.transfers import TransferError

_SOME_FAILED = {23, 24}
_ENDED_WELL = {0} | _SOME_FAILED
# ELOOP: a link stands where a folder was.
_GONE, _REFUSED, _NO_ROOM = {2, 20, 40}, {1, 13}, {28, 122}
_OF_A_FILE = re.compile(
    rb'rsync: (?:\[(?P<side>\w+)\] )?(?P<doing>[^"]*?) ?"(?P<path>.*)"(?: \(in .*\))?'
    rb"(?: failed)?: (?P<text>.*) \((?P<number>\d+)\)",
    re.DOTALL,
)
_VANISHED = re.compile(rb'file has vanished: "(?P<path>.*)"(?: \(in .*\))?', re.DOTALL)
_NOT_THE_SAME = re.compile(rb"ERROR: (?P<path>.*) failed verification", re.DOTALL)
_DAEMON = (
    (rb"@ERROR: auth failed", "source_logon_failed"),
    (rb"@ERROR: (?:Unknown module|chroot failed|chdir failed)", "source_share_missing"),
    # It refuses the worker's address, not its account.
    (rb"@ERROR: access denied", "source_unreachable"),
    (rb"@ERROR: max connections", "source_unreachable"),
)
_SSH = (
    (rb"Host key verification failed|HOST IDENTIFICATION HAS CHANGED", "source_host_key_mismatch"),
    (rb"Permission denied|Too many authentication failures", "source_logon_failed"),
    (rb"Could not resolve hostname", "source_host_unknown"),
    (rb"timed out", "source_timeout"),
)
_NO_NAME = rb"getaddrinfo:|Name or service not known|nodename nor servname"
# Said by the server's shell; the exit code is that of a broken connection when it came first.
_NO_RSYNC = re.compile(
    rb"command not found|: not found|is your shell clean"
    rb"|^\S*sh: .*: (?:No such file or directory|Permission denied)",
    re.MULTILINE,
)
_EXITS = {
    1: "source_protocol_mismatch",  # the other side does not know an option
    2: "source_protocol_mismatch",
    4: "source_protocol_mismatch",
    5: "source_error",
    10: "source_unreachable",
    12: "source_connection_lost",
    30: "source_timeout",
    35: "source_unreachable",
    126: "source_protocol_mismatch",
    127: "source_protocol_mismatch",
    255: "source_connection_lost",
}


@dataclass(frozen=True, slots=True)
class FileTrouble:
    """What rsync said about one file; `path` is as the server sees it."""

    path: bytes
    error: TransferError
    is_folder: bool = False  # the root itself could not be entered


def file_troubles(lines: Sequence[bytes]) -> list[FileTrouble]:
    """Return what is about single files, in their order.

    Raises:
        TransferError: `landing_full` when there is no room on our own side.
    """
    return [trouble for line in lines if (trouble := _trouble(line)) is not None]


def _trouble(line: bytes) -> FileTrouble | None:
    if (found := _VANISHED.match(line)) is not None:
        return FileTrouble(unescaped(found["path"]), TransferError("source_file_missing"))
    if (found := _NOT_THE_SAME.match(line)) is not None:
        error = TransferError("source_file_changed", "rsync's check of the whole file failed.")
        return FileTrouble(unescaped(found["path"]), error)
    found = _OF_A_FILE.match(line)
    if found is None:
        return None
    number, detail = int(found["number"]), text_of(line)
    if found["side"] in (b"receiver", b"generator", b"Receiver", b"Generator"):
        if number in _NO_ROOM:
            raise TransferError("landing_full", detail)
        return FileTrouble(unescaped(found["path"]), TransferError("mover_error", detail))
    is_folder = found["doing"].startswith(b"change_dir")
    code = "source_error"
    if number in _GONE:
        code = "source_folder_missing" if is_folder else "source_file_missing"
    elif number in _REFUSED:
        code = "source_permission_denied"
    return FileTrouble(unescaped(found["path"]), TransferError(code, detail), is_folder)


def ensure_ended_well(exit_code: int, lines: Sequence[bytes]) -> None:
    """Raise what is about the whole call; files that failed alone are no reason.

    Raises:
        TransferError: with the code of what rsync's exit code and words mean.
    """
    if exit_code in _ENDED_WELL:
        return
    said = b"\n".join(lines)
    for pattern, code in _DAEMON:
        if re.search(pattern, said):
            raise TransferError(code, telling(lines, exit_code))
    for trouble in file_troubles(lines):
        if trouble.is_folder or exit_code == 3:
            raise trouble.error
    code = _EXITS.get(exit_code, "source_error")
    if exit_code == 10 and re.search(_NO_NAME, said):
        code = "source_host_unknown"
    if _NO_RSYNC.search(said):
        code = "source_protocol_mismatch"
    raise TransferError(code, telling(lines, exit_code))


def ssh_error(lines: Sequence[bytes]) -> TransferError:
    """Return why ssh did not get through."""
    said = b"\n".join(lines)
    code = next((c for pattern, c in _SSH if re.search(pattern, said)), "source_unreachable")
    return TransferError(code, telling(lines, 255))
