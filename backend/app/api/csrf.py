"""CSRF protection of the session cookie; bearer tokens need none."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette_csrf.middleware import CSRFMiddleware

from app.api.problems import problem
from app.auth.current import SESSION_COOKIE

CSRF_COOKIE = "streamweave_csrf"
CSRF_HEADER = "x-csrf-token"


class CsrfProtection(CSRFMiddleware):
    """Double-submit cookie, refused as problem+json."""

    def __init__(self, app: ASGIApp, key: bytes, secure: bool) -> None:
        super().__init__(
            app,
            # Derived, so that the key ring's own key signs nothing.
            hashlib.sha256(b"streamweave csrf" + key).hexdigest(),
            sensitive_cookies={SESSION_COOKIE},
            cookie_name=CSRF_COOKIE,
            cookie_secure=secure,
            header_name=CSRF_HEADER,
        )

    def _get_error_response(self, request: Request) -> Response:
        return problem(request.scope, "csrf_failed")
