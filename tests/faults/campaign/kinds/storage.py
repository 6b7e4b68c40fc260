"""The destination: bytes changed under it, short writes, full, read-only, gone, and back."""

import os
from pathlib import Path

from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.round import Round
from tests.faults.campaign.setting import Setting

_LEVEL = frozenset({"storage_full", "storage_read_only", "storage_unreachable", "storage_error"})


def _temporaries(round_: Round, copies: bytes) -> list[Path]:
    """The temporaries of these copies that are no object yet."""
    tag = round_.truth.installation[:8]
    return [
        path
        for copy in copies.decode().split(",")
        for path in round_.archive.rglob(f".streamweave-{tag}-{copy}-*-part")
        if path.stat().st_nlink == 1 and path.stat().st_size
    ]


class BytesChanged(Kind):
    """Bytes of a temporary change between write and read-back; size and time stay."""

    name = "destination_bytes_changed"
    codes = frozenset({"read_back_mismatch"})

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.storage != "s3"  # nothing of it has a name before it is published

    async def act(self, round_: Round) -> None:
        round_.new_work()
        worker = round_.start(moments=tuple(("after make_durable", n) for n in (1, 2, 3)))
        while (found := await worker.moment(2.0)) is not None:
            candidates = sorted(_temporaries(round_, found[1]))
            for one in round_.rng.sample(candidates, min(8, len(candidates))):
                self._flip(one, round_.rng.randrange(one.stat().st_size))
                round_.injected(self.name)
            worker.go_on()
        await round_.over(worker)

    @staticmethod
    def _flip(path: Path, place: int) -> None:
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 0x40]))
        os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))


class ShortWrites(Kind):
    """write(2) takes less than it was given, each time."""

    name = "short_writes"

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.is_posix

    async def act(self, round_: Round) -> None:
        round_.new_work()
        round_.files.add_large((1 << 20) + round_.rng.randrange(1 << 20))
        worker = round_.start(short_writes=True)
        code = await worker.end(4.0)
        if code == 0:
            round_.injected(self.name)
        await round_.over(worker)


class WriteRefused(Kind):
    """The kernel takes a part of a file and refuses the rest (RLIMIT_FSIZE)."""

    name = "write_refused_in_mid_file"
    codes = _LEVEL

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.is_posix

    async def act(self, round_: Round) -> None:
        # The database stays far below this; a file of the instrument does not.
        limit = 9 << 20
        before = await round_.attempts_with("storage_full")
        name = round_.files.add_large(limit + 1 + round_.rng.randrange(1 << 16))
        worker = round_.start(file_limit_bytes=limit, moments=(("read", 1),))
        await worker.moment(2.0)
        worker.go_on()
        await worker.end(0.6)
        if await round_.attempts_with("storage_full") > before:
            round_.injected(self.name)
        await round_.kill(worker)
        # So large a file is read once in vain, not in each of the following faults.
        round_.files.put(name, b"small again")


class OnDisk(Kind):
    """Kinds that need a small file system of their own."""

    codes = _LEVEL

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.storage == "disk"


class DiskFull(OnDisk):
    """No space is left while files are written; then there is again."""

    name = "destination_full"

    async def act(self, round_: Round) -> None:
        disk = round_.disk
        assert disk is not None
        round_.files.add(12)
        before = await round_.attempts_with("storage_full")
        round_.files.add_large(3 << 20)
        step = round_.rng.choice(("read", "before create", "before make_durable"))
        worker = round_.start(moments=((step, round_.rng.randrange(1, 3)),))
        if await worker.moment(3.0) is not None:
            disk.fill()
            worker.go_on()
            await worker.end(0.3)
            if await round_.attempts_with("storage_full") > before:
                round_.injected(self.name)
            disk.free()
        await round_.over(worker)


class DiskReadOnly(OnDisk):
    """It turns read-only between two steps, and is writable again later."""

    name = "destination_read_only"

    async def act(self, round_: Round) -> None:
        disk = round_.disk
        assert disk is not None
        round_.new_work()
        step = round_.rng.choice(("list", "after make_durable", "before publish"))
        worker = round_.start(moments=((step, 1),))
        if await worker.moment(3.0) is not None:
            done = disk.set_read_only(True)
            worker.go_on()
            await worker.end(0.3)
            if done:
                round_.injected(self.name)
                disk.set_read_only(False)
        await round_.over(worker)


class DiskUnmounted(OnDisk):
    """It is unmounted while files are under way; an empty folder is in its place."""

    name = "destination_unmounted"

    async def act(self, round_: Round) -> None:
        disk = round_.disk
        assert disk is not None
        round_.new_work()
        step = round_.rng.choice(("list", "read", "after make_durable", "before publish"))
        worker = round_.start(moments=((step, 1),))
        if await worker.moment(3.0) is not None:
            disk.unmount()
            worker.go_on()
            await worker.end(0.3)
            disk.mount()
            round_.injected(self.name)
        await round_.over(worker)


class SentinelGone(Kind):
    """The storage's folder is renamed away, or its sentinel is, and comes back."""

    name = "destination_vanished"
    codes = _LEVEL

    @classmethod
    def fits(cls, setting: Setting) -> bool:
        return setting.is_posix

    async def act(self, round_: Round) -> None:
        round_.new_work()
        there = round_.archive / ".streamweave" / "sentinel.json"
        if round_.setting.storage == "folder" and round_.chance(0.5):
            there = round_.archive
        step = round_.rng.choice(("list", "read", "after make_durable", "before publish"))
        worker = round_.start(moments=((step, 1),))
        if await worker.moment(3.0) is not None:
            away = there.with_name(f"{there.name}.away")
            there.rename(away)
            worker.go_on()
            await worker.end(0.3)
            away.rename(there)
            round_.injected(self.name)
        await round_.over(worker)


KINDS = [
    BytesChanged,
    ShortWrites,
    WriteRefused,
    DiskFull,
    DiskReadOnly,
    DiskUnmounted,
    SentinelGone,
]
