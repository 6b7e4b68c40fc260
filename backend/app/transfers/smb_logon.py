"""Logging on to an SMB share with smbprotocol; afterwards the socket is taken over (`smb_wire`).

Negotiation, NTLM and the keys are the library's. Its own way to carry files waits in threads and
packs each message in a fifth of a millisecond, so it is not used for them.
"""

import contextlib
import logging
import selectors
import socket
import struct
import uuid
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from smbprotocol import Dialects  # type: ignore[import-untyped]
from smbprotocol.connection import (  # type: ignore[import-untyped]
    Ciphers,
    Connection,
    SigningAlgorithms,
)
from smbprotocol.session import Session  # type: ignore[import-untyped]
from smbprotocol.tree import TreeConnect  # type: ignore[import-untyped]

from app.clock import monotonic
from app.transfers.file_server import ServerAddress
from app.transfers.smb_wire import Cipher, LoggedOn, Sealer, aes_cmac, gmac, hmac_sha256

PORT = 445
_BLOCK = 1 << 20
_CREDIT_BYTES = 64 << 10
# Its debug lines show what an account could be attacked with.
logging.getLogger("smbprotocol").setLevel(logging.CRITICAL)
logging.getLogger("spnego").setLevel(logging.CRITICAL)


class _Socket:
    """The transport that the library's connection talks to: it has an end, and can be taken."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._place = host, port
        self._ends_at = monotonic() + seconds
        self._waker, self._wake = socket.socketpair()
        self._socket: socket.socket | None = None
        self.connected = False

    def _left(self) -> float:
        return max(self._ends_at - monotonic(), 0.001)

    def connect(self) -> None:
        """Connect."""
        self._socket = socket.create_connection(self._place, self._left() / 2)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connected = True

    def send(self, message: Any) -> None:
        """Send one frame."""
        sent = bytes(message) if isinstance(message, bytes) else message.pack()
        assert self._socket is not None
        self._socket.settimeout(self._left())
        self._socket.sendall(struct.pack(">I", len(sent)) + sent)

    def recv(self, timeout: float) -> bytes:
        """Receive one frame; nothing when the connection ended or was taken."""
        head = self._exactly(4)
        return self._exactly(struct.unpack(">I", head)[0]) if head else b""

    def _exactly(self, size: int) -> bytes:
        received = b""
        assert self._socket is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._waker, selectors.EVENT_READ)
            while len(received) < size:
                ready = [key.fileobj for key, _ in selector.select(self._left())]
                if not ready:
                    # A TimeoutError would make the library ask whether the server lives.
                    raise ConnectionAbortedError("no answer")
                if self._waker in ready:
                    return b""
                chunk = self._socket.recv(size - len(received))
                if not chunk:
                    self.connected = False
                    return b""
                received += chunk
        return received

    def take(self) -> socket.socket:
        """End the library's waiting; return the socket, which stays connected."""
        taken, self._socket = self._socket, None
        assert taken is not None
        self.close()
        return taken

    def close(self) -> None:
        """End it."""
        self.connected = False
        with contextlib.suppress(OSError):  # it may be closed already
            self._wake.send(b"x")
        if self._socket is not None:
            self._socket.close()


class _Connection(Connection):  # type: ignore[misc]
    """The library's connection on a transport of ours."""

    _ours: _Socket | None = None
    seconds = 60.0

    @property
    def transport(self) -> Any:
        return self._ours

    @transport.setter
    def transport(self, made: Any) -> None:
        self._ours = made and _Socket(made.server, made.port, self.seconds)


def log_on(address: ServerAddress) -> LoggedOn:
    """Connect, log on once, and open the share; waits in the calling thread.

    Raises:
        OSError: it cannot be reached, or broke.
        SMBException: it refused.
    """
    share = address.root.replace("\\", "/").strip("/").split("/")[0]
    domain = address.options.get("domain", "")
    username = f"{domain}\\{address.username}" if domain else address.username
    connection = _Connection(uuid.uuid4(), address.host, address.port or PORT, require_signing=True)
    connection.seconds = address.timeout_seconds + 1  # who waits for us gives up before
    try:
        connection.connect(timeout=address.timeout_seconds)
        session = Session(
            connection,
            username,
            address.secret,
            require_encryption=address.options.get("encrypt") == "yes",
            auth_protocol="ntlm",
        )
        session.connect()
        tree = TreeConnect(session, rf"\\{address.host}\{share}")
        tree.connect()
    except BaseException:
        if connection.transport is not None:
            connection.transport.close()
        raise
    return _taken(connection, session, tree)


def _taken(connection: _Connection, session: Any, tree: Any) -> LoggedOn:
    taken = connection.transport.take()
    connection._t_worker.join(timeout=2)
    many = connection.supports_multi_credit
    largest = min(connection.max_read_size, connection.max_write_size, _BLOCK)
    window = connection.sequence_window
    return LoggedOn(
        socket=taken,
        session_id=session.session_id,
        tree_id=tree.tree_connect_id,
        seal=_sealer(connection, session.signing_key),
        cipher=_cipher(connection, session) if session.encrypt_data or tree.encrypt_data else None,
        next_message_id=window["low"],
        credits=window["high"] - window["low"],
        block_bytes=largest if many else min(largest, _CREDIT_BYTES),
    )


def _sealer(connection: Any, key: bytes) -> Sealer:
    if connection.dialect < Dialects.SMB_3_0_0:
        return hmac_sha256(key)
    algorithm = connection.signing_algorithm_id
    if connection.dialect < Dialects.SMB_3_1_1 or algorithm is None:
        return aes_cmac(key)
    makers = {SigningAlgorithms.AES_GMAC: gmac, SigningAlgorithms.HMAC_SHA256: hmac_sha256}
    return makers.get(algorithm, aes_cmac)(key)


def _cipher(connection: Any, session: Any) -> Cipher:
    is_gcm = connection.dialect >= Dialects.SMB_3_1_1 and connection.cipher_id in (
        Ciphers.AES_128_GCM,
        Ciphers.AES_256_GCM,
    )
    kind = AESGCM if is_gcm else AESCCM
    return Cipher(kind(session.encryption_key), kind(session.decryption_key))
