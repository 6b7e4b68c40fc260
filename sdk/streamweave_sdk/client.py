"""A small synchronous client of the StreamWeave API.

with Client("https://streamweave.lab.example", token) as client:
    for instrument in client.items("instruments"):
        ...
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

Json = dict[str, Any]


class ApiProblem(Exception):
    """An error that the server named (RFC 9457). Switch on `code`."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", "internal_error"))
        self.detail = str(body.get("detail", f"HTTP status {status}"))
        self.remedy = str(body.get("remedy", ""))
        self.request_id = str(body.get("request_id", ""))
        self.errors: list[Json] = list(body.get("errors") or [])
        super().__init__(f"{self.code}: {self.detail}")


class ServerUnreachable(Exception):
    """No answer from the server."""


class Client:
    """Speaks to one server with one token."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json", "User-Agent": "streamweave-sdk"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=f"{self.url}/api/",
            headers=headers,
            timeout=timeout_seconds,
            # Only what never left is sent again, so this is safe for every method.
            transport=transport or httpx.HTTPTransport(retries=2),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Send one request below `/api/`.

        Raises:
            ApiProblem: the server refused it.
            ServerUnreachable: no answer came.
        """
        asked = {key: value for key, value in (params or {}).items() if value is not None}
        try:
            answer = self._http.request(method, path, headers=headers, params=asked, **content)
        except httpx.TransportError as error:
            raise ServerUnreachable(f"{self.url} does not answer ({error}).") from error
        if answer.is_success:
            return answer
        raise ApiProblem(answer.status_code, _body_of(answer))

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Iterator[httpx.Response]:
        """Send one request and read its answer piece by piece.

        Raises:
            ApiProblem: the server refused it.
            httpx.TransportError: the connection broke.
        """
        with self._http.stream(method, path, headers=headers, params=params) as answer:
            if not answer.is_success:
                answer.read()
                raise ApiProblem(answer.status_code, _body_of(answer))
            yield answer

    def get(self, path: str, /, **params: Any) -> Json:
        """Return one resource."""
        body: Json = self.request("GET", path, params=params).json()
        return body

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Json:
        """Create something, or trigger it."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        answer = self.request("POST", path, json=body, headers=headers)
        return answer.json() if answer.content else {}

    def put(self, path: str) -> Json:
        """Set a relation."""
        body: Json = self.request("PUT", path).json()
        return body

    def edit(self, path: str, changes: Mapping[str, Any]) -> Json:
        """Change a resource as it is now (reads its ETag first)."""
        tag = self.request("GET", path).headers["ETag"]
        answer = self.request("PATCH", path, json=changes, headers={"If-Match": tag})
        body: Json = answer.json()
        return body

    def delete(self, path: str, *, guarded: bool = True) -> None:
        """Delete a resource as it is now; relations and tokens have no ETag (`guarded=False`)."""
        headers = {"If-Match": self.request("GET", path).headers["ETag"]} if guarded else None
        self.request("DELETE", path, headers=headers)

    def items(self, path: str, /, **params: Any) -> Iterator[Json]:
        """Yield all items of a list, page by page."""
        params.setdefault("limit", 200)
        while True:
            page = self.get(path, **params)
            yield from page["items"]
            if page.get("next_cursor") is None:
                return
            params["cursor"] = page["next_cursor"]

    def find(self, path: str, text: str, *names: str) -> Json:
        """Return the one resource with this id, or with this text in one of its `names`.

        Raises:
            ApiProblem: `not_found`.
        """
        try:
            return self.get(f"{path}/{uuid.UUID(text)}")
        except ValueError:
            pass  # no id: look for the name
        for item in self.items(path):
            if text in (item.get(name) for name in names):
                return item
        detail = f"There is no '{text}' among {path} that you may see."
        raise ApiProblem(404, {"code": "not_found", "detail": detail, "remedy": "Check the name."})


def _body_of(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"detail": f"HTTP status {answer.status_code} without a StreamWeave error"}
    return body if isinstance(body, dict) else {}
