"""What rclone's error texts mean. rclone has no error codes: this table is the one place to look.

Each line was seen from rclone 1.75.2. The first fragment found in the lower-cased text decides.
"""

from app.errors import StreamWeaveError

_FRAGMENTS = (
    ("unable to authenticate", "source_logon_failed"),
    ("logon is invalid", "source_logon_failed"),
    ("logon_failure", "source_logon_failed"),
    ("account has been locked", "source_logon_failed"),
    ("account is currently disabled", "source_logon_failed"),
    ("password has expired", "source_logon_failed"),
    ("invalidaccesskeyid", "source_logon_failed"),
    ("signaturedoesnotmatch", "source_logon_failed"),
    ("401 unauthorized", "source_logon_failed"),
    ("statuscode: 401", "source_logon_failed"),
    ("failed to parse private key", "source_logon_failed"),
    ("key mismatch", "source_host_key_mismatch"),
    ("key is unknown", "source_host_key_mismatch"),
    ("no such host", "source_host_unknown"),
    ("server misbehaving", "source_host_unknown"),
    ("network name not found", "source_share_missing"),
    ("network name cannot be found", "source_share_missing"),
    ("bad_network_name", "source_share_missing"),
    ("nosuchbucket", "source_share_missing"),
    ("directory not found", "source_folder_missing"),
    ("permission denied", "source_permission_denied"),
    ("access is denied", "source_permission_denied"),
    ("access denied", "source_permission_denied"),
    ("statuscode: 403", "source_permission_denied"),
    ("403 forbidden", "source_permission_denied"),
    ("object not found", "source_file_missing"),
    ("file does not exist", "source_file_missing"),
    ("connection refused", "source_unreachable"),
    ("no route to host", "source_unreachable"),
    ("network is unreachable", "source_unreachable"),
    ("i/o timeout", "source_timeout"),
    ("deadline exceeded", "source_timeout"),
    ("timeout awaiting response headers", "source_timeout"),
    ("handshake timeout", "source_timeout"),
    ("connection reset", "source_connection_lost"),
    ("broken pipe", "source_connection_lost"),
    ("connection lost", "source_connection_lost"),
    ("use of closed network connection", "source_connection_lost"),
    ("unexpected eof", "source_connection_lost"),
    ("couldn't connect", "source_unreachable"),
)


def classify(text: str, step: str) -> StreamWeaveError:
    """Return the catalogued error for an error text of rclone (which holds no secret)."""
    lowered = text.lower()
    for fragment, code in _FRAGMENTS:
        if fragment in lowered:
            return StreamWeaveError(code, f"{step}: {text[:400]}")
    return StreamWeaveError("source_error", f"{step}: {text[:400]}")
