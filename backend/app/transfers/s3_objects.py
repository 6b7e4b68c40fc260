"""The requests that every file makes of an S3 bucket: write, look, read, send a part.

botocore builds each with the generality of its 400 services (0.75 ms of Python with aiobotocore);
here the HTTP is that of `kept_http`. Parameters and answers have botocore's names and failures are
its exceptions, so both ways can be mixed; whatever is rare goes by the library itself.
"""

import asyncio
import contextlib
import hashlib
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.parsers import create_parser
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from app.clock import utcnow
from app.transfers.http_answer import Answer, BrokenOffError
from app.transfers.http_way import CouldNotConnectError
from app.transfers.kept_http import KeptHttp
from app.transfers.s3_signature import Signer

_TRIES = 2  # as the library is told; the engine tries again later, with back-off
_MOST_PAUSE_SECONDS = 0.5
_CONNECTIONS = 64
_PASSING_STATUS = (429, 500, 502, 503, 504)
_PASSING_CODES = ("RequestTimeout", "RequestTimeoutException", "SlowDown", "RequestLimitExceeded")
_BROKEN = (TimeoutError, BrokenOffError, CouldNotConnectError, OSError)
_ALWAYS = {"Accept-Encoding": "identity", "User-Agent": "StreamWeave"}
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
Key = tuple[str, str]  # an access key, and its secret
_NOTHING = hashlib.sha256(b"").digest()


class S3Objects:
    """The objects of one bucket. Keys are whole ones, with their prefix."""

    def __init__(self, base_url: str, http: KeptHttp, signer: Signer) -> None:
        self._base = base_url
        self._path = urlsplit(base_url).path
        self._http = http
        self._signer = signer
        self._parser = create_parser("rest-xml")

    async def put(self, key: str, body: bytes, sha256: bytes, **parameters: Any) -> dict[str, Any]:
        """Write an object, or with PartNumber and UploadId a part, of this SHA-256."""
        async with self._asked("PUT", key, parameters, body, sha256) as answer:
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
            contextlib.aclosing(self._chunks(answer)) as chunks,
        ):
            yield _told(answer.headers), chunks

    async def _chunks(self, answer: Answer) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in answer.chunks():
                yield chunk
        except _BROKEN as error:
            raise self._in_its_words(error) from error

    @contextlib.asynccontextmanager
    async def _asked(
        self,
        method: str,
        key: str,
        parameters: Mapping[str, Any],
        body: bytes = b"",
        sha256: bytes = _NOTHING,
    ) -> AsyncIterator[Answer]:
        """Yield a good answer; what fails is one of botocore's exceptions.

        All that is asked here may be sent twice: a write by its condition, or as it was before.
        """
        target = "/" + quote(key, safe="/~") + _query(parameters)
        headers = _headers(parameters)
        for tries in range(1, _TRIES + 1):
            async with contextlib.AsyncExitStack() as stack:
                found = await self._try(stack, method, target, headers, (body, sha256))
                if isinstance(found, Answer):
                    yield found
                    return
            if tries == _TRIES or not _may_pass(found):
                raise found
            await asyncio.sleep(random.uniform(0, _MOST_PAUSE_SECONDS))

    async def _try(
        self,
        stack: contextlib.AsyncExitStack,
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: tuple[bytes, bytes],
    ) -> Answer | BotoCoreError | ClientError:
        """Return a good answer, its body still to come if something is read, or what failed."""
        body, sha256 = content
        whole = self._path + target
        signed = self._signer.signed(method, self._http.host, whole, headers, sha256, utcnow())
        try:
            answer = await stack.enter_async_context(
                self._http.ask(method, whole, signed, body, is_long=method == "GET")
            )
            if answer.status >= 300:
                return await self._refusal(method, answer)
            if method != "GET":
                await answer.whole()
        except _BROKEN as error:
            failure = self._in_its_words(error)
            failure.__cause__ = error
            return failure
        return answer

    async def _refusal(self, method: str, answer: Answer) -> ClientError:
        said = b""
        with contextlib.suppress(*_BROKEN):  # the status says enough
            said = await answer.whole()
        found = {"status_code": answer.status, "headers": answer.headers, "body": said}
        operation = {"PUT": "PutObject", "HEAD": "HeadObject", "GET": "GetObject"}[method]
        return ClientError(self._parser.parse(found, None), operation)

    def _in_its_words(self, error: Exception) -> BotoCoreError:
        where = {"endpoint_url": self._base, "error": error}
        if isinstance(error, CouldNotConnectError):
            is_tls = isinstance(error.__cause__, ssl.SSLError)
            return SSLError(**where) if is_tls else EndpointConnectionError(**where)
        if isinstance(error, TimeoutError):
            return ReadTimeoutError(**where)
        return ConnectionClosedError(**where)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


async def objects_of(client: Any, bucket: str, key: Key, timeout_seconds: float) -> S3Objects:
    """Return the objects of a bucket, at the place that the library's client has for it."""
    params = {"Bucket": bucket, "Key": "k"}
    signed = await client.generate_presigned_url("get_object", Params=params)
    base = signed.partition("?")[0].removesuffix("/k")
    parts = urlsplit(base)
    proxies = ProxyConfiguration(get_environ_proxies(base))
    bundle = get_session().get_config_variable("ca_bundle") or get_cert_path(True)
    http = KeptHttp(
        f"{parts.scheme}://{parts.netloc}",
        timeout_seconds=timeout_seconds,
        trusted=ssl.create_default_context(cafile=bundle) if parts.scheme == "https" else None,
        proxy=proxies.proxy_url_for(base),
        headers=_ALWAYS,
        most=_CONNECTIONS,
    )
    return S3Objects(base, http, Signer(*key, client.meta.region_name))


def _may_pass(failure: BotoCoreError | ClientError) -> bool:
    """Whether it may go well the next time: trouble of the line, or a busy server."""
    if not isinstance(failure, ClientError):
        return not isinstance(failure, SSLError)
    status = failure.response["ResponseMetadata"]["HTTPStatusCode"]
    code = failure.response.get("Error", {}).get("Code", "")
    return status in _PASSING_STATUS or code in _PASSING_CODES or code.startswith("Throttl")


def _query(parameters: Mapping[str, Any]) -> str:
    asked = {_IN_QUERY[n]: str(v) for n, v in parameters.items() if n in _IN_QUERY}
    pairs = "&".join(f"{name}={quote(v, safe='~')}" for name, v in sorted(asked.items()))
    return f"?{pairs}" if pairs else ""


def _headers(parameters: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in parameters.items():
        if name == "Metadata":
            headers |= {_META + key: text for key, text in value.items()}
        elif isinstance(value, datetime):
            headers[_SENT_AS[name]] = value.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif name not in _IN_QUERY:
            headers[_SENT_AS[name]] = value
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ParamValidationError(report=f"{name}: not in printable ASCII.")
    return headers


def _told(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what an answer says of an object, in botocore's names."""
    found: dict[str, Any] = {_TOLD_AS[n]: value for n, value in headers.items() if n in _TOLD_AS}
    found["Metadata"] = {
        name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)
    }
    return found
