"""Each bench runs, small, and says what it promises to say."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def bench(name: str, *options: str) -> dict[str, Any]:
    """Run one as a user does; return its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", name, "--json", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert {"bench", "rounds", "seconds", "machine"} <= set(answer)
    assert answer["bench"] == name
    return answer


def test_identifiers_are_measured_against_a_bare_insert_on_both_databases() -> None:
    answer = bench("identifiers", "--rows", "600", "--rounds", "1")
    for kind in ("sqlite", "postgresql"):
        assert set(answer[kind]) == {
            "identifiers_per_second", "bare_insert_per_second", "vs_bare_insert",
        }  # fmt: skip
    assert answer["identifiers_per_second"]["median"] > 0


def test_the_queue_is_measured_with_few_and_many_and_beside_others() -> None:
    answer = bench("queue", "--rows", "20000", "--rounds", "1")
    for kind in ("sqlite", "postgresql"):
        assert set(answer[kind]) == {
            "claim_ms_few", "claim_ms_many", "many_vs_few",
            "alone_seconds", "beside_many_seconds", "others_vs_alone",
        }  # fmt: skip
    assert answer["many"] == 20_000


def test_the_catalogue_is_asked_for_every_list() -> None:
    answer = bench("catalogue", "--rows", "4000", "--rounds", "1")
    assert {"rows", "p50_ms", "p95_ms", "worst_p95_ms", "over_100_ms", "slowest"} <= set(answer)
    assert answer["requests"] > 90


def test_the_latency_of_a_watched_instrument_is_measured() -> None:
    answer = bench("latency", "--files", "2")
    assert {"latency_seconds", "p50_seconds", "p95_seconds"} <= set(answer)
    assert answer["p50_seconds"] > 0


def test_each_kind_of_destination_is_measured_and_agrees_with_its_source() -> None:
    answer = bench("destinations", "--files", "12", "--rounds", "1")
    for kind in ("cifs", "sftp", "webdav", "s3", "rsync"):
        found = answer[kind]["asked"]
        assert set(found) == {
            "files", "size_bytes", "vs_rclone_copy_and_check", "files_per_second",
            "reference_copy_and_check",
        }  # fmt: skip
        assert found["files_per_second"]["median"] > 0


def test_movers_are_compared_by_many_files_and_by_one_that_grew() -> None:
    size = str(80 << 20)
    answer = bench("movers", "--files", "300", "--rounds", "1", "--grown", size)
    assert answer["rsync_vs_rclone"]["median"] > 0
    assert answer["grown"]["moved_share"] < 0.1
