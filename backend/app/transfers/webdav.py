"""WebDAV: PUT beside the final name, MOVE with `Overwrite: F`, basic authentication.

The protocol cannot flush, so nothing here is durable; it has no append, so each batch has a journal
object. An object's identity is its ETag where the server keeps it over a MOVE (a probe looks), else
time and size. Times are sent as `X-OC-Mtime`, which some servers take.
"""

import asyncio
import contextlib
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, unquote_to_bytes, urlsplit

from app.errors import StreamWeaveError
from app.transfers import webdav_xml as xml
from app.transfers.base import Space
from app.transfers.file_server import (
    Listed,
    Reading,
    ServerAddress,
    Standing,
    Writing,
    must_have_become,
    must_stand,
)
from app.transfers.http_answer import Answer
from app.transfers.kept_http import KeptHttp, Upload
from app.transfers.line import LISTING_SECONDS, Line
from app.transfers.paths import display
from app.transfers.webdav_http import Answered, HttpConnector, Said, root_url

T = TypeVar("T")
_BLOCK = 1 << 20
_LONGEST_NAME = 255
# The server may copy a large object before it answers.
_FINISH_SECONDS = 600.0

_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")
_LOCKED_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)  # between tries
_VAGUE = ("storage_connection_lost", "storage_error")
_WRITTEN = (200, 201, 204)
_ANY_SAID = (200, 204, 207, 403, 404, 405, 409, 422, 424, 501)


