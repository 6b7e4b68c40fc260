"""A source read through rclone: list and stat by remote control, bytes by the VFS server.

Names: rclone speaks JSON, so a name that is not UTF-8 arrives with U+FFFD and cannot be asked for;
a name with U+201B (rclone's own quoting sign) does not survive either. Both are reported for that
file alone.
"""

import asyncio
import calendar
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.errors import StreamWeaveError
from app.transfers.base import Entry, FileFacts, Piece, SourceCapabilities, Wanted, chunks_of
from app.transfers.paths import name_problem, parent
from app.transfers.rclone.classify import classify
from app.transfers.rclone.rc import RcAddress, RcClient
from app.transfers.rclone.stream import VfsReader

_PRECISION_NS = {"smb": 100, "sftp": 10**9, "s3": 1, "webdav": 10**9}
# What the VFS server says whatever the reason is: not found, broken off before the first byte, 500.
_UNEXPLAINED = {"source_error", "source_file_missing", "source_connection_lost"}
# What an old listing of the VFS makes it say of a file that is younger.
_STALE = {"source_file_missing", "source_file_changed"}
_REASON_SECONDS = 3.0
_UNCARRIED = ("\ufffd", "\u201b")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True)
class RemoteAddress:
    """What the supervisor answers: a remote in its daemon and the sockets to reach it."""

    remote: str  # "name:root", as rclone wants it
    protocol: str
    rc: RcAddress
    vfs_socket: Path


@lru_cache(1024)
def _midnight(year: str, month: str, day: str) -> int:
    return calendar.timegm((int(year), int(month), int(day), 0, 0, 0))


def parse_time(text: str) -> int:
    """Return an RFC 3339 time as nanoseconds since 1970 (datetime would cut nanoseconds)."""
    match = _TIME.match(text)
    if match is None:
        raise StreamWeaveError("source_error", f"The server gave a time that is none: {text[:40]}")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    seconds = _midnight(year, month, day) + int(hour) * 3600 + int(minute) * 60 + int(second)
    if zone != "Z":
        sign = 1 if zone[0] == "+" else -1
        seconds -= sign * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))


