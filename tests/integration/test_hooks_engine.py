"""Hooks in a harvest, in real processes: left out, sent elsewhere, waiting, gone on."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from app.clock import utcnow
from app.database import Database
from app.harvest.explain import explain
from app.hooks.runner import HookRunner
from app.models import Hook, HookRun, Instrument, SourceFile, StorageLocation
from app.services.hook_asking import HookAsker
from tests.integration.engine_fixtures import Lab
from tests.integration.factories import make_storage

pytest_plugins = ("tests.integration.engine_fixtures",)

SCRIPT = """
import time
from streamweave_sdk.hooks import Continue, NoConfig, PreTransfer, Skip

class Magic(PreTransfer[NoConfig]):
    first_bytes = 2
    def run(self, file):
        if file.first_bytes == b"XX":
            return Skip(reason="It begins with XX.", rule="magic")
        return Continue()

class Odd(PreTransfer[NoConfig]):
    def run(self, file):
        print("nul \\x00")
        return Skip(reason="nul \\x00", rule="\\x00")

class Hangs(PreTransfer[NoConfig]):
    def run(self, file):
        time.sleep(600)

class Broken(PreTransfer[NoConfig]):
    def run(self, file):
        raise RuntimeError("no licence")
"""


@dataclass
class Hooked:
    """A lab whose engine asks hooks."""

    lab: Lab
    folder: Path

    async def add(self, hook: str, config: dict[str, Any] | None = None, **more: Any) -> uuid.UUID:
        now = utcnow()
        row = Hook(
            name=more.pop("name", hook), hook=hook, kind="pre_transfer", config=config or {},
            revision=1, created_at=now, updated_at=now, **more,
        )  # fmt: skip
        async with self.lab.database.write() as session:
            session.add(row)
            await session.flush()
            return row.id

    async def runs(self) -> list[HookRun]:
        async with self.lab.database.read() as session:
            return list(await session.scalars(select(HookRun).order_by(HookRun.id)))

    async def due_again(self) -> None:
        """Let what is held be tried now."""
        async with self.lab.database.write() as session:
            await session.execute(update(SourceFile).values(next_try_at=None))

    async def rules_changed(self) -> None:
        async with self.lab.database.write() as session:
            await session.execute(
                update(Instrument).values(rules_generation=Instrument.rules_generation + 1)
            )


@pytest.fixture
async def hooked(lab: Lab, tmp_path: Path) -> AsyncIterator[Hooked]:
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "mine.py").write_text(SCRIPT)
    async with lab.database.write() as session:
        await session.execute(update(Instrument).values(slug="tem-2"))
    runner = HookRunner(folder, rest_seconds=0.2)
    lab.engine.ports = replace(lab.engine.ports, pre_transfer=HookAsker(lab.database, runner))
    yield Hooked(lab, folder)
    await runner.close()


FILTER = {"rules": [{"name": "temporary", "globs": ["*.tmp"]}]}


async def test_a_file_is_left_out_with_the_rule_named_and_stays_so(hooked: Hooked) -> None:
    lab = hooked.lab
    hook = await hooked.add("file-filter", FILTER, name="No temporary files")
    lab.write("a/one.raw", b"1")
    lab.write("a/two.tmp", b"2")
    await lab.harvest()
    assert list(lab.delivered()) == ["tem-2/a/one.raw"]
    files = await lab.files()
    assert (files["a/two.tmp"].state, files["a/two.tmp"].reason_code) == ("skipped", "hook")
    async with lab.database.read() as session:
        told = await explain(session, lab.instrument, "a/two.tmp")
    assert told.status == "skipped"
    assert "hook 'No temporary files', rule 'temporary'" in told.sentence
    runs = {run.facts["path"]: run for run in await hooked.runs()}
    assert runs["a/two.tmp"].outcome == "skip" and runs["a/two.tmp"].hook_id == hook
    assert runs["a/one.raw"].answer == {"kind": "continue"}
    # Another file in its folder makes it be compared again, but nobody is asked again.
    lab.write("a/three.raw", b"3")
    await lab.harvest()
    assert sorted(run.facts["path"] for run in await hooked.runs()) == [
        "a/one.raw", "a/three.raw", "a/two.tmp",
    ]  # fmt: skip
    # Without the rule it is taken.
    async with lab.database.write() as session:
        await session.execute(update(Hook).values(enabled=False))
    await hooked.rules_changed()
    await lab.harvest()
    assert "tem-2/a/two.tmp" in lab.delivered()


async def test_a_hook_sees_the_first_bytes_before_anything_is_copied(hooked: Hooked) -> None:
    lab = hooked.lab
    await hooked.add("magic")
    lab.write("good.raw", b"II....")
    lab.write("bad.raw", b"XX....")
    lab.write("empty.raw", b"")
    await lab.harvest()
    assert sorted(lab.delivered()) == ["tem-2/empty.raw", "tem-2/good.raw"]
    assert (await lab.files())["bad.raw"].state == "skipped"


async def test_a_file_goes_where_a_hook_says_and_only_there(
    hooked: Hooked, database: Database, tmp_path: Path
) -> None:
    lab = hooked.lab
    second = tmp_path / "second"
    second.mkdir()
    where = await make_storage(database, second, lab.instrument)
    async with database.write() as session:
        await session.execute(
            update(StorageLocation).where(StorageLocation.id == where).values(name="second")
        )
    target = {"globs": ["raw/**"], "storage": "second", "path": "{modified:%Y}/x"}
    await hooked.add("redirect-files", {"targets": [target]})
    lab.write("raw/a.dat", b"1")
    lab.write("b.dat", b"2")
    await lab.harvest()
    assert list(lab.delivered()) == ["tem-2/b.dat"]
    there = [str(p.relative_to(second)) for p in second.rglob("*.dat")]
    assert sorted(there) == ["tem-2/2023/x/a.dat", "tem-2/b.dat"]


async def test_two_files_that_are_sent_to_one_place_are_a_conflict(hooked: Hooked) -> None:
    lab = hooked.lab
    target = {"globs": ["*.dat"], "path": "all"}
    await hooked.add("redirect-files", {"targets": [target]})
    lab.write("x/a.dat", b"1")
    lab.write("y/a.dat", b"2")
    await lab.harvest()
    assert list(lab.delivered()) == ["tem-2/all/a.dat"]
    async with lab.database.read() as session:
        states = [await explain(session, lab.instrument, f"{one}/a.dat") for one in "xy"]
    assert sorted(one.status for one in states) == ["available", "conflict"]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"storage": "nowhere"}, "hook_storage_unknown"),
        ({"path": "../../etc"}, "hook_path_unsafe"),
        ({"name": "{folder}/x"}, "hook_path_unsafe"),
    ],
)
async def test_a_redirect_that_cannot_be_makes_the_file_wait(
    hooked: Hooked, config: dict[str, str], code: str
) -> None:
    lab = hooked.lab
    await hooked.add("redirect-files", {"targets": [{"globs": ["*.dat"], **config}]})
    lab.write("a/a.dat", b"1")
    lab.write("a/b.raw", b"1")
    await lab.harvest()
    file = (await lab.files())["a/a.dat"]
    assert (file.state, file.reason_code) == ("held", code)
    assert list(lab.delivered()) == ["tem-2/a/b.raw"]


async def test_two_redirects_that_disagree_make_the_file_wait(hooked: Hooked) -> None:
    lab = hooked.lab
    for number in (1, 2):
        target = {"globs": ["*.dat"], "path": f"place-{number}"}
        await hooked.add("redirect-files", {"targets": [target]}, name=f"to {number}")
    lab.write("a.dat", b"1")
    await lab.harvest()
    file = (await lab.files())["a.dat"]
    assert (file.state, file.reason_code) == ("held", "hook_redirects_disagree")
    assert file.reason is not None and "to 2" in file.reason


async def test_two_redirects_to_different_locations_make_the_file_wait(
    hooked: Hooked, database: Database, tmp_path: Path
) -> None:
    lab = hooked.lab
    for number in (1, 2):
        folder = tmp_path / f"place-{number}"
        folder.mkdir()
        where = await make_storage(database, folder, lab.instrument)
        async with database.write() as session:
            await session.execute(
                update(StorageLocation)
                .where(StorageLocation.id == where)
                .values(name=f"place-{number}")
            )
        target = {"globs": ["*.dat"], "storage": f"place-{number}"}
        await hooked.add("redirect-files", {"targets": [target]}, name=f"to {number}")
    lab.write("a.dat", b"1")
    await lab.harvest()
    file = (await lab.files())["a.dat"]
    assert (file.state, file.reason_code) == ("held", "hook_redirects_disagree")
    assert file.reason == "Hook 'to 2': About the storage location."
    assert lab.delivered() == {}
    async with lab.database.read() as session:
        told = await explain(session, lab.instrument, "a.dat")
    assert told.status == "held" and "to 2" in told.sentence


async def test_a_blocking_hook_that_fails_holds_the_file_until_it_answers(hooked: Hooked) -> None:
    lab = hooked.lab
    await hooked.add("broken")
    lab.write("a.raw", b"1")
    await lab.harvest()
    file = (await lab.files())["a.raw"]
    assert (file.state, file.reason_code) == ("held", "hook_failed")
    assert file.reason == "Hook 'broken': RuntimeError: no licence"
    assert file.next_try_at is not None and file.next_try_at > utcnow()
    assert lab.delivered() == {}
    # Of the same length, in the same second: the author saved it again.
    mended = SCRIPT.replace("raise RuntimeError", "return Continue()#")
    (hooked.folder / "mine.py").write_text(mended)
    await hooked.due_again()
    await lab.engine.look(lab.instrument)
    await lab.drain()
    assert list(lab.delivered()) == ["tem-2/a.raw"]


async def test_a_warning_hook_that_hangs_costs_a_timeout_and_is_shown(hooked: Hooked) -> None:
    lab = hooked.lab
    await hooked.add("hangs", failure_policy="warn", timeout_seconds=0.5)
    await hooked.add("file-filter", FILTER)
    for number in range(20):
        lab.write(f"{number}.raw", b"1")
    lab.write("x.tmp", b"1")
    await lab.harvest()
    assert len(lab.delivered()) == 20
    failed = [run for run in await hooked.runs() if run.outcome == "failed"]
    assert {run.error_code for run in failed} == {"hook_timed_out"}
    assert len(failed) == 21


async def test_what_no_database_can_hold_is_replaced(hooked: Hooked) -> None:
    lab = hooked.lab
    await hooked.add("odd")
    lab.write("a.raw", b"1")
    await lab.harvest()
    file = (await lab.files())["a.raw"]
    assert file.state == "skipped" and "nul \ufffd" in str(file.reason)


async def test_only_what_is_in_scope_is_asked_about(hooked: Hooked) -> None:
    lab = hooked.lab
    await hooked.add("broken", name="elsewhere", pattern="other/**")
    lab.write("a.raw", b"1")
    await lab.harvest()
    assert list(lab.delivered()) == ["tem-2/a.raw"]
    assert await hooked.runs() == []


async def test_without_hooks_no_statement_is_added(hooked: Hooked) -> None:
    lab = hooked.lab
    lab.write("a.raw", b"1")
    asked: list[str] = []

    def listen(_c: Any, _u: Any, statement: str, *_more: Any) -> None:
        if "hook" in statement:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    await lab.harvest()
    event.remove(Engine, "before_cursor_execute", listen)
    assert list(lab.delivered()) == ["tem-2/a.raw"]
    # Only inside the question for the instrument, which is asked anyway.
    assert asked and all("instruments.slug" in statement for statement in asked)
