"""The source changes under the engine's hands: files while they are read, and the whole listing."""

import contextlib
from typing import ClassVar

from tests.faults.campaign.kinds.base import Kind
from tests.faults.campaign.round import Round
from tests.faults.checker import Violation

_CHANGED = frozenset({"source_file_changed", "source_file_missing", "source_connection_lost"})


class ChangedWhileRead(Kind):
    """Something happens to a file after its first chunk has come."""

    codes = _CHANGED
    change: ClassVar[str]

    async def act(self, round_: Round) -> None:
        round_.new_work()
        round_.files.add_large((1 << 20) + round_.rng.randrange(1 << 20))
        numbers = sorted(round_.rng.sample(range(1, 15), 8))
        worker = round_.start(moments=tuple(("read", number) for number in numbers))
        while (found := await worker.moment(2.0)) is not None:
            if self._change(round_, found[1]):
                round_.injected(self.name)
            worker.go_on()
        await round_.over(worker)

    def _change(self, round_: Round, name: bytes) -> bool:
        files = round_.files
        takes_away = self.change in ("rename", "delete")
        if name not in files.truth.final or (takes_away and not files.may_lose(name)):
            return False
        if self.change in ("truncate", "rewrite") and files.path(name).stat().st_size == 0:
            return False
        getattr(files, self.change)(name)
        return True


CHANGES = {
    "grow": "file_grows",
    "truncate": "file_truncated",
    "rewrite": "file_rewritten_in_place",
    "replace": "file_replaced_by_rename",
    "rename": "file_renamed",
    "delete": "file_deleted",
}
WHILE_READ: list[type[Kind]] = [
    type(
        f"While_{change}",
        (ChangedWhileRead,),
        {"name": name, "change": change, "__doc__": f"{name} while it is read."},
    )
    for change, name in CHANGES.items()
]


class ListingEmptied(Kind):
    """The share is not mounted: for a scan its folder is there and empty."""

    name = "listing_emptied"
    codes = _CHANGED | {"source_folder_missing", "source_error"}

    async def act(self, round_: Round) -> None:
        knows_all = await self._know_all(round_)
        gone = await round_.count("source_files WHERE absent_since IS NOT NULL")
        root = round_.files.truth.root
        away = root.with_name(f"{root.name}.away")
        worker = round_.start(moments=(("list", 1), ("list", 2), ("list", 3)))
        if await worker.moment(3.0) is not None:
            root.rename(away)
            root.mkdir()
            worker.go_on()
            # The next listing is that of the next scan: an empty root has no folders to list.
            if await worker.moment(2.0) is not None:
                round_.injected(self.name)
                now = await round_.count("source_files WHERE absent_since IS NOT NULL")
                if knows_all and now != gone:
                    detail = f"{now - gone} files were marked as gone by an empty listing."
                    round_.result.violations.append(Violation("absence_believed", "scan", detail))
            root.rmdir()
            away.rename(root)
            worker.go_on()
            with contextlib.suppress(TimeoutError):
                if await worker.moment(1.0) is not None:
                    worker.go_on()
        await round_.over(worker)

    async def _know_all(self, round_: Round) -> bool:
        """Only what was listed once can be missed."""
        worker = round_.start()
        knows_all = await worker.end(5.0) == 0
        await round_.over(worker)
        return knows_all


KINDS = [*WHILE_READ, ListingEmptied]
