"""A TCP proxy that counts connections, and can cut or slow them in the middle of the answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

_CHUNK = 1 << 16
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TcpProxy:
    """Forwards from a port of its own to a server on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.connections = 0
        self.cuts_left = 0
        self.cut_after_bytes = 0
        self.bytes_per_second = 0  # of answers, a connection; 0: as fast as it goes
        self.slowed_bytes = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self, *, after_bytes: int, times: int) -> None:
        """Break the next `times` connections that carry more than `after_bytes` of answers."""
        self.cut_after_bytes, self.cuts_left = after_bytes, times

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for writer in self._talks.values():
            writer.transport.abort()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        talk = asyncio.current_task()
        assert talk is not None
        self._talks[talk] = writer
        talk.add_done_callback(self._talks.pop)
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        try:
            await self.talk((reader, writer), (to_reader, to_writer))
        finally:
            for end in (writer, to_writer):
                end.transport.abort()

    async def talk(self, here: Ends, there: Ends) -> None:
        """Carry bytes both ways until one side ends."""
        up = asyncio.create_task(_pump(here[0], there[1]))
        down = asyncio.create_task(self._answers(there[0], here[1]))
        try:
            await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                carried += len(chunk)
                if self.bytes_per_second:
                    self.slowed_bytes += len(chunk)
                    await asyncio.sleep(len(chunk) / self.bytes_per_second)
                if self.cuts_left and carried > self.cut_after_bytes:
                    self.cuts_left -= 1
                    return
                writer.write(chunk)
                await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()


@contextlib.asynccontextmanager
async def proxied(port: int) -> AsyncIterator[TcpProxy]:
    """A running proxy before a port."""
    proxy = TcpProxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
