"""What an rsync daemon says to who delivers, as codes; lines of rsync 3.5.0."""

import pytest

from app.errors import StreamWeaveError
from app.transfers.rsync.parts import part_of
from app.transfers.rsync.refusals import ensure_ended, troubles

_AT = b'"/root/.streamweave/parts/x/file" (in data)'


@pytest.mark.parametrize(
    ("exit_code", "line", "code"),
    [
        (5, b"@ERROR: auth failed on module data", "storage_logon_failed"),
        (5, b"@ERROR: Unknown module 'nomod'", "storage_share_missing"),
        (5, b"@ERROR: max connections (4) reached -- try again later", "storage_busy"),
        (5, b"@ERROR: access denied to data from x (1.2.3.4)", "storage_unreachable"),
        (1, b"ERROR: module is read only", "storage_read_only"),
        (4, b"rsync: The server is configured to refuse --link-dest", "storage_unsuitable"),
        (4, b"rsync: --fsync: unknown option", "storage_unsuitable"),
        (1, b"The temp-dir is not a directory: x", "storage_unsuitable"),
        (10, b"rsync: getaddrinfo: nas 873: Name or service not known", "storage_host_unknown"),
        (10, b"rsync: failed to connect to h: Connection refused (111)", "storage_unreachable"),
        (12, b"rsync: connection unexpectedly closed", "storage_connection_lost"),
        (30, b"rsync error: timeout in data send/receive (code 30)", "storage_stalled"),
        (11, b"rsync: [receiver] write failed on " + _AT + b": No space left (28)", "storage_full"),
        (11, b"rsync: [Receiver] mkdir " + _AT + b" failed: No such (2)", "storage_share_missing"),
        (42, b"", "storage_error"),
    ],
)
def test_what_is_about_the_whole_call_has_its_code(exit_code: int, line: bytes, code: str) -> None:
    with pytest.raises(StreamWeaveError) as caught:
        ensure_ended(exit_code, [line], "push")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (2, "storage_object_missing"),
        (13, "storage_permission_denied"),
        (20, "destination_conflict"),
        (28, "storage_full"),
        (30, "storage_read_only"),
        (36, "storage_name_refused"),
        (40, "storage_unsafe_path"),
        (5, "storage_error"),
    ],
)
def test_what_is_about_a_file_has_its_path_and_code(number: int, code: str) -> None:
    line = b'rsync: [generator] mkstemp "/root/a\\#012b" (in data) failed: Words (%d)' % number
    ((path, error),) = troubles([line, b"rsync error: some files were not transferred"], "push")
    assert (path, error.code) == (b"/root/a\nb", code)


def test_our_own_disk_is_told_from_the_servers() -> None:
    line = b'rsync: [receiver] write failed on "/tmp/x": No space left on device (28)'
    ((_, theirs),) = troubles([line], "push")
    ((_, ours),) = troubles([line], "pull")
    assert (theirs.code, ours.code) == ("storage_full", "landing_full")


def test_some_files_that_failed_are_no_reason_to_stop() -> None:
    stopped = set()
    for exit_code in (0, 22, 23, 24, 25):
        try:
            ensure_ended(exit_code, [b"rsync: anything"], "pull")
        except StreamWeaveError:
            stopped.add(exit_code)
    assert stopped == {22, 25}


def test_a_temporary_is_known_by_its_folder() -> None:
    name = b".streamweave-01234567-" + b"a" * 32 + b"-2-part"
    assert part_of(b"/root/.streamweave/parts/" + name + b"/run/.file.x1") == name
    assert part_of(b"/root/.streamweave/journal/x.jsonl") is None
