"""The requests that every file makes of an S3 bucket: write, look, read, send a part.

botocore builds each with the generality of its 400 services (0.75 ms of Python with aiobotocore);
here its signature alone is taken, and the HTTP is that of `kept_http` (0.11 ms). Parameters and
answers have botocore's names and failures are its exceptions, so both ways can be mixed; whatever
is rare goes by the library itself.
"""

import asyncio
import contextlib
import hashlib
import os
import random
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path
from botocore.parsers import create_parser
from botocore.utils import get_environ_proxies

from app.transfers.kept_http import Answer, BrokenOffError, CouldNotConnectError, KeptHttp

_TRIES = 2  # as the library is told; the engine tries again later, with back-off
_MOST_PAUSE_SECONDS = 0.5
_TRIED_AGAIN = (500, 502, 503, 504)
_SENT_AS = {
    "ChecksumAlgorithm": "x-amz-sdk-checksum-algorithm",
    "ChecksumMode": "x-amz-checksum-mode",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "IfMatch": "If-Match",
    "IfNoneMatch": "If-None-Match",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "Range": "Range",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
}
_IN_QUERY = {"VersionId": "versionId", "PartNumber": "partNumber", "UploadId": "uploadId"}
_TOLD_AS = {
    "content-length": "ContentLength",
    "etag": "ETag",
    "x-amz-checksum-sha256": "ChecksumSHA256",
    "x-amz-checksum-type": "ChecksumType",
    "x-amz-version-id": "VersionId",
}
_META = "x-amz-meta-"
_NOTHING = hashlib.sha256(b"")


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """The library's signature (AWS Signature Version 4) over a hash that is known already."""

    def payload(self, request: AWSRequest) -> str:
        """Return the SHA-256 of the body, in hexadecimal digits."""
        digest: str = request.context["sha256"]
        return digest


class S3Objects:
    """The objects of one bucket. Keys are whole ones, with their prefix."""

    def __init__(self, base_url: str, http: KeptHttp, signer: _Signer) -> None:
        self._base = base_url
        self._path = urlsplit(base_url).path
        self._http = http
        self._signer = signer
        self._parser = create_parser("rest-xml")

    async def put(self, key: str, body: bytes, sha256: bytes, **parameters: Any) -> dict[str, Any]:
        """Write an object, or with PartNumber and UploadId a part, of this SHA-256."""
        async with self._asked("PUT", key, parameters, body, sha256) as answer:
            await answer.whole()
            return _told(answer.headers)

    async def head(self, key: str, **parameters: Any) -> dict[str, Any]:
        """Return what is known of an object."""
        async with self._asked("HEAD", key, parameters) as answer:
            return _told(answer.headers)

    @contextlib.asynccontextmanager
    async def get(
        self, key: str, **parameters: Any
    ) -> AsyncIterator[tuple[dict[str, Any], AsyncIterator[bytes]]]:
        """Yield what is known of an object, and its content."""
        async with (
            self._asked("GET", key, parameters) as answer,
            contextlib.aclosing(answer.chunks()) as chunks,
        ):
            yield _told(answer.headers), chunks

    @contextlib.asynccontextmanager
    async def _asked(
        self,
        method: str,
        key: str,
        parameters: Mapping[str, Any],
        body: bytes = b"",
        sha256: bytes = _NOTHING.digest(),
    ) -> AsyncIterator[Answer]:
        """Yield a good answer; what fails is one of botocore's exceptions."""
        target = "/" + quote(key, safe="/~")
        query = {_IN_QUERY[n]: str(v) for n, v in parameters.items() if n in _IN_QUERY}
        if query:
            target += "?" + "&".join(f"{n}={quote(v, safe='~')}" for n, v in sorted(query.items()))
        headers = _headers(parameters)
        with self._in_its_words():
            for tries in range(1, _TRIES + 1):
                signed = self._signed(method, target, headers, sha256.hex())
                async with self._http.ask(method, self._path + target, signed, body) as answer:
                    if answer.status < 300:
                        yield answer
                        return
                    said = await answer.whole()
                if answer.status not in _TRIED_AGAIN or tries == _TRIES:
                    raise self._refusal(method, answer, said)
                await asyncio.sleep(random.uniform(0, _MOST_PAUSE_SECONDS))

    def _signed(
        self, method: str, target: str, headers: Mapping[str, str], sha256: str
    ) -> Mapping[str, str]:
        request = AWSRequest(method=method, url=self._base + target, headers=dict(headers))
        request.context["sha256"] = sha256
        self._signer.add_auth(request)
        signed: Mapping[str, str] = request.headers
        return signed

    def _refusal(self, method: str, answer: Answer, said: bytes) -> ClientError:
        found = {"status_code": answer.status, "headers": answer.headers, "body": said}
        operation = {"PUT": "PutObject", "HEAD": "HeadObject", "GET": "GetObject"}[method]
        return ClientError(self._parser.parse(found, None), operation)

    @contextlib.contextmanager
    def _in_its_words(self) -> Iterator[None]:
        where = {"endpoint_url": self._base}
        try:
            yield
        except TimeoutError as error:
            raise ReadTimeoutError(**where, error=error) from error
        except BrokenOffError as error:
            raise ConnectionClosedError(**where, error=error) from error
        except CouldNotConnectError as error:
            kind = (
                SSLError if isinstance(error.__cause__, ssl.SSLError) else EndpointConnectionError
            )
            raise kind(**where, error=error) from error
        except OSError as error:
            raise ConnectionClosedError(**where, error=error) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


async def objects_of(
    client: Any, bucket: str, credentials: Credentials, timeout_seconds: float
) -> S3Objects:
    """Return the objects of a bucket, at the place that the library's client has for it."""
    params = {"Bucket": bucket, "Key": "k"}
    signed = await client.generate_presigned_url("get_object", Params=params)
    base = signed.partition("?")[0].removesuffix("/k")
    parts = urlsplit(base)
    proxies = get_environ_proxies(base)
    bundle = os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True)
    http = KeptHttp(
        f"{parts.scheme}://{parts.netloc}",
        timeout_seconds=timeout_seconds,
        trusted=ssl.create_default_context(cafile=bundle),
        proxy=proxies.get(parts.scheme),
    )
    return S3Objects(base, http, _Signer(credentials, "s3", client.meta.region_name))


def _headers(parameters: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in parameters.items():
        if name == "Metadata":
            headers |= {_META + key: text for key, text in value.items()}
        elif isinstance(value, datetime):
            headers[_SENT_AS[name]] = value.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif name not in _IN_QUERY:
            headers[_SENT_AS[name]] = value
    return headers


def _told(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what an answer says of an object, in botocore's names."""
    found: dict[str, Any] = {_TOLD_AS[n]: value for n, value in headers.items() if n in _TOLD_AS}
    found["Metadata"] = {
        name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
    }
    return found
