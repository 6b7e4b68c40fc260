"""Post-transfer hooks: from the outbox, at least once, in processes of their own."""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import func, select, update

from app.clock import monotonic, utcnow
from app.config import Settings
from app.hooks.runner import HookRunner
from app.models import (
    Copy,
    FileGrant,
    FileWord,
    Hook,
    HookAnswer,
    HookRun,
    HookTask,
    Outbox,
    User,
    new_id,
)
from app.services.credentials import Vault
from app.services.downloads import Sender
from app.services.hook_posting import PostHooks, PostSettings
from app.services.hook_reading import Reading, Room
from app.services.hook_tasks import enqueue, key_of
from app.services.outbox import dispatch
from app.services.storages import StorageOpener, Writer
from tests.integration.engine_fixtures import Lab

pytest_plugins = ("tests.integration.engine_fixtures",)

SCRIPT = """
import hashlib, os, time
from streamweave_sdk.hooks import (
    Access, Config, Image, NoConfig, Notice, PostAnswer, PostTransfer, RetryLater,
)

class Where(Config):
    file: str = ""
    wait: float = 0

class Tells(PostTransfer[Where]):
    def run(self, version, reader):
        with open(self.config.file, "a") as out:
            out.write(version.key + "\\n")
        time.sleep(self.config.wait)
        return PostAnswer(metadata={"seen": version.path})

class Reads(PostTransfer[NoConfig]):
    def run(self, version, reader):
        head = reader.read(2)
        reader.seek(0)
        whole = hashlib.sha256(reader.read()).hexdigest()
        reader.seek(-1, 2)
        path = reader.local_path()
        beside = reader.neighbour(version.path + ".json")
        return PostAnswer(
            metadata={
                "head": head.decode(), "proven": whole == version.sha256,
                "last": reader.read().decode(), "local": path.stat().st_size,
                "suffix": path.suffix, "path": str(path),
                "beside": beside.decode() if beside else None, "odd": "a\\x00b", "n": 7,
            },
            tags=["seen"],
            access=[Access(email="Ada@lab.example"), Access(email="nobody@lab.example")],
            notices=[Notice(text="read")],
            preview=Image(data=b"PNG", alt="a picture"),
        )

class Hangs(PostTransfer[NoConfig]):
    def run(self, version, reader):
        time.sleep(600)

class Broken(PostTransfer[NoConfig]):
    def run(self, version, reader):
        raise RuntimeError("no licence")

class Odd(PostTransfer[NoConfig]):
    version = "9" * 300
    def run(self, version, reader):
        if version.name == "later.raw":
            raise RetryLater("half \\ud800", after_seconds="soon")
        deep = {}
        for _ in range(200):
            deep = {"x": deep}
        print("nul \\x00")
        return PostAnswer(
            metadata={"deep": deep, "big": 1 << 70, "nan": float("nan"), "k\\x00": "\\x00"},
            tags=["t" * 300, "\\x00"], notices=[Notice(text="\\x00")],
            access=[Access(email="a\\x00b@lab.example")],
        )

class Later(PostTransfer[Where]):
    def run(self, version, reader):
        if not os.path.exists(self.config.file):
            raise RetryLater("the sidecar is not there", after_seconds=300)
        return PostAnswer(tags=["late"])
"""


@dataclass
class Posted:
    """A lab, hooks after its transfers, and a worker that asks them."""

    lab: Lab
    folder: Path
    post: PostHooks
    room: Room

    async def add(self, hook: str, config: dict[str, Any] | None = None, **more: Any) -> uuid.UUID:
        now = utcnow()
        row = Hook(
            name=more.pop("name", hook), hook=hook, kind="post_transfer", config=config or {},
            secrets={}, revision=1, created_at=now, updated_at=now, **more,
        )  # fmt: skip
        async with self.lab.database.write() as session:
            session.add(row)
            await session.flush()
            return row.id

    async def told(self) -> None:
        """Bring what was committed to the hooks' tasks."""
        while await self.lab.database.run(dispatch):
            pass
        while await self.lab.database.run(enqueue):
            pass

    async def asked(self) -> None:
        await self.told()
        with self.room.opened():
            await self.post.drain()

    async def due_again(self) -> None:
        async with self.lab.database.write() as session:
            await session.execute(update(HookTask).values(due_at=utcnow()))

    async def all(self, model: Any) -> list[Any]:
        async with self.lab.database.read() as session:
            return list(await session.scalars(select(model)))


