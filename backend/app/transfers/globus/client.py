"""Globus's own client, off the event loop, its errors in our words.

Requests are repeated by the library when they failed in transit (429, 5xx); a submission is safe
to repeat by its id.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import globus_sdk
from globus_sdk.transport import RequestsTransport, RetryConfig

from streamweave_sdk.transfers import TransferError

T = TypeVar("T")
_LIST_PAGE = 100_000
_RETRIES = 1


class GlobusClient:
    """One log-on with client credentials; calls are made one at a time."""

    def __init__(self, client_id: str, secret: str, timeout_seconds: float) -> None:
        # With its repetition a request ends in about the time that a call has.
        def transport() -> RequestsTransport:
            return RequestsTransport(http_timeout=timeout_seconds / (_RETRIES + 1))

        def retries() -> RetryConfig:
            return RetryConfig(max_retries=_RETRIES, max_sleep=timeout_seconds / 8)

        self._auth = globus_sdk.ConfidentialAppAuthClient(
            client_id, secret, transport=transport(), retry_config=retries()
        )

        def make() -> globus_sdk.TransferClient:
            scopes = globus_sdk.TransferClient.scopes.all
            authorizer = globus_sdk.ClientCredentialsAuthorizer(self._auth, scopes)
            return globus_sdk.TransferClient(
                authorizer=authorizer, transport=transport(), retry_config=retries()
            )

        self._make = make
        self._client: globus_sdk.TransferClient | None = None
        # Its own: a service that does not answer keeps nobody else's thread.
        self._thread = ThreadPoolExecutor(1, "globus")

    async def _ask(self, doing: str, work: Callable[[globus_sdk.TransferClient], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._do, doing, work)

    def _do(self, doing: str, work: Callable[[globus_sdk.TransferClient], T]) -> T:
        try:
            if self._client is None:
                self._client = self._make()  # logs on
            return work(self._client)
        except globus_sdk.GlobusError as error:
            raise in_our_words(error, doing) from error

    async def list_folder(self, collection: str, path: str) -> list[Mapping[str, Any]]:
        """Return the documents of all entries of a folder."""

        def work(client: globus_sdk.TransferClient) -> list[Mapping[str, Any]]:
            found: list[Mapping[str, Any]] = []
            while True:
                page = client.operation_ls(
                    collection, path, limit=_LIST_PAGE, offset=len(found), show_hidden=True
                )
                found += page["DATA"]
                if len(page["DATA"]) < _LIST_PAGE:
                    return found

        return await self._ask("listing", work)

    async def stat(self, collection: str, path: str) -> Mapping[str, Any]:
        """Return the document of one file."""
        return await self._ask(
            "asking for size and time", lambda client: client.operation_stat(collection, path).data
        )

    async def submission_id(self) -> str:
        """Return an id under which one task may be submitted, however often it is tried."""
        return await self._ask(
            "asking for a submission id", lambda client: str(client.get_submission_id()["value"])
        )

    async def submit(self, data: globus_sdk.TransferData) -> str:
        """Submit a task and return its id; submitted before, it is the same task."""
        return await self._ask(
            "submitting", lambda client: str(client.submit_transfer(data)["task_id"])
        )

    async def task(self, task_id: str) -> Mapping[str, Any]:
        """Return a task's document."""
        return await self._ask("asking about a task", lambda client: client.get_task(task_id).data)

    async def skipped(self, task_id: str) -> list[Mapping[str, Any]]:
        """Return the files that a task left out, and why."""
        return await self._all("task_skipped_errors", task_id)

    async def successful(self, task_id: str) -> list[Mapping[str, Any]]:
        """Return the files that a task brought."""
        return await self._all("task_successful_transfers", task_id)

    async def _all(self, call: str, task_id: str) -> list[Mapping[str, Any]]:
        def work(client: globus_sdk.TransferClient) -> list[Mapping[str, Any]]:
            pages: Iterable[Mapping[str, Any]] = getattr(client.paginated, call)(task_id).items()
            return list(pages)

        return await self._ask("asking what became of a task's files", work)

    async def cancel(self, task_id: str) -> None:
        """Cancel a task; one that is over stays as it is."""
        await self._ask("cancelling a task", lambda client: client.cancel_task(task_id))

    async def close(self) -> None:
        """Close connections."""
        self._thread.submit(self._close)  # after the call that is on its way
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._auth.close()


# Words in the service's codes ("ExternalError.DirListingFailed.PermissionDenied"), first match.
_CODES = (
    ("Paused", "globus_endpoint_paused"),
    ("PermissionDenied", "source_permission_denied"),
    ("LoginFailed", "source_logon_failed"),
    ("EndpointNotFound", "source_share_missing"),
    ("EndpointDeleted", "source_share_missing"),
    ("NotFound", "source_folder_missing"),
    ("Disconnected", "source_unreachable"),
    ("ConnectFailed", "source_unreachable"),
    ("Timeout", "source_timeout"),
)


def in_our_words(error: globus_sdk.GlobusError, doing: str) -> TransferError:
    """Return an error of the catalogue for one of the library."""
    if isinstance(error, globus_sdk.GlobusAPIError):
        code = _code_of(error)
        said = f"{error.code or error.http_status}: {(error.message or '')[:300]}"
        return TransferError(code, f"Globus, {doing}: {said}")
    if isinstance(error, globus_sdk.GlobusTimeoutError):
        return TransferError("source_timeout", f"Globus did not answer while {doing}.")
    if isinstance(error, globus_sdk.NetworkError):
        return TransferError("source_unreachable", f"Globus cannot be reached while {doing}.")
    return TransferError("mover_error", f"Globus, {doing}: {type(error).__name__}")


def _code_of(error: globus_sdk.GlobusAPIError) -> str:
    if error.info.consent_required:
        return "globus_consent_required"
    if error.info.authorization_parameters:
        return "globus_session_expired"
    if isinstance(error, globus_sdk.AuthAPIError) and error.http_status in (400, 401, 403):
        return "source_logon_failed"
    if error.http_status == 401:
        return "globus_session_expired"
    if error.http_status == 429:
        return "globus_throttled"
    said = str(error.code)
    for word, code in _CODES:
        if word in said:
            return code
    if error.http_status >= 500:
        return "source_unreachable"
    return "source_permission_denied" if error.http_status == 403 else "source_error"
