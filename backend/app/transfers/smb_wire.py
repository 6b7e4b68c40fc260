"""An SMB2 connection after its log-on: requests in, answers out, signed or encrypted, in asyncio.

Several messages go in one frame and refer to the file that the first one opens (a compound), so
that a small file costs one wait. Who has no credits left waits for those that answers bring.
Every request is signed, or encrypted where server or share ask for it; an answer that is neither
ends the connection.
"""

import asyncio
import hmac
import os
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from app.transfers.smb_errors import PENDING
from app.transfers.smb_messages import HEADER_BYTES, Part, Reply

_HEADER = struct.Struct("<4sHHIHHIIQIIQ16s")
_PLAIN, _ENCRYPTED = b"\xfeSMB", b"\xfdSMB"
_FROM_SERVER, _RELATED, _SIGNED = 0x1, 0x4, 0x8
_WANTED_CREDITS = 512
_MORE_CREDITS = 32
_LONGEST_FRAME = 0xFFFFFF
_PREFIX_BYTES, _TRANSFORM_BYTES, _SEAL = 4, 52, 48


class Sealer(Protocol):
    """Seals a message that it cannot be changed on its way."""

    def __call__(self, message: memoryview, message_id: int, is_answer: bool) -> bytes:
        """Return the 16 bytes of its signature."""
        ...


def gmac(key: bytes) -> Sealer:
    """SMB 3.1.1 with AES-GMAC."""
    cipher = AESGCM(key)

    def seal(message: memoryview, message_id: int, is_answer: bool) -> bytes:
        return cipher.encrypt(struct.pack("<QI", message_id, is_answer), b"", message)

    return seal


def aes_cmac(key: bytes) -> Sealer:
    """SMB 3 with AES-CMAC."""

    def seal(message: memoryview, message_id: int, is_answer: bool) -> bytes:
        code = cmac.CMAC(algorithms.AES(key))
        code.update(bytes(message))
        return code.finalize()

    return seal


def hmac_sha256(key: bytes) -> Sealer:
    """SMB 2."""

    def seal(message: memoryview, message_id: int, is_answer: bool) -> bytes:
        return hmac.digest(key, message, "sha256")[:16]

    return seal


@dataclass(frozen=True)
class Cipher:
    """Keys and algorithm of an encrypted session."""

    to_server: AESGCM | AESCCM
    from_server: AESGCM | AESCCM

    @property
    def nonce_bytes(self) -> int:
        """How much of the header's nonce is used."""
        return 12 if isinstance(self.to_server, AESGCM) else 11


@dataclass(frozen=True)
class LoggedOn:
    """What a log-on leaves: the socket and what messages on it need."""

    socket: socket.socket
    session_id: int
    tree_id: int
    seal: Sealer
    cipher: Cipher | None
    next_message_id: int
    credits: int
    block_bytes: int


