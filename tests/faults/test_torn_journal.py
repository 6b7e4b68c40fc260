"""A line that a full disk or a kill cut off does not swallow the next one."""

import json
import uuid
from pathlib import Path

from app.transfers.posix import SENTINEL, PosixStorage

INSTALLATION = "0123456789abcdef"


async def test_a_torn_line_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    sentinel = uuid.uuid4()
    (tmp_path / SENTINEL).parent.mkdir()
    (tmp_path / SENTINEL).write_text(json.dumps({"storage": str(sentinel)}))
    storage = PosixStorage(tmp_path, installation=INSTALLATION, sentinel=sentinel, worker="w")
    async with storage.batch() as batch:
        assert await batch.make_durable([], b'{"n":1}\n{"n":2}\n') == {}
    (journal,) = tmp_path.glob(f".streamweave/journal/{INSTALLATION}/*.jsonl")
    with journal.open("ab") as file:
        file.write(b'{"n":3, "torn')
    async with storage.batch() as batch:
        assert await batch.make_durable([], b'{"n":4}\n') == {}
        assert await batch.make_durable([], b'{"n":5}\n') == {}
    whole = [line for line in journal.read_bytes().split(b"\n") if line.endswith(b"}")]
    assert [json.loads(line)["n"] for line in whole] == [1, 2, 4, 5]
