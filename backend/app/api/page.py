"""The web page, served beside the API where no other server does it (embedded mode).

It stands behind the routes: what no route knows comes here. Addresses below `/api` and `/ark:`
stay the API's, with its own 404; any other one is a file of the built page, or its `index.html`,
whose router reads the address itself.
"""

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

CHECKOUT_PAGE = Path(__file__).resolve().parents[3] / "frontend" / "dist"
_ASSETS = "assets"
_IMMUTABLE = "public, max-age=31536000, immutable"
# The component library sets styles on elements; scripts come from here alone.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_NOT_BUILT = (
    "StreamWeave is running; its web page is not built.\n\n"
    "Build it in frontend/ (npm ci, npm run build), or name its folder in\n"
    "STREAMWEAVE_PAGE_FOLDER, then start again. The API answers under /api.\n"
)
# Not in every machine's table.
_TYPES = {".webmanifest": "application/manifest+json", ".woff2": "font/woff2"}


class Page:
    """Serves a folder of built files; passes on what is not its own."""

    def __init__(self, folder: Path | None, unknown: ASGIApp) -> None:
        self._folder = (folder or CHECKOUT_PAGE).resolve()
        self._unknown = unknown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that no route took."""
        if scope["type"] != "http" or not _is_page(scope):
            await self._unknown(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = await run_in_threadpool(self._answer, scope["path"], headers)
        answer.headers.update(SECURITY_HEADERS)
        await answer(scope, receive, send)

    def _answer(self, path: str, headers: Headers) -> Response:
        file = self._file(path.lstrip("/"))
        if file is not None and file.name != "index.html":
            immutable = file.relative_to(self._folder).parts[0] == _ASSETS
            return _send(file, headers, _IMMUTABLE if immutable else "no-cache")
        if path.lstrip("/").split("/")[0] == _ASSETS:
            # An older page asks for a part that a newer build does not have: it must see that.
            return PlainTextResponse("Not found.\n", 404, {"Cache-Control": "no-store"})
        index = self._file("index.html")
        if index is None:
            return PlainTextResponse(_NOT_BUILT, 503, {"Cache-Control": "no-store"})
        return _send(index, headers, "no-cache")

    def _file(self, path: str) -> Path | None:
        """Return a file of the folder; never one outside of it, by name or by link."""
        if "\x00" in path:
            return None
        try:
            found = (self._folder / path).resolve()
            return found if found.is_relative_to(self._folder) and found.is_file() else None
        except OSError:
            return None  # a name that no file can have


def _is_page(scope: Scope) -> bool:
    path: str = scope["path"]
    first = path.lstrip("/").split("/")[0]
    return scope["method"] in ("GET", "HEAD") and first != "api" and not first.startswith("ark:")


def _send(file: Path, headers: Headers, cache: str) -> Response:
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    told = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    accepted = {
        part.split(";")[0].strip()
        for part in headers.get("accept-encoding", "").split(",")
        if part.partition(";q=")[2].strip() not in ("0", "0.0")
    }
    for name, suffix in _ENCODINGS:
        packed = file.with_name(file.name + suffix)
        if name in accepted and packed.is_file():
            file, told = packed, {**told, "Content-Encoding": name}
            break
    return FileResponse(file, media_type=kind or "application/octet-stream", headers=told)
