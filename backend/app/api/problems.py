"""Errors on the wire: RFC 9457 problem+json for everything that goes wrong, from one catalogue.

No answer repeats an input value: it could be a secret.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import CATALOGUE, StreamWeaveError

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)
_HTTP_CODES = {
    400: "invalid_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
}
_HINTS = {
    "not_signed_in": {"WWW-Authenticate": "Bearer"},
    "orchestrator_unreachable": {"Retry-After": "10"},
}
_RETRY_AFTER = {
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}}
}


def problem(
    scope: Mapping[str, Any],
    code: str,
    detail: str = "",
    errors: Sequence[Mapping[str, str]] | None = None,
) -> JSONResponse:
    """Return the answer for a code of the catalogue."""
    entry = CATALOGUE[code]
    body: dict[str, Any] = {
        "type": f"/errors/{code}",
        "title": entry.title,
        "status": entry.status,
        "detail": detail or entry.title,
        "instance": scope.get("path", ""),
        "code": code,
        "remedy": entry.remedy,
        "request_id": scope.get("state", {}).get("request_id", ""),
    }
    if errors is not None:
        body["errors"] = list(errors)
    return JSONResponse(body, entry.status, headers=_HINTS.get(code), media_type=MEDIA_TYPE)


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these errors, with one example a code."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        entry = CATALOGUE[code]
        example = {
            "type": f"/errors/{code}",
            "title": entry.title,
            "status": entry.status,
            "detail": entry.title,
            "instance": "/api/...",
            "code": code,
            "remedy": entry.remedy,
            "request_id": "0198b7c0-0000-7000-8000-000000000000",
        }
        known = found.setdefault(
            entry.status,
            {
                "description": "",
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        if code in ("too_many_attempts", *(c for c, h in _HINTS.items() if "Retry-After" in h)):
            known["headers"] = _RETRY_AFTER
        known["description"] = " ".join(filter(None, (known["description"], f"`{code}`")))
        known["content"][MEDIA_TYPE]["examples"][code] = {
            "summary": entry.title,
            "value": example,
        }
    return found


def _pointer(location: Sequence[int | str]) -> str:
    parts = location[1:] if location and location[0] == "body" else location
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)


async def _catalogued(request: Request, error: StreamWeaveError) -> JSONResponse:
    pointer = getattr(error, "pointer", None)
    fields = getattr(error, "fields", None) or ([(pointer, error.detail)] if pointer else None)
    errors = [{"detail": why, "pointer": where} for where, why in fields] if fields else None
    answer = problem(request.scope, error.code, error.detail, errors)
    if (wait := getattr(error, "retry_after_seconds", None)) is not None:
        answer.headers["Retry-After"] = str(wait)
    return answer


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [
        {"detail": str(one["msg"]), "pointer": _pointer(one["loc"])} for one in error.errors()
    ]
    detail = f"{len(errors)} field(s) are not valid."
    return problem(request.scope, "invalid_request", detail, errors)


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    code = _HTTP_CODES.get(error.status_code, "invalid_request")
    if error.status_code >= 500:
        code = "internal_error"
    answer = problem(request.scope, code)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    if error.status_code == 405:
        answer.headers["Allow"] = ", ".join(_allowed(request))
    return answer


def _allowed(request: Request) -> list[str]:
    """Return all methods of an address; a router knows only those of its first match."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    here = request.url.path
    found = [here] if here in paths else [one for one in paths if _fits(one, here)]
    return sorted({method.upper() for template in found for method in paths[template]})


def _fits(template: str, path: str) -> bool:
    asked, given = template.split("/"), path.split("/")
    return len(asked) == len(given) and all(
        part.startswith("{") or part == one for part, one in zip(asked, given, strict=True)
    )


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(StreamWeaveError, _catalogued)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]


class RequestIds:
    """Gives each request an id, sends it in X-Request-Id, and answers for what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            _LOG.exception("request %s failed unexpectedly", request_id)
            if started:
                raise
            answer = problem(scope, "internal_error", "See the server's log for the request id.")
            await answer(scope, receive, send_with_id)
