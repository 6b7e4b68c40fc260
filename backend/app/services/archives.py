"""A selection of files as one ZIP, made while it is sent: memory does not grow with its bytes.

The last entry is `manifest-sha256.txt` (the form of BagIt, RFC 8493): the hash of each file, so
that whoever unpacks it can check it (`sha256sum -c`). What could not be read is named in
`left-out.txt`; an archive that breaks off in a file has no directory and does not open.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import zipstream

from app.errors import StreamWeaveError
from app.models import User
from app.services.downloads import Content, Sender
from app.services.selections import Found, Listing

# Headers and small files go out together.
_PIECE_BYTES = 256 << 10


class Archive:
    """One ZIP: streamed once, and noted in the audit trail however it ends."""

    def __init__(
        self,
        sender: Sender,
        user: User,
        files: AsyncGenerator[Found, None],
        *,
        whole: bool = False,
    ) -> None:
        """Take the files as they come; `whole`: what cannot be read breaks it off."""
        self._sender = sender
        self._user = user
        self._files = files
        self._whole = whole
        self._zip = zipstream.ZipStream()
        self._listing = Listing()
        self._is_noted = False

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes.

        Raises:
            StreamWeaveError: `copy_differs` in the middle of an entry; with `whole` also
                `no_proven_copy`.
        """
        pending: list[bytes] = []
        size = 0
        pieces = self._pieces()
        async with aclosing(pieces):
            async for piece in pieces:
                pending.append(piece)
                size += len(piece)
                if size >= _PIECE_BYTES:
                    yield b"".join(pending)
                    pending, size = [], 0
        yield b"".join(pending)

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._files):
            async for name, content in self._files:
                if isinstance(content, StreamWeaveError):
                    self._leave_out(name, content)
                    continue
                entry = self._entry(name, content)
                async with aclosing(entry):
                    async for piece in entry:
                        yield piece
        await self._note(complete=True)
        for name, text in self._listing.entries():
            self._zip.add(text, name)
        for piece in self._zip.finalize():
            yield piece

    async def _entry(self, name: str, content: Content) -> AsyncGenerator[bytes, None]:
        chunks = self._sender.stream(content)
        async with aclosing(chunks):
            try:
                # What cannot be read is left out before its entry is begun.
                chunk = await anext(chunks, None)
            except StreamWeaveError as error:
                self._leave_out(name, error)
                return
            fed = _Fed()
            self._zip.add(fed, name, size=content.version.size_bytes)
            entry = self._zip.file()
            yield next(entry)
            while chunk is not None:
                fed.piece = chunk
                yield next(entry)
                chunk = await anext(chunks, None)
        for piece in entry:
            yield piece
        self._listing.add(name, content)

    def _leave_out(self, name: str, error: StreamWeaveError) -> None:
        if self._whole:
            raise error
        self._listing.leave_out(name, error)

    async def note_end(self) -> None:
        """Note what was sent of an archive that broke off; nothing when it was noted."""
        if not self._is_noted:
            await self._note(complete=False)

    async def _note(self, *, complete: bool) -> None:
        self._is_noted = True
        listing = self._listing
        await self._sender.note_archive(
            self._user, listing.manifest, len(listing.left_out), complete=complete
        )


class _Fed:
    """The bytes of an entry, put down one piece at a time just before zipstream takes it."""

    piece: bytes | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.piece is None:
            raise StopIteration
        piece, self.piece = self.piece, None
        return piece
