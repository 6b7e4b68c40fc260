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


class Sealer(Protocol):
    """Seals a message that it cannot be changed on its way."""

    def __call__(self, message: bytes, message_id: int, is_answer: bool) -> bytes:
        """Return the 16 bytes of its signature."""
        ...


def gmac(key: bytes) -> Sealer:
    """SMB 3.1.1 with AES-GMAC."""
    cipher = AESGCM(key)

    def seal(message: bytes, message_id: int, is_answer: bool) -> bytes:
        return cipher.encrypt(struct.pack("<QI", message_id, is_answer), b"", message)

    return seal


def aes_cmac(key: bytes) -> Sealer:
    """SMB 3 with AES-CMAC."""

    def seal(message: bytes, message_id: int, is_answer: bool) -> bytes:
        code = cmac.CMAC(algorithms.AES(key))
        code.update(message)
        return code.finalize()

    return seal


def hmac_sha256(key: bytes) -> Sealer:
    """SMB 2."""

    def seal(message: bytes, message_id: int, is_answer: bool) -> bytes:
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


class Wire(asyncio.Protocol):
    """A connection that is logged on to a share."""

    def __init__(self, on: LoggedOn) -> None:
        self._on = on
        self.block_bytes = on.block_bytes
        self._next_id = on.next_message_id
        self._credits = on.credits
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._pending: dict[int, tuple[_Exchange, int]] = {}
        self._received = bytearray()
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
        on, frame, last = self._on, bytearray(), len(parts) - 1
        for number, part in enumerate(parts):
            flags = (_RELATED if number else 0) | (0 if on.cipher else _SIGNED)
            padding = b"" if number == last else bytes(-len(part.body) % 8)
            following = 0 if number == last else HEADER_BYTES + len(part.body) + len(padding)
            more = _MORE_CREDITS if self._credits < _WANTED_CREDITS else 0
            header = _HEADER.pack(
                _PLAIN, 64, part.charge, 0, part.command, part.charge + more, flags, following,
                self._next_id, 0, on.tree_id, on.session_id, bytes(16),
            )  # fmt: skip
            message = b"".join((header, part.body, padding))
            if on.cipher is None:
                seal = on.seal(message, self._next_id, False)
                message = b"".join((message[:48], seal, message[64:]))
            self._pending[self._next_id] = exchange, number
            self._next_id += part.charge
            frame += message
        sent = self._encrypted(bytes(frame)) if on.cipher else bytes(frame)
        assert self._transport is not None
        self._transport.write(struct.pack(">I", len(sent)) + sent)

    def _encrypted(self, frame: bytes) -> bytes:
        cipher = self._on.cipher
        assert cipher is not None
        nonce = os.urandom(cipher.nonce_bytes)
        about = struct.pack("<16sIHHQ", nonce, len(frame), 0, 1, self._on.session_id)
        sealed = cipher.to_server.encrypt(nonce, frame, about)
        return b"".join((_ENCRYPTED, sealed[-16:], about, sealed[:-16]))

    def _decrypted(self, frame: bytes) -> bytes:
        cipher = self._on.cipher
        if cipher is None:
            raise ConnectionAbortedError("An encrypted answer in a session without keys.")
        nonce = frame[20 : 20 + cipher.nonce_bytes]
        try:
            return cipher.from_server.decrypt(nonce, frame[52:] + frame[4:20], frame[20:52])
        except InvalidTag:
            raise ConnectionAbortedError("An answer was changed on its way.") from None

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer whom it answers."""
        received = self._received
        received += data
        start = 0
        try:
            while len(received) - start >= 4:
                (size,) = struct.unpack_from(">I", received, start)
                if size > _LONGEST_FRAME:
                    raise ConnectionAbortedError("This is not SMB.")
                if len(received) - start - 4 < size:
                    break
                self._frame(bytes(memoryview(received)[start + 4 : start + 4 + size]))
                start += 4 + size
        except (OSError, struct.error) as error:
            self._fail(error if isinstance(error, OSError) else ConnectionAbortedError(str(error)))
            start = len(received)
        del received[:start]

    def _frame(self, frame: bytes) -> None:
        is_encrypted = frame[:4] == _ENCRYPTED
        if is_encrypted:
            frame = self._decrypted(frame)
        while frame:
            (following,) = struct.unpack_from("<I", frame, 20)
            message, frame = (frame[:following], frame[following:]) if following else (frame, b"")
            self._answer(message, is_encrypted)

    def _answer(self, message: bytes, is_encrypted: bool) -> None:
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
            unsealed = b"".join((message[:48], bytes(16), message[64:]))
            if self._on.cipher or seal != self._on.seal(unsealed, message_id, True):
                raise ConnectionAbortedError("An answer without a right signature.")
        del self._pending[message_id]
        self._give(credits)
        exchange, number = waiting
        exchange.replies[number] = Reply(status, message)
        exchange.missing -= 1
        if not exchange.missing and not exchange.future.done():
            exchange.future.set_result(None)
