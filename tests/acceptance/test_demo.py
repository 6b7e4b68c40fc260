"""`streamweave demo`: the main job as a user starts it, also killed and with an older database."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.stack import (
    GROWS,
    LEFT_OUT,
    DemoProcess,
    assert_each_file_is_there_once,
    earlier_versions,
    files_below,
    rows,
    until,
    wanted,
)

AVAILABLE = "SELECT count(*) FROM copies WHERE state = 'available'"
SECRET_MARK = b"simlab-secret-"
pytestmark = pytest.mark.timeout(1800)


def _arguments_of(tree: list[psutil.Process]) -> bytes:
    seen = b""
    for process in tree:
        try:
            seen += Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
    return seen


def _written(root: Path) -> bytes:
    """Everything that was written below the data directory, databases and logs alike."""
    return b"".join(
        path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()
    )


def assert_the_hooks_did_their_work(answer: dict[str, Any]) -> None:
    """Compare what the demonstration says of hooks with disks, database and receiver."""
    data = Path(answer["data"])
    source = {one["slug"]: one for one in answer["instruments"]}
    names = {slug: [path.name for path in wanted(one)] for slug, one in source.items()}
    spectra = sum(bool(re.fullmatch(r"[a-z]+_\d{4}\.(csv|jdx)", n)) for n in names["uv-vis"])
    assert answer["files"] == sum(map(len, names.values()))
    assert answer["hooks"] == {
        "left_out": len(LEFT_OUT),
        "redirected": names["hplc-1"].count("Report.TXT"),
        "with_metadata": spectra + names["nmr-500"].count("fid"),
        "webhooks_verified": sum(name.endswith(".fastq.gz") for name in names["sequencer"]),
        "webhooks_refused": 0,
        "waiting": 0,
    }
    archive = data / "archive"
    assert not [path for path in files_below(archive / "uv-vis") if path.name in LEFT_OUT]
    places = {
        path.relative_to(archive / "hplc-1").parts[0]
        for path in files_below(archive / "hplc-1")
        if path.name == "Report.TXT"
    }
    assert places == {"reports"}
    assert_the_receiver_heard_of_all_reads(answer)


def assert_one_instrument_came_by_rsync(answer: dict[str, Any]) -> None:
    """Where rsync is not installed the demonstration says so."""
    by = answer["by_rsync"]
    if shutil.which("rsync") is None:
        assert "rsync" in by["left_out"]
        return
    assert by == {"slug": "uv-vis", "left_out": None}
    evidence = rows(Path(answer["data"]), "SELECT dest_path, intent FROM copies")
    brought = {path for path, intent in evidence if json.loads(intent)["adapter"] == "rsync"}
    assert brought
    assert {path.partition("/")[0] for path in brought} == {"uv-vis"}


def assert_the_receiver_heard_of_all_reads(answer: dict[str, Any]) -> None:
    """Compare what the receiver wrote down with the files themselves."""
    (root,) = [Path(one["path"]) for one in answer["instruments"] if one["slug"] == "sequencer"]
    lines = [json.loads(line) for line in Path(answer["webhooks"]).read_text().splitlines()]
    assert all(line["verified"] for line in lines)
    heard = {line["message"]["data"]["path"]: line["message"]["data"] for line in lines}
    reads = [path for path in files_below(root) if path.name.endswith(".fastq.gz")]
    assert heard.keys() == {str(path.relative_to(root)) for path in reads}
    for path in reads:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        assert heard[str(path.relative_to(root))]["sha256"] == sha256


def test_the_demo_delivers_every_file_once_and_tells_no_secret(tmp_path: Path) -> None:
    demo = DemoProcess(tmp_path)
    seen = b""

    def half_way() -> bool:
        nonlocal seen
        seen += _arguments_of(demo.tree())
        return demo.count(AVAILABLE) > 100 or demo.process.poll() is not None

    until(half_way, "a hundred available copies")
    answer = demo.finish()
    assert_each_file_is_there_once(answer)
    assert answer["copies"].keys() == {"available"}
    assert answer["copies"]["available"] > answer["files"]  # some have two
    assert answer["files"] > 500
    assert {one["protocol"] for one in answer["instruments"]} == {
        "smb", "sftp", "s3", "webdav", "local",
    }  # fmt: skip
    assert_one_instrument_came_by_rsync(answer)
    # What is left out is never planned, and has no identifier.
    unnamed = rows(tmp_path, "SELECT path, state FROM source_files WHERE ark IS NULL")
    assert {(Path(os.fsdecode(path)).name, state) for path, state in unnamed} == {
        (name, "skipped") for name in LEFT_OUT
    }
    assert rows(tmp_path, "SELECT count(DISTINCT ark) = count(ark) FROM source_files") == [(1,)]
    assert_the_hooks_did_their_work(answer)
    passwords = (tmp_path / "lab" / "lab.json").read_bytes()
    assert SECRET_MARK in passwords
    signing = json.loads(passwords)["passwords"]["webhooks"].removeprefix("whsec_").encode()
    said = (tmp_path / "demo.err").read_bytes()
    for place in (seen, said, _written(tmp_path / "streamweave"), _written(tmp_path / "archive")):
        assert SECRET_MARK not in place
        assert signing not in place
    assert os.stat(tmp_path / "streamweave" / "keys" / "fernet.key").st_mode & 0o77 == 0


@pytest.mark.faults
def test_the_demo_killed_at_five_moments_ends_complete_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    moments = {
        "while it sets up": lambda d: (tmp_path / "streamweave" / "logs" / "api.log").exists(),
        "while files settle": lambda d: d.count("SELECT count(*) FROM source_files") > 0,
        "at the first copies": lambda d: d.count(AVAILABLE) >= 1,
        "half way": lambda d: d.count(AVAILABLE) >= 350,
        "near the end": lambda d: d.count(AVAILABLE) >= 650,
    }
    for name, reached in moments.items():
        demo = DemoProcess(tmp_path)
        until(lambda d=demo, r=reached: r(d) or d.process.poll() is not None, name)  # type: ignore[misc]
        assert demo.process.poll() is None, demo.complaint()
        assert demo.kill_everything() >= 1
    answer = DemoProcess(tmp_path).finish()
    # Killed, the file that grows stands still: long enough, it is taken for complete.
    assert_each_file_is_there_once(answer, earlier_versions(tmp_path))
    assert_the_hooks_did_their_work(answer)
    assert rows(tmp_path, "SELECT count(*) FROM hooks") == [(5,)]
    later = """SELECT DISTINCT path FROM source_files JOIN versions v
        ON v.source_file_id = source_files.id WHERE v.number > 1"""
    assert set(rows(tmp_path, later)) <= {(GROWS,)}
    unexplained = "SELECT count(*) FROM attempts WHERE outcome = 'failed' AND error_code IS NULL"
    assert rows(tmp_path, unexplained) == [(0,)]


@pytest.mark.faults
def test_with_an_older_database_every_ark_stays_and_none_is_minted_twice(tmp_path: Path) -> None:
    first = DemoProcess(tmp_path, "--scale", "0.3")
    database = tmp_path / "streamweave" / "streamweave.db"
    until(lambda: first.count("SELECT count(*) FROM instruments") >= 7, "the instruments")
    until(lambda: first.count(AVAILABLE) >= 20, "twenty available copies")
    first.kill_everything()
    backup = tmp_path / "backup"
    backup.mkdir()
    for path in database.parent.glob("streamweave.db*"):
        shutil.copy(path, backup)
    answer = DemoProcess(tmp_path, "--scale", "0.3").finish()
    query = "SELECT instrument_id, path, ark FROM source_files ORDER BY instrument_id, path"
    arks, earlier = rows(tmp_path, query), earlier_versions(tmp_path)
    for path in database.parent.glob("streamweave.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy(path, database.parent)
    again = DemoProcess(tmp_path, "--scale", "0.3").finish()
    assert rows(tmp_path, query) == arks
    assert again["files"] == answer["files"]
    assert_each_file_is_there_once(again, earlier)
    outcomes = dict(rows(tmp_path, "SELECT outcome, count(*) FROM attempts GROUP BY outcome"))
    assert outcomes["adopted"] > 0