@pytest.fixture
async def posted(lab: Lab, database_url: str, tmp_path: Path) -> AsyncIterator[Posted]:
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "mine.py").write_text(SCRIPT)
    settings = Settings(
        _env_file=None,
        data=tmp_path / "data",
        database_url=SecretStr(database_url),
        secret_keys=SecretStr(Fernet.generate_key().decode()),
    )
    opener = StorageOpener(lab.database, settings, Writer("check000", "w"))
    room = Room(tmp_path / "room" / "w", 1000)
    post = PostHooks(
        Reading(lab.database, Sender(lab.database, opener), room),
        HookRunner(folder, rest_seconds=0.2),
        Vault.from_settings(settings),
        PostSettings("w", ["main"], lease_seconds=2.0),
    )
    yield Posted(lab, folder, post, room)
    await post.stop()
    await opener.close()


async def test_a_hook_is_asked_about_each_available_version_once(
    posted: Posted, tmp_path: Path
) -> None:
    lab, out = posted.lab, tmp_path / "keys"
    hook = await posted.add("tells", {"file": str(out)})
    await posted.add("tells", {"file": str(out)}, name="elsewhere", pattern="other/**")
    await posted.add("tells", {"file": str(out)}, name="off", enabled=False)
    for number in range(5):
        lab.write(f"a/{number}.raw", b"x")
    await lab.harvest()
    await posted.asked()
    async with lab.database.read() as session:
        versions = list(await session.scalars(select(Copy.version_id).order_by(Copy.version_id)))
    assert sorted(out.read_text().split()) == sorted(key_of(hook, one) for one in versions)
    await posted.asked()
    assert len(out.read_text().split()) == 5
    assert {task.state for task in await posted.all(HookTask)} == {"done"}
    runs = await posted.all(HookRun)
    assert {run.outcome for run in runs} == {"answered"} and len(runs) == 5
    assert {one.fields["seen"] for one in await posted.all(HookAnswer)} == {
        f"a/{number}.raw" for number in range(5)
    }


async def test_a_hook_reads_the_proven_bytes_a_local_file_and_a_neighbour(posted: Posted) -> None:
    lab = posted.lab
    async with lab.database.write() as session:
        session.add(
            User(id=new_id(), email="ada@lab.example", hashed_password="", created_at=utcnow())
        )
    lab.write("a.raw.json", b"{}")
    await lab.harvest()
    await posted.told()
    await posted.add("reads")
    lab.write("a.raw", b"XY" + b"." * 500 + b"z")
    await lab.harvest()
    await posted.asked()
    run = (await posted.all(HookRun))[0]
    assert run.error_detail is None, run.error_detail
    answer = (await posted.all(HookAnswer))[0]
    fields = dict(answer.fields)
    local = Path(fields.pop("path"))
    assert fields == {
        "head": "XY", "proven": True, "last": "z", "local": 503, "suffix": ".raw",
        "beside": "{}", "odd": "a\ufffdb", "n": 7,
    }  # fmt: skip
    assert not local.exists() and not posted.room.folder.exists()
    assert posted.room.used_bytes == 0
    assert answer.preview == {"kind": "image", "media_type": "image/png", "alt": "a picture"}
    async with lab.database.read() as session:
        assert await session.scalar(select(HookAnswer.image)) == b"PNG"
        assert await session.scalar(select(func.count()).select_from(FileGrant)) == 1
    words = {(one.key, one.value) for one in await posted.all(FileWord)}
    assert {("", "seen"), ("n", "7"), ("proven", "true")} <= words
    # More than there is room for.
    lab.write("b.raw", b"." * 1001)
    await lab.harvest()
    await posted.asked()
    failed = [one for one in await posted.all(HookRun) if one.outcome == "failed"]
    assert ["room for 1000" in str(one.error_detail) for one in failed] == [True]


