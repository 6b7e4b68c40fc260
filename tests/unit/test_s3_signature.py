"""Our signatures are the library's, and those of Amazon's own example."""

import hashlib
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from app.transfers.s3_signature import Signer

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOTHING = hashlib.sha256(b"").digest()
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
NAMES = st.sampled_from(["Range", "If-Match", "x-amz-meta-b", "x-amz-meta-a", "X-Amz-Meta-C"])


def test_the_example_of_amazon() -> None:
    """ "Example: GET Object" of the source that the module names."""
    signed = Signer(KEY, SECRET, "us-east-1").signed(
        "GET", "examplebucket.s3.amazonaws.com", "/test.txt", {"Range": "bytes=0-9"}, NOTHING,
        datetime(2013, 5, 24, tzinfo=UTC),
    )  # fmt: skip
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


class _Known(S3SigV4Auth):  # type: ignore[misc]
    def payload(self, request: AWSRequest) -> str:
        digest: str = request.context["sha256"]
        return digest


@given(
    st.sampled_from(["GET", "PUT", "HEAD"]),
    st.text(max_size=30),
    st.dictionaries(st.sampled_from(["partNumber", "uploadId", "versionId"]), PRINTABLE),
    st.dictionaries(NAMES, PRINTABLE),
    st.binary(min_size=32, max_size=32),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["store.example", "store.example:9000", "[::1]:9000"]),
)
def test_what_we_sign_is_what_the_library_signs(
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    sha256: bytes,
    now: datetime,
    host: str,
) -> None:
    target = "/bucket/" + quote(key, safe="/~", errors="replace")
    if query:
        target += "?" + "&".join(f"{n}={quote(v, safe='~')}" for n, v in sorted(query.items()))
    request = AWSRequest(method=method, url=f"http://{host}{target}", headers=dict(headers))
    request.context["sha256"] = sha256.hex()
    with patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        _Known(Credentials(KEY, SECRET), "s3", "eu-west-1").add_auth(request)
    ours = Signer(KEY, SECRET, "eu-west-1").signed(method, host, target, headers, sha256, now)
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours["X-Amz-Date"] == request.headers["X-Amz-Date"]
