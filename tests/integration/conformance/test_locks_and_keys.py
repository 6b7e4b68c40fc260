"""What only one protocol has: files that others hold on SMB, keys on SFTP."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from smbprotocol.connection import Connection  # type: ignore[import-untyped]
from smbprotocol.open import (  # type: ignore[import-untyped]
    CreateDisposition,
    CreateOptions,
    FileAttributes,
    ImpersonationLevel,
    Open,
)
from smbprotocol.session import Session  # type: ignore[import-untyped]
from smbprotocol.tree import TreeConnect  # type: ignore[import-untyped]

from app.errors import StreamWeaveError
from app.transfers.served import ServedStorage
from app.transfers.sftp import SftpFiles
from simlab.process import Login
from simlab.servers import load_or_make_key
from tests.integration.conformance.acts import (
    code_of,
    deliver,
    durable,
    everything,
    read_back,
    target,
    write,
)
from tests.integration.conformance.kinds import Destinations
from tests.integration.conformance.places import INSTALLATION, Door
from tests.integration.conformance.server_destination import USER
from tests.integration.conformance.sftp_servers import RcloneSftp, SftpPlace, WritableSftp
from tests.integration.conformance.smb_servers import SHARE, SmbDestination, SmbPlace


class Holder:
    """Another program on the share that lets nobody else at its file."""

    def __init__(self, destination: SmbDestination, path: str) -> None:
        self._connection = Connection(uuid.uuid4(), "127.0.0.1", destination.port)
        self._connection.connect(timeout=5)
        session = Session(self._connection, USER, destination.password, False, auth_protocol="ntlm")
        session.connect()
        tree = TreeConnect(session, rf"\\127.0.0.1\{SHARE}")
        tree.connect()
        self._file = Open(tree, path)
        self._file.create(
            ImpersonationLevel.Impersonation,
            0x12019F,
            FileAttributes.FILE_ATTRIBUTE_NORMAL,
            0,  # shared with nobody
            CreateDisposition.FILE_OPEN,
            CreateOptions.FILE_NON_DIRECTORY_FILE,
        )

    def let_go(self) -> None:
        """Close it."""
        self._file.close()
        self._connection.disconnect()


async def test_file_that_somebody_holds_is_told_and_tried_again(destinations: Destinations) -> None:
    destination = destinations["smb"]
    assert isinstance(destination, SmbDestination)
    place = destination.place()
    assert isinstance(place, SmbPlace)
    await place.prepare()
    storage = place.open()
    await deliver(storage, b"held", b"content")
    holder = await asyncio.to_thread(Holder, destination, rf"{place.folder.name}\held")
    try:
        with pytest.raises(StreamWeaveError, match="storage_file_locked"):
            await everything(storage, b"held")
        async with storage.batch() as batch:
            aim = target(b"held")
            await write(batch, aim, b"content")
            await durable(batch, aim)
            with pytest.raises(StreamWeaveError, match="storage_file_locked"):
                await read_back(batch, aim, final=True)
            await batch.remove_temporary(aim)
    finally:
        await asyncio.to_thread(holder.let_go)
    assert await everything(storage, b"held") == b"content"
    await storage.close()


@pytest.fixture
def sftp(destinations: Destinations) -> RcloneSftp:
    """A server with a password."""
    destination = destinations["sftp-rclone"]
    assert isinstance(destination, RcloneSftp)
    return destination


async def test_nothing_is_sent_without_the_right_host_key(sftp: RcloneSftp, tmp_path: Path) -> None:
    place = sftp.place()
    await place.prepare()
    before = sftp.refused_logons()
    unpinned = place.open(Door(host_key=""))
    with pytest.raises(StreamWeaveError) as caught:
        await unpinned.check_ready()
    assert caught.value.code == "storage_host_key_mismatch"
    assert sftp.server.host_key in caught.value.detail  # so that it can be compared and pinned
    _, another = load_or_make_key(tmp_path / "another")
    assert await code_of(place.open(Door(host_key=another))) == "storage_host_key_mismatch"
    both = place.open(Door(host_key=f"{another}\n{sftp.server.host_key}\n"))
    assert await code_of(both) == ""
    await both.close()
    assert sftp.refused_logons() == before


@pytest.fixture
def by_key(tmp_path: Path) -> Iterator[tuple[SftpPlace, str]]:
    """A place behind a server that takes a key, and that key."""
    private, public = load_or_make_key(tmp_path / "key")
    files = tmp_path / "files"
    files.mkdir()
    login = Login(USER, authorized_key=public)
    state, logs = tmp_path / "state", tmp_path / "logs"
    server = WritableSftp("by-key", served=files, state=state, logs=logs, login=login)
    server.start()
    yield SftpPlace(files / "root", server, ""), private
    server.close()


async def test_private_key_logs_on(by_key: tuple[SftpPlace, str], tmp_path: Path) -> None:
    place, private = by_key
    await place.prepare()
    another, _ = load_or_make_key(tmp_path / "another")
    for secret, code in (
        (private, ""),
        (another, "storage_logon_failed"),
        ("no key", "storage_logon_failed"),
    ):
        address = replace(place.address(Door()), secret=secret, secret_kind="private_key")
        storage = ServedStorage(
            SftpFiles(address),
            installation=INSTALLATION,
            sentinel=place.sentinel,
            worker="w",
        )
        assert await code_of(storage) == code
        await storage.close()