async def test_a_hanging_hook_costs_the_others_nothing(posted: Posted, tmp_path: Path) -> None:
    lab, out = posted.lab, tmp_path / "keys"
    await posted.add("hangs", timeout_seconds=30, position=1)
    await posted.add("tells", {"file": str(out)}, position=2)
    for number in range(20):
        lab.write(f"{number}.raw", b"x")
    await lab.harvest()
    await posted.told()
    with posted.room.opened():
        began = monotonic()
        await posted.post.look()
        while len([one for one in await posted.all(HookTask) if one.state == "done"]) < 20:
            assert monotonic() - began < 20
            await asyncio.sleep(0.05)
    assert len(out.read_text().split()) == 20


@pytest.mark.parametrize("policy", ["block", "warn"])
async def test_a_failing_hook_is_asked_again_less_and_less_often(
    posted: Posted, policy: str
) -> None:
    lab = posted.lab
    await posted.add("broken", failure_policy=policy)
    lab.write("a.raw", b"x")
    await lab.harvest()
    waits = []
    for _ in range(6):
        await posted.asked()
        task = (await posted.all(HookTask))[0]
        waits.append((task.due_at - utcnow()).total_seconds())
        await posted.due_again()
    assert (task.error_code, task.error_detail) == ("hook_failed", "RuntimeError: no licence")
    assert waits[0] < waits[1] < waits[2] < waits[3]
    runs = await posted.all(HookRun)
    expected = ("waiting", 6, 6) if policy == "block" else ("failed", 5, 5)
    assert (task.state, task.failures, len(runs)) == expected


async def test_what_no_database_can_hold_holds_nobody_up(posted: Posted) -> None:
    lab = posted.lab
    await posted.add("odd")
    for name in ("a.raw", "later.raw", "z.raw"):
        lab.write(name, b"x")
    await lab.harvest()
    await posted.asked()
    tasks = {task.state: task for task in await posted.all(HookTask)}
    assert set(tasks) == {"done", "waiting"} and tasks["waiting"].error_code == "hook_later"
    answers = await posted.all(HookAnswer)
    assert len(answers) == 2 and len(answers[0].hook_version) == 100
    assert answers[0].fields["big"] == str(1 << 70) and answers[0].fields["nan"] is None
    assert len(answers[0].tags[0]) == 200


async def test_a_hook_that_waits_for_something_is_asked_later(
    posted: Posted, tmp_path: Path
) -> None:
    lab, flag = posted.lab, tmp_path / "there"
    await posted.add("later", {"file": str(flag)}, failure_policy="warn")
    lab.write("a.raw", b"x")
    await lab.harvest()
    await posted.asked()
    task = (await posted.all(HookTask))[0]
    assert (task.state, task.error_code, task.failures) == ("waiting", "hook_later", 0)
    assert 200 < (task.due_at - utcnow()).total_seconds() < 301
    flag.write_text("")
    await posted.due_again()
    await posted.asked()
    assert [one.tags for one in await posted.all(HookAnswer)] == [["late"]]


async def test_without_hooks_no_row_of_the_outbox_is_read(posted: Posted) -> None:
    posted.lab.write("a.raw", b"x")
    await posted.lab.harvest()
    await posted.told()
    assert await posted.all(HookTask) == []
    async with posted.lab.database.read() as session:
        assert await session.scalar(select(func.max(Outbox.seq)))
    # A hook that comes later is asked about what comes later.
    await posted.add("reads")
    await posted.asked()
    assert await posted.all(HookTask) == []


async def test_kill_9_of_the_worker_loses_no_version(
    posted: Posted, database_url: str, tmp_path: Path
) -> None:
    lab, out = posted.lab, tmp_path / "keys"
    hook = await posted.add("tells", {"file": str(out), "wait": 0.05})
    for number in range(40):
        lab.write(f"{number}.raw", b"x")
    await lab.harvest()
    await posted.told()
    settings = {"url": database_url, "hooks": str(posted.folder), "data": str(tmp_path / "data")}
    for after in (3, 15):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.post_hook_process", json.dumps(settings)
        )
        while len(_lines(out)) < after:
            assert process.returncode is None
            await asyncio.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    while any(one.state != "done" for one in await posted.all(HookTask)):
        await posted.asked()
        await asyncio.sleep(0.1)
    async with lab.database.read() as session:
        versions = list(await session.scalars(select(Copy.version_id)))
    assert set(_lines(out)) == {key_of(hook, one) for one in versions} and len(versions) == 40
    assert len(await posted.all(HookAnswer)) == 40


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
