"""Bruker NMR measurements, written by nmrglue: parameters, title, spectrum; damaged ones."""

from pathlib import Path
from typing import Any

import nmrglue
import numpy as np
import pytest

from app.hooks.builtin.bruker_metadata import BrukerMetadata
from app.hooks.builtin.extractors import CannotExtract
from streamweave_sdk.hooks import Curve, PostAnswer, RetryLater
from streamweave_sdk.testing import a_version, try_post_hook
from tests.unit.damage import survivors

ACQUS: dict[str, Any] = {
    "NUC1": "1H", "SFO1": 400.132, "BF1": 400.13, "SW": 20.0, "SW_h": 8000.0, "O1": 2000.0,
    "NS": 16, "TE": 298.15, "PULPROG": "zg30", "SOLVENT": "CDCl3", "DATE": 1779278400,
    "INSTRUM": "spect", "BYTORDA": 0, "DTYPA": 0, "DECIM": 1, "DSPFVS": 0, "GRPDLY": -1,
    "AQ_mod": 1, "NC": 0, "_comments": [], "_coreheader": ["##TITLE= Parameter file"],
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A proton at 1000 Hz above the middle, 3000 Hz above zero: 7.5 ppm."""
    folder = tmp_path_factory.mktemp("nmr")
    times = np.arange(2048) / 8000.0
    points = 1e6 * np.exp(2j * np.pi * 1000 * times) * np.exp(-times * 20)
    dic = {"acqus": {**ACQUS, "TD": 2 * times.size}}
    nmrglue.bruker.write(str(folder), dic, points, bin_file="fid", write_prog=False)
    return {name: (folder / name).read_bytes() for name in ("fid", "acqus")}


def _read(measured: dict[str, bytes], path: str = "nmr/7/fid", **config: Any) -> PostAnswer:
    beside = {f"nmr/7/{name}": content for name, content in measured.items() if name != "fid"}
    content = measured.get("fid", b"")
    version = a_version(path, size_bytes=config.pop("size_bytes", len(content)))
    return try_post_hook(BrukerMetadata, version, content, {"under": "", **config}, beside)


def test_parameters_and_title_become_metadata(measured: dict[str, bytes]) -> None:
    said = _read({**measured, "pdata/1/title": b"gold thiolate\n"}, all_parameters=True).metadata
    assert (said["nucleus"], said["frequency_mhz"], said["scans"]) == ("1H", 400.132, 16)
    assert (said["pulse_program"], said["solvent"]) == ("zg30", "CDCl3")
    assert (said["title"], said["measured_at"]) == ("gold thiolate", "2026-05-20T12:00:00+00:00")
    every: Any = said["acqus"]
    assert every["BYTORDA"] == 0


def test_the_spectrum_has_its_peak_where_the_nucleus_is(measured: dict[str, bytes]) -> None:
    curve = _read(measured).preview
    assert isinstance(curve, Curve)
    peak = curve.x[int(np.argmax(curve.y))]
    assert peak == pytest.approx(3000 / 400.13, abs=0.02)
    assert (curve.x_falls, curve.x_label) == (True, "1H shift / ppm")
    assert len(curve.x) <= 4000
    assert _read(measured, preview=False).preview is None


def test_parameters_that_are_not_there_are_waited_for_or_shown(measured: dict[str, bytes]) -> None:
    alone = {"fid": measured["fid"]}
    with pytest.raises(RetryLater, match="acqus"):
        _read(alone, when_missing="wait")
    assert "no 'acqus'" in _read(alone).notices[0].text
    assert _read(alone, when_missing="nothing") == PostAnswer()
    assert _read(measured, "nmr/7/acqus") == PostAnswer()


def test_a_two_dimensional_measurement_says_both_nuclei(measured: dict[str, bytes]) -> None:
    second = measured["acqus"].replace(b"1H", b"13C")
    answer = _read({**measured, "acqu2s": second}, "nmr/7/ser")
    assert answer.metadata["indirect_nucleus"] == "13C"
    assert answer.preview is None


def test_what_is_too_large_has_no_spectrum(measured: dict[str, bytes]) -> None:
    answer = _read(measured, size_bytes=1 << 30)
    assert answer.preview is None
    assert "No preview" in answer.notices[0].text


def test_parameters_that_are_none_are_a_clear_failure(measured: dict[str, bytes]) -> None:
    for acqus in (b"", b"nonsense", bytes(range(256)), b"##$TD= 8\n##$SW_h= nan\n"):
        with pytest.raises(CannotExtract, match="as a Bruker measurement"):
            _read({**measured, "acqus": acqus})


def test_without_its_middle_there_is_no_preview_and_the_rest(measured: dict[str, bytes]) -> None:
    acqus = b"##$TD= 32\n##$SW_h= 10000.0\n##$NS= 4\n##$NUC1= <1H>\n"
    answer = _read({**measured, "acqus": acqus})
    assert answer.preview is None
    assert answer.metadata["scans"] == 4


def test_damage_is_read_or_a_clear_failure(measured: dict[str, bytes], tmp_path: Path) -> None:
    hook = "bruker_metadata:BrukerMetadata"
    (tmp_path / "fid").write_bytes(measured["fid"])
    beside = ("a/acqus", tmp_path / "fid")
    assert survivors(hook, "a/fid", measured["acqus"], 40, beside) == 40
