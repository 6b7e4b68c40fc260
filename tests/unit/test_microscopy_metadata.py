"""Files of electron microscopes: made by RosettaSciIO or by their descriptions; damaged ones."""

from pathlib import Path
from time import monotonic
from typing import Any

import h5py
import numpy as np
import pytest
from pydantic import ValidationError
from rsciio import emd
from rsciio import mrc as mrc_reader

from app.hooks.builtin import extractors
from app.hooks.builtin.extractors import CannotExtract
from app.hooks.builtin.microscopy_metadata import MicroscopyConfig, MicroscopyMetadata
from streamweave_sdk.hooks import Curve, Image, PostAnswer
from streamweave_sdk.testing import a_version, try_post_hook
from tests.unit.damage import survivors
from tests.unit.microscope_files import dm3, mrc, msa

RAMP = np.arange(32 * 24, dtype=np.float32).reshape(32, 24)


def _axis(name: str, size: int, navigate: bool) -> dict[str, Any]:
    return {
        "name": name, "units": "nm", "scale": 0.1, "offset": 0.0, "size": size,
        "navigate": navigate, "index_in_array": 0,
    }  # fmt: skip


def _signal(values: Any, navigation: int) -> dict[str, Any]:
    axes = [_axis(f"a{n}", size, n < navigation) for n, size in enumerate(values.shape)]
    return {
        "data": values, "axes": axes, "original_metadata": {},
        "metadata": {"General": {"title": "scan"}, "Signal": {"signal_type": ""}},
    }  # fmt: skip


def _read(content: bytes, name: str, **config: Any) -> PostAnswer:
    version = a_version(f"a/{name}", size_bytes=len(content))
    return try_post_hook(MicroscopyMetadata, version, content, {"under": "", **config})


@pytest.fixture
def emd_file(tmp_path: Path) -> bytes:
    path = tmp_path / "made.emd"
    emd.file_writer(str(path), _signal(RAMP, 0))
    return path.read_bytes()


def test_a_dm3_says_its_axes_and_the_microscope() -> None:
    answer = _read(dm3(RAMP), "grid.DM3")
    said: Any = answer.metadata
    assert said["signal 1"]["shape"] == [32, 24]
    assert said["signal 1"]["axes"][0] == pytest.approx(
        {"name": "y", "units": "nm", "scale": 0.5, "offset": 0.0, "size": 32}
    )
    assert said["General"]["title"] == "grid 7"
    assert "Titan" in str(said["original"])
    assert isinstance(answer.preview, Image)
    assert _read(dm3(RAMP), "grid.dm3", preview=False).preview is None


def test_a_stack_of_frames_is_shown_by_its_middle_one() -> None:
    answer = _read(mrc(np.stack([RAMP, RAMP * 0, RAMP])), "tilt.mrc")
    said: Any = answer.metadata
    assert said["signal 1"]["shape"] == [3, 32, 24]
    assert isinstance(answer.preview, Image)


def test_files_of_the_library_itself_are_read(emd_file: bytes) -> None:
    answer = _read(emd_file, "made.emd")
    said: Any = answer.metadata
    assert said["signal 1"]["shape"] == [32, 24]
    assert isinstance(answer.preview, Image)


def test_a_spectrum_is_a_curve() -> None:
    counts = np.arange(200.0)
    answer = _read(msa(counts), "edge.msa")
    assert isinstance(answer.preview, Curve)
    assert (answer.preview.x[0], answer.preview.x[-1]) == (100.0, 199.5)
    assert "eV" in answer.preview.x_label


def test_an_emd_that_leads_out_is_refused(emd_file: bytes, tmp_path: Path) -> None:
    for number, name in enumerate(("link", "virtual", "raw")):
        path = tmp_path / f"{number}.emd"
        path.write_bytes(emd_file)
        with h5py.File(path, "r+") as file:
            if name == "link":
                file["out"] = h5py.ExternalLink("/etc/other.h5", "/data")
            elif name == "virtual":
                layout = h5py.VirtualLayout((4,), "f8")
                layout[:] = h5py.VirtualSource("/tmp/other.h5", "data", (4,))
                file.create_virtual_dataset("out", layout)
            else:
                file.create_dataset("out", (4,), "f8", external=[("/tmp/other", 0, 32)])
        with pytest.raises(CannotExtract, match="lead out of the file"):
            _read(path.read_bytes(), "made.emd")


def test_a_header_that_claims_more_than_the_file_holds_is_refused() -> None:
    huge = bytearray(mrc(np.zeros((1, 8, 8))))
    huge[0:12] = np.array([1 << 20, 1 << 20, 1 << 10], "<i4").tobytes()
    with pytest.raises(CannotExtract, match="claims more than it holds"):
        _read(bytes(huge), "huge.mrc")


def test_what_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mrc_reader, "file_reader", lambda *_, **__: all(iter(lambda: True, False)))
    with pytest.raises(CannotExtract, match=r"longer than 0\.2 s"):
        _read(mrc(RAMP[None]), "x.mrc", most_seconds=0.2)


def _spin_until(moment: float) -> None:
    while monotonic() < moment:
        pass


def test_the_clock_stands_still_while_a_reader_reads() -> None:
    clock = extractors.Clock(0.05)
    with clock.running():
        with clock.standing():
            _spin_until(monotonic() + 0.1)  # no exception breaks what goes over the pipe
        with pytest.raises(CannotExtract, match="longer than"):
            _spin_until(monotonic() + 60)


@pytest.mark.parametrize("suffix", ["dm3", "dm4", "mrc", "emd", "ser", "tvips", "msa"])
def test_what_is_none_is_a_clear_failure(suffix: str) -> None:
    for content in (b"", b"nonsense" * 100, b"\0" * 4096):
        with pytest.raises(CannotExtract, match=f"'a/x.{suffix}' cannot be read as a microscope"):
            _read(content, f"x.{suffix}")


def test_other_files_are_left_and_unknown_suffixes_told() -> None:
    assert _read(b"", "x.txt") == PostAnswer()
    with pytest.raises(CannotExtract, match=r"'\.prz' is none of"):
        _read(b"", "x.prz", files=["*.prz"])


def test_a_missing_library_is_told_when_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractors, "find_spec", lambda name: None if name == "rsciio" else True)
    with pytest.raises(ValidationError, match=r"rsciio is not installed.*\[extractors\]"):
        MicroscopyConfig.model_validate({})


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.dm3", dm3(RAMP)), ("x.mrc", mrc(RAMP[None])), ("x.msa", msa(np.arange(50.0)))],
    ids=["dm3", "mrc", "msa"],
)
def test_damage_is_read_or_a_clear_failure(name: str, content: bytes) -> None:
    assert survivors("microscopy_metadata:MicroscopyMetadata", name, content, 30) == 30


def test_a_damaged_emd_is_read_or_a_clear_failure(emd_file: bytes) -> None:
    # Some send the HDF5 library into loops without end, which only the process's clock ends.
    assert survivors("microscopy_metadata:MicroscopyMetadata", "x.emd", emd_file, 30) >= 28
