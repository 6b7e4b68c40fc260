"""rclone's error texts, as they were seen from 1.75.2, and what they mean."""

import pytest

from app.errors import CATALOGUE, ErrorClass
from app.transfers.rclone.classify import _FRAGMENTS, classify

TEXTS = {
    "object not found": "source_file_missing",
    "error in ListJSON: directory not found": "source_folder_missing",
    "couldn't initialize SMB: response error: {Network Name Not Found} The specified share name "
    "cannot be found on the remote server.": "source_share_missing",
    "failed to open source object: failed to open: open no: permission denied": (
        "source_permission_denied"
    ),
    "failed to open file a.raw: failed to open: open a.raw: permission denied": (
        "source_permission_denied"
    ),
    "couldn't connect SMB: response error: The attempted logon is invalid. This is either due to "
    "a bad username or authentication information.": "source_logon_failed",
    "NewFs: couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted "
    "methods [none password], no supported methods remain": "source_logon_failed",
    "couldn't connect SMB: dial tcp 127.0.0.1:1: connect: connection refused": (
        "source_unreachable"
    ),
    "dial tcp: lookup nosuch.invalid on 10.0.0.1:53: no such host": "source_host_unknown",
    "operation error S3: HeadObject, https response error StatusCode: 403, RequestID: , api error "
    "Forbidden: Forbidden": "source_permission_denied",
    "operation error S3: ListObjects, https response error StatusCode: 403, RequestID: , HostID: "
    ", api error SignatureDoesNotMatch: The request signature": "source_logon_failed",
    "operation error S3: ListObjects, https response error StatusCode: 403, RequestID: , HostID: "
    ", api error InvalidAccessKeyId: The Access Key Id": "source_logon_failed",
    "operation error S3: ListObjects, api error NoSuchBucket: The specified bucket": (
        "source_share_missing"
    ),
    "couldn't list files: 401 Unauthorized": "source_logon_failed",
    "read big\\b0.raw: connection error: read tcp 127.0.0.1:42->127.0.0.1:445: i/o timeout": (
        "source_timeout"
    ),
    'couldn\'t list files: Propfind "http://127.0.0.1:27005/x/": net/http: timeout awaiting '
    "response headers": "source_timeout",
    "ssh: handshake failed: knownhosts: key mismatch": "source_host_key_mismatch",
    "ssh: handshake failed: knownhosts: key is unknown": "source_host_key_mismatch",
    "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer": "source_connection_lost",
    'error listing "": connection lost': "source_connection_lost",
    "unexpected EOF": "source_connection_lost",
    "something that nobody has seen before": "source_error",
}


@pytest.mark.parametrize(("text", "code"), TEXTS.items())
def test_a_text_of_rclone_has_one_meaning(text: str, code: str) -> None:
    error = classify(text, "reading")
    assert error.code == code
    assert error.detail.startswith("reading: ")


def test_every_fragment_is_lower_case_and_its_code_catalogued() -> None:
    for fragment, code in _FRAGMENTS:
        assert fragment == fragment.lower()
        assert code in CATALOGUE


def test_a_refused_log_on_is_never_taken_for_something_to_repeat() -> None:
    for text, code in TEXTS.items():
        if code == "source_logon_failed":
            assert classify(text, "x").error_class is ErrorClass.CONFIGURATION


def test_a_long_text_is_cut() -> None:
    assert len(classify("x" * 10_000, "reading").detail) < 500