class WebdavFiles:
    """The files of a WebDAV server below one folder."""

    kind = "webdav"
    appends = False
    is_durable = False
    # Servers look and then move: of two at the same moment both may win (rclone's let them).
    refuses_in_one_step = False

    def __init__(self, address: ServerAddress) -> None:
        self._url = root_url(address)
        self.place = self._url
        self._connector = HttpConnector(address)
        self._line: Line[KeptHttp] = Line(self._connector, self.place, address.timeout_seconds)
        self._making_folder = asyncio.Lock()
        self._takes_time: bool | None = None  # until a server said
        self._path = urlsplit(self._url).path

    def renew(self) -> None:
        """Allow one more log-on after a refused one."""
        self._line.renew()

    def check_path(self, path: bytes) -> None:
        """Refuse what XML cannot say, and too long names."""
        try:
            is_text = not _NOT_IN_XML.search(path.decode())
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            raise StreamWeaveError(
                "storage_name_refused", f"{display(path)}: not UTF-8, or a control character."
            )
        if any(len(part) > _LONGEST_NAME for part in path.split(b"/")):
            raise StreamWeaveError("storage_name_refused", f"More than {_LONGEST_NAME} bytes.")

    def _at(self, path: bytes) -> str:
        return self._path + quote(path, safe="/")

    async def _ask(
        self,
        step: str,
        method: str,
        path: bytes,
        *good: int,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Said:
        """Make a request whose answer is short; a status that is not good is raised."""

        async def asking(http: KeptHttp) -> Said:
            async with http.ask(method, self._at(path), headers or {}, content) as answer:
                if answer.status not in good:
                    raise Answered(answer.status)
                return Said(answer.status, await answer.whole())

        return await self._line.call(step, asking)

    async def stat(self, path: bytes) -> Standing | None:
        """Ask about a path."""
        found = await self._properties("looking", path, xml.FACTS)
        return None if found is None else xml.standing(found)

    async def _properties(self, step: str, path: bytes, wanted: bytes) -> xml.Properties | None:
        head = {"Depth": "0"}
        answer = await self._ask(step, "PROPFIND", path, 207, 404, headers=head, content=wanted)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        async for _, properties in xml.responses(answer.chunks()):
            return properties
        return None

    async def list_folder(self, path: bytes) -> Sequence[Listed]:
        """Return all names in a folder."""
        own = unquote_to_bytes(self._at(path)).rstrip(b"/")
        listed: list[Listed] = []

        async def listing(http: KeptHttp) -> None:
            head = {"Depth": "1"}
            async with http.ask(
                "PROPFIND", self._at(path), head, xml.FACTS, is_long=True
            ) as answer:
                if answer.status != HTTPStatus.MULTI_STATUS:
                    raise Answered(answer.status)
                async for there, properties in xml.responses(answer.chunks()):
                    found = xml.standing(properties)
                    if there != own:
                        name = there.rpartition(b"/")[2]
                        listed.append(Listed(name, found.is_folder, found.size_bytes))

        await self._line.call("listing", listing, seconds=LISTING_SECONDS)
        return listed

    async def make_folder(self, path: bytes) -> None:
        """Make one folder; one at a time, since servers lock what they make."""
        async with self._making_folder:
            answer = await self._ask("making a folder", "MKCOL", path, 201, 405)
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            found = must_stand(await self.stat(path), path)
            if not found.is_folder:
                raise StreamWeaveError("destination_conflict", f"A file: {display(path)}.")

    async def put(self, path: bytes, content: bytes, mtime_ns: int) -> Standing:
        """Write a small object."""
        head = {"X-OC-Mtime": str(mtime_ns // 10**9)}
        await self._or_full(
            self._ask("writing", "PUT", path, *_WRITTEN, headers=head, content=content)
        )
        found = must_stand(await self.stat(path), path)
        self._takes_time = found.mtime_seconds == mtime_ns // 10**9
        return found

    async def create(self, path: bytes, size_bytes: int) -> Writing:
        """Begin an object; its request lasts until it is finished.

        Who answers a long request before its end breaks the connection, and the answer is lost:
        so what could be refused is refused before, to an empty object.
        """
        await self._ask("creating", "PUT", path, *_WRITTEN)
        http = await self._line.session()
        stack = contextlib.AsyncExitStack()
        upload = await self.on(
            http,
            "creating",
            lambda h: stack.enter_async_context(h.upload(self._at(path), {}, size_bytes)),
        )
        return _WebdavWriting(self, http, path, size_bytes, upload, stack)

    async def finished(self, path: bytes, mtime_ns: int) -> Standing:
        """Set the time of an object that was written, where that is known to work."""
        if self._takes_time:
            # A server that does not take it after all has its own time, which is looked at next.
            content = xml.set_time(mtime_ns // 10**9)
            await self._ask("setting the time", "PROPPATCH", path, *_ANY_SAID, content=content)
        return must_stand(await self.stat(path), path)

    @contextlib.asynccontextmanager
    async def open(
        self, path: bytes, offset: int = 0, size_bytes: int | None = None
    ) -> AsyncIterator[Reading]:
        """Open an object for reading."""
        headers = {}
        if offset or size_bytes is not None:
            end = "" if size_bytes is None else str(offset + max(size_bytes, 1) - 1)
            headers["Range"] = f"bytes={offset}-{end}"
        http = await self._line.session()
        async with contextlib.AsyncExitStack() as stack:
            answer = await self._line.on(
                http,
                "opening",
                lambda h: stack.enter_async_context(
                    h.ask("GET", self._at(path), headers, is_long=True)
                ),
            )
            if answer.status not in (200, 206, 416):
                raise self._connector.error(Answered(answer.status), "opening")
            standing = _standing_of(answer)
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                standing = must_stand(await self.stat(path), path)
            # Its connection is used again only if all was read.
            yield _WebdavReading(self._line, http, answer, standing, (offset, size_bytes))

    async def rename_if_free(self, old: bytes, new: bytes) -> Standing | None:
        """MOVE, which is refused when the new name exists."""
        head = {"Destination": self._url + quote(new, safe="/"), "Overwrite": "F"}
        answer = await self._ask("publishing", "MOVE", old, 201, 204, 404, 412, headers=head)
        if answer.status == HTTPStatus.NOT_FOUND and await self.stat(new) is None:
            raise self._connector.error(Answered(answer.status), "publishing")
        # Not found, and the new name stands: it may be ours, by a first try whose answer was lost.
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED):
            return None
        return must_have_become(await self.stat(new), new)

    async def remove(self, path: bytes) -> None:
        """Remove an object; a server holds a lock for a moment after a request was broken off."""
        for seconds in _LOCKED_SECONDS:
            answer = await self._ask("removing", "DELETE", path, 200, 204, 404, 423)
            if answer.status != HTTPStatus.LOCKED:
                return
            await asyncio.sleep(seconds)
        await self._ask("removing", "DELETE", path, 200, 204, 404)

    async def sync(self, path: bytes) -> None:
        """Nothing: the protocol has no flush."""

    async def sync_names(self, folder: bytes) -> None:
        """Nothing: the protocol has no flush."""

    async def append(self, path: bytes, lines: bytes) -> None:
        """Not possible."""
        raise StreamWeaveError("storage_error", "WebDAV cannot append.")

    async def space(self) -> Space | None:
        """Return the quota (RFC 4331), where the server has one."""
        found = await self._properties("asking for the free space", b"", xml.QUOTA)
        free = xml.number(found or {}, "quota-available-bytes")
        used = xml.number(found or {}, "quota-used-bytes")
        return None if free is None or used is None else Space(free + used, free)

    async def close(self) -> None:
        """Close the connections."""
        self._line.close()
        await self._connector.close()

    async def on(
        self,
        http: KeptHttp,
        step: str,
        work: Callable[[KeptHttp], Awaitable[T]],
        *,
        seconds: float | None = None,
    ) -> T:
        """Do a part of a long request."""
        return await self._or_full(self._line.on(http, step, work, seconds=seconds))

    async def _or_full(self, writing: Awaitable[T]) -> T:
        """Say that a quota is used up where the server's answer does not, or was lost."""
        try:
            return await writing
        except StreamWeaveError as error:
            if error.code in _VAGUE and await self._is_full():
                raise StreamWeaveError("storage_full", error.detail) from error
            raise

    async def _is_full(self) -> bool:
        try:
            space = await self.space()
        except StreamWeaveError:
            return False  # nobody can tell
        return space is not None and space.free_bytes < _BLOCK


class _WebdavWriting:
    """An object that is being written by one long request."""

    def __init__(
        self,
        files: WebdavFiles,
        http: KeptHttp,
        path: bytes,
        size_bytes: int,
        upload: Upload,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self._files = files
        self._http = http
        self._path = path
        self._left = size_bytes
        self._upload = upload
        self._stack = stack  # what ends the request
        self._answered: int | None = None

    async def _write(self, block: bytes) -> None:
        block = block[: self._left]  # more than was promised: the source will say so
        self._left -= len(block)
        if await self._upload.send(block):
            return
        # With the last byte there the server may answer, and end the connection, at once.
        self._answered = await self._upload.status(_FINISH_SECONDS)
        if self._left or self._answered not in _WRITTEN:
            raise Answered(self._answered)

    async def write(self, block: bytes) -> None:
        """Append a block."""

        async def writing(_: KeptHttp) -> None:
            try:
                await self._write(block)
            except BaseException:
                await self._stack.aclose()  # nothing more comes of it
                raise

        await self._files.on(self._http, "writing", writing)

    async def finish(self, mtime_ns: int) -> Standing:
        """End the request; its answer says whether the object stands."""

        async def finishing(_: KeptHttp) -> None:
            status = self._answered or await self._upload.status(_FINISH_SECONDS)
            if status not in _WRITTEN:
                raise Answered(status)

        try:
            await self._files.on(self._http, "finishing", finishing, seconds=_FINISH_SECONDS)
        finally:
            await self._stack.aclose()
        return await self._files.finished(self._path, mtime_ns)

    async def abandon(self) -> None:
        """Break the request off."""
        await self._stack.aclose()


class _WebdavReading:
    """An object that is being read."""

    def __init__(
        self,
        line: Line[KeptHttp],
        http: KeptHttp,
        answer: Answer,
        standing: Standing,
        part: tuple[int, int | None],
    ) -> None:
        self.standing = standing
        self._line = line
        self._http = http
        self._answer = answer
        self._part = part

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Stream the bytes; who sends all when asked for a part is cut to it."""
        if self._answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        offset, size = self._part
        skip = 0 if self._answer.status == HTTPStatus.PARTIAL_CONTENT else offset
        left = max(self.standing.size_bytes - offset, 0)
        left = left if size is None else min(left, size)
        async with contextlib.aclosing(self._answer.chunks()) as stream:
            while left:
                chunk = await self._line.on(
                    self._http, "reading", lambda _: anext(stream, b""), seconds=LISTING_SECONDS
                )
                if not chunk:
                    return
                skipped, chunk = min(skip, len(chunk)), chunk[skip:][:left]
                skip -= skipped
                left -= len(chunk)
                if chunk:
                    yield chunk


def _standing_of(answer: Answer) -> Standing:
    """Return what the head of an answer says of the whole object."""
    head = answer.headers
    whole = head.get("content-range", "").rpartition("/")[2] or head.get("content-length", "")
    return Standing(
        size_bytes=int(whole) if whole.isdigit() else 0,
        mtime_seconds=xml.time_of(head.get("last-modified", "")),
        mark=xml.tag_of(head.get("etag", "")),
    )