class RcloneSource:
    """The reading end of one instrument; each call has one connection to it in use."""

    def __init__(self, address: RemoteAddress, *, timeout_seconds: float) -> None:
        self._remote = address.remote
        # rclone's own idle time-out comes first; ours is for a daemon that hangs.
        self._rc = RcClient(address.rc, timeout_seconds=timeout_seconds + 15)
        self._vfs = VfsReader(address.vfs_socket, timeout_seconds=timeout_seconds + 5)
        self.capabilities = SourceCapabilities(
            mover="rclone",
            protocol=address.protocol,
            mtime_precision_ns=_PRECISION_NS[address.protocol],
            stat_opens=True,
            carries_any_name=False,
        )

    async def list_directory(self, directory: bytes) -> Sequence[Entry]:
        """Return all entries of one directory."""
        answer = await self._rc.call(
            "operations/list",
            "listing",
            fs=self._remote,
            remote=directory.decode(),
            opt={"noMimeType": True},
        )
        return [entry_of(item) for item in answer.get("list") or ()]

    async def stat(self, paths: Sequence[bytes]) -> Sequence[FileFacts | StreamWeaveError]:
        """Return each file's facts in one call (HTTP and JSON a call cost more than the stat)."""
        inputs = [
            {
                "_path": "operations/stat",
                "fs": self._remote,
                "remote": path.decode(),
                "opt": {"noMimeType": True},
            }
            for path in paths
        ]
        if not inputs:
            return []
        answer = await self._rc.call("job/batch", "asking for sizes", inputs=inputs, concurrency=1)
        return [_stat_result(result) for result in answer["results"]]

    async def read(self, path: bytes, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Stream the file's bytes."""
        async with aclosing(chunks_of(self.read_many([Wanted(path, size_bytes)]))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def read_many(self, files: Sequence[Wanted]) -> AsyncGenerator[Piece, None]:
        """Stream files over one connection; an error costs the connection, not the next files."""
        number = 0
        forgotten: set[bytes] = set()  # once a call is enough: all files are older than it
        while number < len(files):
            begun, received = number, 0
            try:
                async with aclosing(self._vfs.read_many(files[begun:])) as pieces:
                    async for _, chunk in pieces:
                        yield number, chunk
                        received = 0 if chunk is None else received + len(chunk)
                        number += chunk is None
            except StreamWeaveError as error:
                cause = error
                directory = parent(files[number].path)
                if not received and directory not in forgotten and error.code in _STALE:
                    forgotten.add(directory)
                    try:
                        await self._forget(files[number].path)
                    except StreamWeaveError as trouble:
                        cause = trouble  # an error is a piece: raised, it would end the batch
                    else:
                        continue
                yield number, await self._explained(files[number], received, cause)
                number += 1

    async def _forget(self, path: bytes) -> None:
        """Make the VFS list a file's directory anew: what it remembers may be a minute old.

        Not before each batch: a directory of 100,000 files takes seconds to list. What is read by
        an old listing is safe: its bytes are counted, and the file is asked about afterwards.
        """
        directory = parent(path).decode()
        await self._rc.call("vfs/forget", "forgetting", fs=self._remote, dir=directory)

    async def _explained(
        self, file: Wanted, received: int, error: StreamWeaveError
    ) -> StreamWeaveError:
        if error.code not in _UNEXPLAINED:
            return error
        if received:
            return await self._broken_off(file.path, file.size_bytes, error)
        return await self._reason(file.path, error)

    async def _broken_off(
        self, path: bytes, size_bytes: int, unexplained: StreamWeaveError
    ) -> StreamWeaveError:
        """Tell a file that was cut off or deleted from a connection that was."""
        try:
            (answer,) = await self.stat([path])
        except StreamWeaveError as error:
            return error
        if isinstance(answer, StreamWeaveError):
            return answer
        if answer.size_bytes != size_bytes:
            detail = f"{size_bytes} bytes were expected, {answer.size_bytes} are left."
            return StreamWeaveError("source_file_changed", detail)
        return unexplained

    async def _reason(self, path: bytes, unexplained: StreamWeaveError) -> StreamWeaveError:
        """Ask by remote control why a file cannot be read: the VFS server does not say.

        Opening it there is the only question that names the reason. An unreadable file answers at
        once; one that can be read after all is let go of after a moment.
        """
        try:
            async with asyncio.timeout(_REASON_SECONDS):
                await self._rc.call(
                    "operations/hashsumfile",
                    "reading",
                    fs=self._remote,
                    remote=path.decode(),
                    hashType="md5",
                    download=True,
                    _config={"BwLimitFile": "64k"},
                )
        except StreamWeaveError as error:
            return error
        except TimeoutError:
            return unexplained
        return unexplained

    async def close(self) -> None:
        """Close connections."""
        await self._vfs.close()
        await self._rc.close()


def entry_of(item: dict[str, Any]) -> Entry:
    """Return an entry of rclone's listing."""
    name = str(item["Name"])
    problem = name_problem(name.encode())
    if any(sign in name for sign in _UNCARRIED):
        problem = "source_name_unreadable"
    if item["IsDir"]:
        return Entry(name.encode(), True, FileFacts(0, 0), problem)
    try:
        facts = FileFacts(max(int(item["Size"]), 0), parse_time(item["ModTime"]))
    except (StreamWeaveError, ValueError):
        return Entry(name.encode(), False, FileFacts(0, 0), problem or "source_time_invalid")
    return Entry(name.encode(), False, facts, problem)


def _stat_result(result: dict[str, Any]) -> FileFacts | StreamWeaveError:
    if "error" in result:
        return classify(str(result["error"]), "asking for size and time")
    item = result.get("item")
    if item is None or item["IsDir"]:
        return StreamWeaveError("source_file_missing", "It is not there any more.")
    return FileFacts(int(item["Size"]), parse_time(item["ModTime"]))
