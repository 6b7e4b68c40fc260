"""mzML files, written here by the standard's words; hostile and damaged ones."""

import base64
import gzip
import struct
import urllib.request
import zlib
from typing import Any

import pytest

from app.hooks.builtin.extractors import CannotExtract
from app.hooks.builtin.mzml_metadata import MzmlMetadata
from streamweave_sdk.hooks import Curve, PostAnswer
from streamweave_sdk.testing import a_version, try_post_hook
from tests.unit.damage import survivors


def _term(accession: str, name: str, value: Any = "", unit: str = "") -> str:
    unit = f' unitName="{unit}"' if unit else ""
    return f'<cvParam cvRef="MS" accession="{accession}" name="{name}" value="{value}"{unit}/>'


def _peaks(numbers: list[float], accession: str, name: str) -> str:
    packed = base64.b64encode(zlib.compress(struct.pack(f"<{len(numbers)}d", *numbers))).decode()
    terms = _term("MS:1000523", "64-bit float") + _term("MS:1000574", "zlib compression")
    terms += _term(accession, name)
    return (
        f'<binaryDataArray encodedLength="{len(packed)}">{terms}<binary>{packed}</binary>'
        "</binaryDataArray>"
    )


def _spectrum(index: int, level: int) -> str:
    terms = _term("MS:1000511", "ms level", level) + _term("MS:1000130", "positive scan")
    terms += _term("MS:1000285", "total ion current", 1000 * (index + 1))
    time = _term("MS:1000016", "scan start time", index * 6, "second")
    arrays = _peaks([100.0, 200.0], "MS:1000514", "m/z array")
    arrays += _peaks([1.0, 2.0], "MS:1000515", "intensity array")
    return (
        f'<spectrum index="{index}" id="scan={index + 1}" defaultArrayLength="2">{terms}'
        f'<scanList count="1"><scan>{time}</scan></scanList>'
        f'<binaryDataArrayList count="2">{arrays}</binaryDataArrayList></spectrum>'
    )


def mzml(levels: list[int], before: str = "") -> bytes:
    """Return an mzML file with a spectrum for each level."""
    spectra = "".join(_spectrum(index, level) for index, level in enumerate(levels))
    return f"""<?xml version="1.0" encoding="utf-8"?>
{before}<mzML xmlns="http://psi.hupo.org/ms/mzml" id="x" version="1.1.0">
<cvList count="1"><cv id="MS" fullName="PSI-MS" version="9.9.9" URI="http://example.org"/></cvList>
<fileDescription><fileContent>{_term("MS:1000579", "MS1 spectrum")}</fileContent>
<sourceFileList count="1"><sourceFile id="r" name="run7.raw" location="file:///d"/></sourceFileList>
</fileDescription>
<sampleList count="1"><sample id="s" name="yeast"/></sampleList>
<softwareList count="1"><software id="acq" version="4.2">{_term("MS:1000532", "Xcalibur")}
</software></softwareList>
<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1">
{_term("MS:1001911", "Q Exactive")}</instrumentConfiguration></instrumentConfigurationList>
<dataProcessingList count="1"><dataProcessing id="dp"/></dataProcessingList>
<run id="run7" defaultInstrumentConfigurationRef="IC1" startTimeStamp="2026-05-20T12:00:00Z">
<spectrumList count="{len(levels)}" defaultDataProcessingRef="dp">{spectra}</spectrumList>
</run></mzML>
""".encode()


def _read(content: bytes, name: str = "a/run7.mzML", **config: Any) -> PostAnswer:
    return try_post_hook(MzmlMetadata, a_version(name), content, {"under": "", **config})


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("The library fetches an ontology.")

    monkeypatch.setattr(urllib.request, "urlretrieve", refuse)


def test_head_counts_and_ion_current() -> None:
    answer = _read(mzml([1, 2, 2, 1, 4]))
    said = answer.metadata
    assert (said["run"], said["spectra"]) == ("run7", 5)
    assert said["spectra_by_level"] == {"1": 2, "2": 2, "4": 1}
    assert (said["instrument"], said["software Xcalibur"]) == (["Q Exactive"], "4.2")
    assert (said["samples"], said["source_files"]) == (["yeast"], ["run7.raw"])
    assert (said["started_at"], said["polarities"]) == ("2026-05-20T12:00:00Z", ["positive"])
    assert said["last_minute"] == pytest.approx(0.4)
    assert isinstance(answer.preview, Curve)
    assert answer.preview.x == pytest.approx([0.0, 0.3])
    assert answer.preview.y == [1000.0, 4000.0]


def test_a_packed_file_is_read_alike() -> None:
    content = mzml([1, 1])
    assert _read(gzip.compress(content), "a/run7.mzML.gz") == _read(content)


def test_counts_of_a_part_are_told_to_be_one() -> None:
    answer = _read(mzml([1] * 20), most_spectra=5)
    assert answer.metadata["spectra_by_level"] == {"1": 5}
    assert answer.notices[0].text == "The counts are of the first 5 spectra."


def test_no_spectra_and_other_files() -> None:
    answer = _read(mzml([]))
    assert (answer.metadata["spectra"], answer.preview) == (0, None)
    assert _read(b"", "a/run7.raw") == PostAnswer()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"nonsense", "does not begin with <mzML>"),
        (b"", "does not begin"),
        (mzml([1], '<!DOCTYPE x [<!ENTITY a "ha">]>'), "document type"),
        (mzml([1])[:900], "cannot be read as mzML"),
        (mzml([1, 1])[:-200], "ParseError"),
        (mzml([1]).replace(b'encoding="utf-8"', b'encoding="rot13"'), "cannot be read as mzML"),
    ],
    ids=["nonsense", "empty", "entities", "cut head", "cut end", "encoding"],
)
def test_what_is_none_is_a_clear_failure(content: bytes, why: str) -> None:
    with pytest.raises(CannotExtract, match=why):
        _read(content)
    if content:
        with pytest.raises(CannotExtract):
            _read(content, "a/run7.mzML.gz")  # is not packed


def test_damage_is_read_or_a_clear_failure() -> None:
    content = mzml([1, 2, 1, 2])
    assert survivors("mzml_metadata:MzmlMetadata", "run7.mzML", content, 40) == 40
