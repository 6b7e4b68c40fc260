"""The simulated laboratory's files: same seed, same bytes; headers that a reader accepts."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import unicodedata
from pathlib import Path

import pytest

from simlab import formats, names
from simlab.catalog import load_instruments
from simlab.seed import SeededOtherwise, seed_lab, seed_small_files
from simlab.trees import plan_files
from simlab.writer import KINDS, AcquisitionWriter

pytestmark = pytest.mark.unit

SMALL = 0.1
# The orbitrap has the one large file, which would slow every test here.
LIGHT = ["nmr-500", "hplc-1", "tem-2", "sequencer", "uv-vis"]


def digests(folder: Path) -> dict[str, str]:
    """Digest of each file by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small laboratory that no test changes."""
    return seed_lab(tmp_path_factory.mktemp("lab"), seed=1, scale=SMALL)


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = seed_lab(tmp_path / "a", seed=5, scale=SMALL, only=LIGHT)
    second = seed_lab(tmp_path / "b", seed=5, scale=SMALL, only=LIGHT)
    other = seed_lab(tmp_path / "c", seed=6, scale=SMALL, only=LIGHT)
    for slug in LIGHT:
        assert digests(first[slug]) == digests(second[slug])
        assert digests(first[slug]) != digests(other[slug])


def test_bytes_stay_the_same_over_versions_of_this_project() -> None:
    """Pinned: a changed random source would quietly change every laboratory."""
    spec = load_instruments()["nmr-500"]
    paths = "\n".join(file.path for file in plan_files(spec, seed=2026, scale=1.0))
    assert hashlib.sha256(paths.encode()).hexdigest()[:16] == "202ea0898dd22cf5"


def test_second_run_writes_nothing(tmp_path: Path) -> None:
    share = seed_lab(tmp_path, seed=1, scale=SMALL, only=["uv-vis"])["uv-vis"]
    victim = next(path for path in sorted(share.rglob("*.csv")))
    victim.unlink()
    seed_lab(tmp_path, seed=1, scale=SMALL, only=["uv-vis"])
    assert not victim.exists(), "a finished tree is left as the tests made it"


def test_unfinished_tree_is_completed_and_right_sizes_are_kept(tmp_path: Path) -> None:
    share = seed_lab(tmp_path, seed=1, scale=SMALL, only=["uv-vis"])["uv-vis"]
    complete = digests(share)
    missing, short, kept = sorted(share.rglob("*.txt"))[:3]
    missing.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    own_content = bytes(kept.stat().st_size)
    kept.write_bytes(own_content)
    marker = tmp_path / ".seeded-uv-vis.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"finished": False}))

    seed_lab(tmp_path, seed=1, scale=SMALL, only=["uv-vis"])

    assert kept.read_bytes() == own_content
    del complete[str(kept.relative_to(share))]
    assert complete.items() <= digests(share).items()


def test_tree_of_another_seed_is_refused(tmp_path: Path) -> None:
    seed_lab(tmp_path, seed=1, scale=SMALL, only=["uv-vis"])
    with pytest.raises(SeededOtherwise, match="Choose another folder"):
        seed_lab(tmp_path, seed=2, scale=SMALL, only=["uv-vis"])


def test_files_are_days_old_and_times_are_whole_milliseconds(lab: dict[str, Path]) -> None:
    for share in lab.values():
        newest_marker = (share.parent.parent / f".seeded-{share.parent.name}.json").read_text()
        reference = json.loads(newest_marker)["reference_time"]
        for path in share.rglob("*"):
            if path.is_file():
                modified = path.stat().st_mtime_ns
                assert 3600 < reference - modified / 1e9 < 10 * 86_400
                assert modified % 1_000_000 == 0


def test_default_size_suits_a_demo() -> None:
    files = [
        file
        for spec in load_instruments().values()
        for file in plan_files(spec, seed=2026, scale=1.0)
    ]
    assert 600 <= len(files) <= 900
    assert 100e6 < sum(file.size_bytes or 0 for file in files) < 250e6


def test_thermo_raw_has_magic_and_right_checksum(lab: dict[str, Path]) -> None:
    raws = list(lab["orbitrap"].rglob("*.raw"))
    assert max(path.stat().st_size for path in raws) == 64 * 1024 * 1024
    for path in raws:
        content = path.read_bytes()
        assert content.startswith(b"\x01\xa1F\x00i\x00n\x00n\x00i\x00g\x00a\x00n\x00")
        assert struct.unpack_from("<I", content, 148)[0] == formats.thermo_checksum(content)


def test_bruker_data_have_the_size_their_parameters_declare(lab: dict[str, Path]) -> None:
    def declared(path: Path) -> int:
        line = next(row for row in path.read_text().splitlines() if row.startswith("##$TD="))
        return int(line.split("=")[1])

    fids, sers = list(lab["nmr-500"].rglob("fid")), list(lab["nmr-500"].rglob("ser"))
    assert fids and sers
    for fid in fids:
        assert fid.stat().st_size == declared(fid.with_name("acqus")) * 4
    for ser in sers:
        row = formats.bruker_row_bytes(declared(ser.with_name("acqus")))
        assert ser.stat().st_size == row * declared(ser.with_name("acqu2s"))


def test_images_have_headers_that_agree_with_their_size(lab: dict[str, Path]) -> None:
    for image in lab["tem-2"].rglob("*.dm4"):
        version, root_length, order = struct.unpack(">IQI", image.read_bytes()[:16])
        assert (version, order) == (4, 1)
        assert root_length == image.stat().st_size - 24
    for image in lab["tem-2"].rglob("*.tif"):
        content = image.read_bytes()
        assert content[:4] == b"II*\x00"
        entries = dict(
            struct.unpack_from("<HHII", content, 10 + 12 * index)[::3] for index in range(9)
        )
        assert entries[273] + entries[279] == len(content)


def test_sequencer_run_is_finished_by_its_last_file(lab: dict[str, Path]) -> None:
    runs = list(lab["sequencer"].rglob("RunInfo.xml"))
    assert runs
    for run in (path.parent for path in runs):
        marker = run / "CopyComplete.txt"
        times = {path: path.stat().st_mtime for path in run.rglob("*") if path.is_file()}
        assert max(times, key=times.__getitem__) == marker
        for reads in run.rglob("*.fastq.gz"):
            lines = gzip.decompress(reads.read_bytes()).split(b"\n")
            assert lines[-1] == b"" and (len(lines) - 1) % 4 == 0


def test_chemstation_signal_names_its_version(lab: dict[str, Path]) -> None:
    signals = list(lab["hplc-1"].rglob("*.ch"))
    assert signals
    assert all(path.read_bytes()[:4] == b"\x03179" for path in signals)


def test_every_instrument_has_odd_names_and_an_empty_file(lab: dict[str, Path]) -> None:
    for share in lab.values():
        found = {str(path.relative_to(share)) for path in share.rglob("*") if path.is_file()}
        assert any(len(path) == 200 for path in found)
        assert any(path != unicodedata.normalize("NFC", path) for path in found)
        assert all(any(sign in path for path in found) for sign in " #%+&'ü🧪")
        assert any((share / path).stat().st_size == 0 for path in found)


@pytest.mark.parametrize("name", ["a:b", "a?", "a*", 'a"b', "a|b", "a\\b", "end.", "end "])
def test_names_that_samba_cannot_carry_are_not_made_for_it(name: str) -> None:
    assert not names.is_legal("smb", f"folder/{name}")
    assert names.is_legal("local", f"folder/{name}")


def test_small_files_are_all_different_and_made_once(tmp_path: Path) -> None:
    assert seed_small_files(tmp_path, 25, 64, seed=3, per_directory=10) == 25
    found = digests(tmp_path)
    assert len(found) == len(set(found.values())) == 25
    assert {Path(path).parent.name for path in found} == {"d0000", "d0001", "d0002"}
    assert seed_small_files(tmp_path, 25, 64, seed=3, per_directory=10) == 0
    seed_small_files(tmp_path / "again", 25, 64, seed=3, per_directory=10)
    assert digests(tmp_path / "again") == found


@pytest.mark.parametrize("kind", KINDS)
def test_writer_ends_with_the_promised_bytes(tmp_path: Path, kind: str) -> None:
    writer = AcquisitionWriter(tmp_path, kind=kind, seconds=0.3, seed=4, size_bytes=50_000).start()
    assert writer.join(20)
    assert [path.name for path in tmp_path.iterdir()] == [writer.path.name]
    assert hashlib.sha256(writer.path.read_bytes()).hexdigest() == writer.sha256
    again = AcquisitionWriter(tmp_path, kind=kind, seconds=0.3, seed=4, size_bytes=50_000)
    assert again.content == writer.content


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_writer_finishes_its_file(tmp_path: Path, kind: str) -> None:
    with AcquisitionWriter(tmp_path, kind=kind, seconds=600, seed=4, size_bytes=50_000) as writer:
        assert writer.alive()
    assert writer.path.read_bytes() == writer.content


def test_writer_tells_of_its_failure(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder is needed")
    writer = AcquisitionWriter(tmp_path / "taken", seconds=0.1, size_bytes=2_000).start()
    with pytest.raises(OSError):
        writer.join(20)
