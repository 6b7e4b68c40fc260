"""A proxy before a WebDAV server that lies about the files it passes on.

`cut`: fewer bytes than announced, then the connection ends. `short`: fewer bytes, announced as
such. `long`: more bytes, announced as such. `flip`: one byte is another one, at each read the same
way; a single read cannot see that, and evidence says so (`double_read: no`).
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from tests.faults.tcp_proxy import Ends, TcpProxy

LIES = ("cut", "short", "long", "flip")
_CHUNK = 1 << 16
_EXTRA = b"bytes that nobody wrote"
_RANGE = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")


@dataclass
class _Message:
    """The head of a request or an answer."""

    first: bytes
    headers: list[tuple[bytes, bytes]]

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def with_length(self, length: int) -> "_Message":
        kept = [pair for pair in self.headers if pair[0].lower() != b"content-length"]
        return _Message(self.first, [*kept, (b"Content-Length", b"%d" % length)])

    def __bytes__(self) -> bytes:
        lines = [self.first, *(b"%b: %b" % pair for pair in self.headers)]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def _head(reader: asyncio.StreamReader) -> _Message:
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    pairs = [line.partition(b":") for line in lines[1:] if line]
    return _Message(lines[0], [(key, value.strip()) for key, _, value in pairs])


class LyingProxy(TcpProxy):
    """Lies about the next files as often as `lies` says; the rest passes as it is."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.lies: list[str] = []
        self.lied: list[str] = []
        # Called before a flipped answer with the path and the place of the flipped byte.
        self.tell_flip: Callable[[bytes, int], None] = lambda _path, _place: None

    async def talk(self, here: Ends, there: Ends) -> None:
        """One request after the other."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await _head(here[0])
                there[1].write(bytes(request))
                await _pass_body(request, here[0], there[1])
                answer = await _head(there[0])
                if not await self._answer(request, answer, there[0], here[1]):
                    return

    async def _answer(
        self,
        request: _Message,
        answer: _Message,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Pass an answer on; False when the connection ends after it."""
        method, target, _ = request.first.split(b" ", 2)
        status = int(answer.first.split(b" ", 2)[1])
        length = int(answer.header(b"content-length") or 0)
        if method == b"HEAD" or status in (204, 304):
            writer.write(bytes(answer))
            return True
        if not (method == b"GET" and status in (200, 206) and length > 1 and self.lies):
            writer.write(bytes(answer))
            await _pass_body(answer, reader, writer)
            return True
        lie = self.lies.pop(0)
        self.lied.append(lie)
        body = await reader.readexactly(length)
        return await self._lie(lie, unquote_to_bytes(target), answer, body, writer)

    async def _lie(
        self, lie: str, path: bytes, answer: _Message, body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        cut = body[: len(body) // 2]
        if lie == "short":
            answer, body = answer.with_length(len(cut)), cut
        elif lie == "long":
            answer, body = answer.with_length(len(body) + len(_EXTRA)), body + _EXTRA
        elif lie == "flip":
            body = self._flipped(path, answer, body)
        writer.write(bytes(answer) + (cut if lie == "cut" else body))
        await writer.drain()
        return lie != "cut"

    def _flipped(self, path: bytes, answer: _Message, body: bytes) -> bytes:
        found = _RANGE.match(answer.header(b"content-range") or b"")
        start, total = (int(found[1]), int(found[3])) if found else (0, len(body))
        place = total // 2
        if not start <= place < start + len(body):
            return body
        self.tell_flip(path, place)
        changed = bytearray(body)
        changed[place - start] ^= 0xFF
        return bytes(changed)


async def _pass_body(
    head: _Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if (head.header(b"transfer-encoding") or b"").lower() != b"chunked":
        left = int(head.header(b"content-length") or 0)
        await _pass(reader, writer, left)
        return
    while True:
        line = await reader.readuntil(b"\r\n")
        writer.write(line)
        size = int(line.split(b";")[0], 16)
        await _pass(reader, writer, size + 2)
        if size == 0:
            return


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
    while left:
        chunk = await reader.read(min(left, _CHUNK))
        if not chunk:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(chunk)
        writer.write(chunk)
        await writer.drain()
