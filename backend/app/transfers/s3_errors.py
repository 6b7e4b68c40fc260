"""What S3 servers' errors mean: from codes and botocore's exceptions to the catalogue."""

from types import TracebackType

from aiohttp import ClientError as ConnectionEnded
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from app.errors import StreamWeaveError

_CODES = {
    "InvalidAccessKeyId": "storage_logon_failed",
    "SignatureDoesNotMatch": "storage_logon_failed",
    "InvalidToken": "storage_logon_failed",
    "ExpiredToken": "storage_logon_failed",
    "AccessDenied": "storage_permission_denied",
    "AllAccessDisabled": "storage_permission_denied",
    "Forbidden": "storage_permission_denied",
    "403": "storage_permission_denied",
    "NoSuchBucket": "storage_share_missing",
    "NoSuchKey": "storage_object_missing",
    "NoSuchVersion": "storage_object_missing",
    "404": "storage_object_missing",
    "PermanentRedirect": "storage_region_wrong",
    "AuthorizationHeaderMalformed": "storage_region_wrong",
    "IllegalLocationConstraintException": "storage_region_wrong",
    "301": "storage_region_wrong",
    "RequestTimeTooSkewed": "storage_clock_skewed",
    "QuotaExceeded": "storage_full",
    "XAmzQuotaExceeded": "storage_full",
    "XMinioStorageFull": "storage_full",
    "InsufficientStorage": "storage_full",
    "507": "storage_full",
    "KeyTooLongError": "storage_name_refused",
    "InvalidObjectName": "storage_name_refused",
    "MethodNotAllowed": "storage_read_only",
}
_UNKNOWN_HOST = ("not known", "getaddrinfo", "No address associated")
_NAME_CODES = {"PreconditionFailed", "412"}


def code_of(error: ClientError) -> str:
    """Return the server's own code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_taken(error: ClientError) -> bool:
    """Whether a conditional write was refused because the name exists."""
    return code_of(error) in _NAME_CODES


def is_denied(error: ClientError) -> bool:
    """Whether the account, or the bucket's policy, does not allow it."""
    return _CODES.get(code_of(error)) == "storage_permission_denied"


def is_missing(error: ClientError) -> bool:
    """Whether there is no such object or version."""
    return _CODES.get(code_of(error)) == "storage_object_missing"


def s3_error(error: BotoCoreError | ClientError, step: str) -> StreamWeaveError:
    """Return the catalogued error of a failed step; its text holds no secret."""
    if isinstance(error, ClientError):
        facts = error.response.get("Error", {})
        text = f"{step}: {code_of(error)}: {str(facts.get('Message', ''))[:300]}"
        if region := facts.get("Region"):
            text += f" The bucket's region is {region}."
        return StreamWeaveError(_CODES.get(code_of(error), "storage_error"), text)
    return StreamWeaveError(_connection_code(error), f"{step}: {str(error)[:300]}")


def _connection_code(error: BotoCoreError) -> str:
    if isinstance(error, ReadTimeoutError):
        return "storage_stalled"
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        # botocore tells no host that is unknown from one that does not answer.
        cause = str(error.kwargs.get("error", ""))
        unknown = any(text in cause for text in _UNKNOWN_HOST)
        return "storage_host_unknown" if unknown else "storage_unreachable"
    if isinstance(error, (ConnectionClosedError, HTTPClientError)):
        return "storage_connection_lost"
    return "storage_error"


class Failed:
    """Turns the library's exceptions into catalogued errors: `with Failed("writing"): ...`."""

    def __init__(self, step: str) -> None:
        self._step = step

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ConnectionEnded):
            # aiobotocore lets through what ends a body too early.
            raise StreamWeaveError(
                "storage_connection_lost", f"{self._step}: {str(error)[:300]}"
            ) from error
        if isinstance(error, (BotoCoreError, ClientError)):
            raise s3_error(error, self._step) from error
