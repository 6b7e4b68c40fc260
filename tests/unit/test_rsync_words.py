"""What rsync says is understood: lists with any name's bytes, and why something failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import CATALOGUE
from app.transfers.rsync.classify import ensure_ended_well, file_troubles, ssh_error
from app.transfers.rsync.said import listed, unescaped
from streamweave_sdk.transfers import FileFacts, TransferError


def _escaped(name: bytes) -> bytes:
    """Write a name as rsync does: what cannot be printed, and a backslash that could mislead."""
    out = b""
    for at, byte in enumerate(name):
        follows = name[at + 1 : at + 5]
        misleads = byte == 0x5C and follows[:1] == b"#" and follows[1:].isdigit()
        misleads = misleads and len(follows) == 4
        out += bytes([byte]) if 32 <= byte < 127 and not misleads else b"\\#%03o" % byte
    return out


@given(st.binary(max_size=60) | st.text("\\#0123\n", max_size=20).map(str.encode))
def test_the_bytes_of_a_name_come_back_exactly(name: bytes) -> None:
    assert unescaped(_escaped(name)) == name


def test_a_line_of_a_list_gives_kind_size_time_and_name() -> None:
    line = listed(b"-rw-r--r--          30 2026/11/25 16:22:30  two words ")
    assert line is not None
    assert (line.is_file, line.is_directory, line.name) == (True, False, b" two words ")
    assert line.facts == FileFacts(30, 1_795_623_750_000_000_000)
    old = listed(b"drwxr-xr-x        4096 1969/12/31 23:59:55 a\\#012b")
    assert old is not None
    assert (old.is_directory, old.name) == (True, b"a\nb")
    assert old.facts == FileFacts(4096, -5_000_000_000)


def test_a_time_that_cannot_be_stored_is_no_time() -> None:
    line = listed(b"-rw-r--r--           1 9999/01/01 00:00:00 a")
    assert line is not None
    assert line.facts is None


@pytest.mark.parametrize("line", [b"", b'skipping non-regular file "a"', b"came 3 a", b"hello"])
def test_other_lines_are_no_list(line: bytes) -> None:
    assert listed(line) is None


@pytest.mark.parametrize(
    ("line", "path", "code"),
    [
        (
            b'rsync: [sender] link_stat "/d/a\\#012b" failed: No such file or directory (2)',
            b"/d/a\nb",
            "source_file_missing",
        ),
        (
            b'rsync: [sender] send_files failed to open "/x" (in data): Permission denied (13)',
            b"/x",
            "source_permission_denied",
        ),
        (b'file has vanished: "/d/gone" (in data)', b"/d/gone", "source_file_missing"),
        (
            b"ERROR: a/b failed verification -- update discarded.",
            b"a/b",
            "source_file_changed",
        ),
        (
            b'rsync: [sender] read errors mapping "/d/a": Input/output error (5)',
            b"/d/a",
            "source_error",
        ),
    ],
)
def test_a_files_trouble_names_the_file_and_a_code(line: bytes, path: bytes, code: str) -> None:
    (trouble,) = file_troubles([b"something else", line])
    assert (trouble.path, trouble.error.code) == (path, code)


def test_no_room_here_is_about_all_files() -> None:
    said = b'rsync: [receiver] write failed on "/in/a": No space left on device (28)'
    with pytest.raises(TransferError) as refused:
        file_troubles([said])
    assert refused.value.code == "landing_full"


@pytest.mark.parametrize(
    ("exit_code", "said", "code"),
    [
        (5, b"@ERROR: auth failed on module data", "source_logon_failed"),
        (5, b"@ERROR: Unknown module 'x'", "source_share_missing"),
        (5, b"@ERROR: access denied to data from host (10.0.0.1)", "source_unreachable"),
        (10, b"rsync: failed to connect to h: Connection refused (111)", "source_unreachable"),
        (10, b"rsync: getaddrinfo: h 873: Name or service not known", "source_host_unknown"),
        (2, b"protocol version mismatch -- is your shell clean?", "source_protocol_mismatch"),
        (12, b"sh: 1: rsync: not found", "source_protocol_mismatch"),
        (127, b"bash: line 1: rsync: command not found", "source_protocol_mismatch"),
        (12, b"bash: line 1: /x/rsync: No such file or directory", "source_protocol_mismatch"),
        (255, b"sh: 1: /x/rsync: Permission denied", "source_protocol_mismatch"),
        (12, b"rsync: connection unexpectedly closed", "source_connection_lost"),
        (255, b"Connection closed by UNKNOWN port 65535", "source_connection_lost"),
        (30, b"[sender] io timeout after 20 seconds -- exiting", "source_timeout"),
        (35, b"", "source_unreachable"),
        (11, b'rsync: [receiver] write failed on "a": Disk quota exceeded (122)', "landing_full"),
        (99, b"", "source_error"),
    ],
)
def test_what_is_about_all_files_is_a_code_of_the_catalogue(
    exit_code: int, said: bytes, code: str
) -> None:
    with pytest.raises(TransferError) as refused:
        ensure_ended_well(exit_code, [said, b"rsync error: some (code 5) at main.c(1)"])
    assert refused.value.code == code
    assert code in CATALOGUE


@pytest.mark.parametrize("exit_code", [0, 23, 24])
def test_single_files_that_failed_do_not_stop_a_call(exit_code: int) -> None:
    said = [b'rsync: [sender] link_stat "a" failed: No such file (2)']
    ensure_ended_well(exit_code, said)  # raises nothing
    assert [(one.path, one.error.code) for one in file_troubles(said)] == [
        (b"a", "source_file_missing")
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"u@h: Permission denied (publickey,password).", "source_logon_failed"),
        (b"Host key verification failed.", "source_host_key_mismatch"),
        (b"ssh: Could not resolve hostname h: Name or service not known", "source_host_unknown"),
        (b"ssh: connect to host h port 22: Connection timed out", "source_timeout"),
        (b"ssh: connect to host h port 22: Connection refused", "source_unreachable"),
    ],
)
def test_ssh_says_why_it_did_not_get_through(said: bytes, code: str) -> None:
    error = ssh_error([b"@@@@@@@@", said])
    assert error.code == code
    assert "@@@@" not in error.detail