class _Exchange:
    """One frame on its way and the answers that came."""

    def __init__(self, count: int) -> None:
        self.replies: list[Reply | None] = [None] * count
        self.missing = count
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Wire(asyncio.BufferedProtocol):
    """A connection that is logged on to a share."""

    def __init__(self, on: LoggedOn) -> None:
        self._on = on
        self.block_bytes = on.block_bytes
        self._next_id = on.next_message_id
        self._credits = on.credits
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._pending: dict[int, tuple[_Exchange, int]] = {}
        self._incoming = bytearray(_PREFIX_BYTES)
        self._filled = 0
        self._in_frame = False
        self._transport: asyncio.Transport | None = None
        self._lost: Exception | None = None

    async def start(self) -> None:
        """Take the socket over."""
        await asyncio.get_running_loop().create_connection(lambda: self, sock=self._on.socket)

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._lost is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail all that waits."""
        self._fail(exc or ConnectionResetError("The server closed the connection."))

    def cut(self) -> None:
        """Drop the connection."""
        self._fail(ConnectionAbortedError("The connection was dropped."))

    def _fail(self, error: Exception) -> None:
        if self._lost is None:
            self._lost = error
        waiting = [future for _, future in self._waiting]
        waiting += [exchange.future for exchange, _ in self._pending.values()]
        self._waiting.clear()
        self._pending.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(self._lost)
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, *parts: Part) -> list[Reply]:
        """Send messages in one frame and wait for all answers.

        Raises:
            OSError: the connection broke.
        """
        await self._take(sum(part.charge for part in parts))
        if self._lost is not None:
            raise self._lost
        exchange = _Exchange(len(parts))
        self._send(parts, exchange)
        await exchange.future
        return [reply for reply in exchange.replies if reply is not None]

    async def _take(self, charge: int) -> None:
        """Take credits, in turn."""
        if self._lost is not None:
            raise self._lost
        if not self._waiting and self._credits >= charge:
            self._credits -= charge
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((charge, turn))
        await turn

    def _give(self, credits: int) -> None:
        self._credits += credits
        while self._waiting:
            charge, turn = self._waiting[0]
            if not turn.done():
                if self._credits < charge:
                    return
                self._credits -= charge
                turn.set_result(None)
            self._waiting.popleft()

    def _send(self, parts: tuple[Part, ...], exchange: _Exchange) -> None:
        """Put all messages into one frame, each sealed in its place: contents are copied once."""
        on, last = self._on, len(parts) - 1
        sizes = [HEADER_BYTES + len(part.body) for part in parts]
        padded = [size + (-size % 8 if at < last else 0) for at, size in enumerate(sizes)]
        frame = bytearray(_PREFIX_BYTES + sum(padded))
        struct.pack_into(">I", frame, 0, sum(padded))
        start = _PREFIX_BYTES
        for number, part in enumerate(parts):
            flags = (_RELATED if number else 0) | (0 if on.cipher else _SIGNED)
            more = _MORE_CREDITS if self._credits < _WANTED_CREDITS else 0
            _HEADER.pack_into(
                frame, start, _PLAIN, 64, part.charge, 0, part.command, part.charge + more, flags,
                padded[number] if number < last else 0, self._next_id, 0, on.tree_id,
                on.session_id, bytes(16),
            )  # fmt: skip
            frame[start + HEADER_BYTES : start + sizes[number]] = part.body
            if on.cipher is None:
                end = start + padded[number]
                with memoryview(frame) as view, view[start:end] as message:
                    seal = on.seal(message, self._next_id, False)
                frame[start + _SEAL : start + HEADER_BYTES] = seal
            self._pending[self._next_id] = exchange, number
            self._next_id += part.charge
            start += padded[number]
        assert self._transport is not None
        self._transport.write(self._encrypted(frame) if on.cipher else frame)

    def _encrypted(self, frame: bytearray) -> bytes:
        cipher = self._on.cipher
        assert cipher is not None
        nonce, plain = os.urandom(cipher.nonce_bytes), bytes(frame[_PREFIX_BYTES:])
        about = struct.pack("<16sIHHQ", nonce, len(plain), 0, 1, self._on.session_id)
        sealed = cipher.to_server.encrypt(nonce, plain, about)
        head = struct.pack(">I", _TRANSFORM_BYTES + len(plain)) + _ENCRYPTED
        return b"".join((head, sealed[-16:], about, sealed[:-16]))

    def _decrypted(self, frame: bytearray) -> bytes:
        cipher = self._on.cipher
        if cipher is None:
            raise ConnectionAbortedError("An encrypted answer in a session without keys.")
        nonce = bytes(frame[20 : 20 + cipher.nonce_bytes])
        sealed, about = bytes(frame[_TRANSFORM_BYTES:] + frame[4:20]), bytes(frame[20:52])
        try:
            return cipher.from_server.decrypt(nonce, sealed, about)
        except InvalidTag:
            raise ConnectionAbortedError("An answer was changed on its way.") from None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the place for what comes next: of the frame's length, then of the frame."""
        return memoryview(self._incoming)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came, and answer whom it answers."""
        self._filled += nbytes
        if self._filled < len(self._incoming):
            return
        complete, self._filled = self._incoming, 0
        try:
            if not self._in_frame:
                (size,) = struct.unpack(">I", complete)
                if not HEADER_BYTES <= size <= _LONGEST_FRAME:
                    raise ConnectionAbortedError("This is not SMB.")
                self._incoming, self._in_frame = bytearray(size), True
                return
            self._incoming, self._in_frame = bytearray(_PREFIX_BYTES), False
            self._frame(complete)
        except OSError as error:
            self._fail(error)
        except struct.error as error:
            self._fail(ConnectionAbortedError(f"This is not SMB: {error}"))

    def _frame(self, frame: bytearray) -> None:
        is_encrypted = frame[:4] == _ENCRYPTED
        view = memoryview(self._decrypted(frame) if is_encrypted else frame)
        following = 1
        while following:
            (following,) = struct.unpack_from("<I", view, 20)
            self._answer(view[: following or len(view)], is_encrypted)
            view = view[following:]

    def _answer(self, message: memoryview, is_encrypted: bool) -> None:
        name, _, _, status, _, credits, flags, _, message_id, _, _, _, seal = _HEADER.unpack_from(
            message
        )
        if name != _PLAIN or not flags & _FROM_SERVER:
            raise ConnectionAbortedError("This is not SMB.")
        if status == PENDING:
            self._give(credits)
            return
        waiting = self._pending.get(message_id)
        if waiting is None:
            return  # nobody waits any more, or nobody asked
        if not is_encrypted:
            message[_SEAL:HEADER_BYTES] = bytes(16)
            if self._on.cipher or seal != self._on.seal(message, message_id, True):
                raise ConnectionAbortedError("An answer without a right signature.")
        del self._pending[message_id]
        self._give(credits)
        exchange, number = waiting
        exchange.replies[number] = Reply(status, message)
        exchange.missing -= 1
        if not exchange.missing and not exchange.future.done():
            exchange.future.set_result(None)
