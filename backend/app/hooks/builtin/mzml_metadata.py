"""What mzML files say: instrument, software, samples, spectra by level; the ion current over time.

Spectra are gone through in their order without decoding their peaks, at most 50,000 of them and for
15 seconds; what is counted then is said to be a part. A document type, with which entities come, is
refused.
"""

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, ClassVar

from pydantic import Field

from app.hooks.builtin.extractors import (
    CannotExtract,
    Extractor,
    ExtractorConfig,
    Found,
    files_field,
    under_field,
)
from app.hooks.builtin.patterns import Glob
from app.hooks.builtin.previews import curve_of
from streamweave_sdk.hooks import Notice, Reader, VersionFacts

_ONTOLOGY = "4.1.0"  # ships with the library, which fetches others from the network
_HEAD_BYTES = 64 << 10
_MOST_NAMES = 50
_TIC = "MS:1000285"
_POLARITIES = {"MS:1000130": "positive", "MS:1000129": "negative"}


class MzmlConfig(ExtractorConfig):
    """Which mzML files are looked at."""

    needs: ClassVar[tuple[str, ...]] = ("pymzml", "numpy")

    files: list[Glob] = files_field("*.mzML", "*.mzML.gz")
    under: str = under_field("mzml")
    most_spectra: int = Field(default=50_000, ge=1, le=1_000_000, description="gone through")
    spectra_seconds: float = Field(default=15, gt=0, le=600, description="for going through them")


class MzmlMetadata(Extractor[MzmlConfig]):
    """Reads instrument, software and counts of mzML files, with the ion current as a curve."""

    format = "mzML"

    def extract(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        """Read the head, then go through the spectra."""
        import pymzml.run

        is_packed = version.name.lower().endswith(".gz")
        with TemporaryDirectory(prefix="streamweave-mzml-") as folder:
            # The library tells packed files by their name.
            path = Path(folder) / ("content.mzML.gz" if is_packed else "content.mzML")
            path.symlink_to(reader.local_path())
            _check_head(path, is_packed)
            # It knows no levels beyond 3 unless they are named.
            levels = dict.fromkeys(range(4, 101), 2e-5)
            run = pymzml.run.Reader(str(path), MS_precisions=levels, obo_version=_ONTOLOGY)
            try:
                _head(run, found)
                self._spectra(run, found)
            finally:
                run.close()

    def _spectra(self, run: Any, found: Found) -> None:
        levels: Counter[str] = Counter()
        polarities: Counter[str] = Counter()
        minutes: list[float] = []
        current: list[float] = []
        last = None
        ends_at = monotonic() + self.config.spectra_seconds
        is_whole = True
        for number, element in enumerate(_elements(run)):
            if number >= self.config.most_spectra or monotonic() > ends_at:
                is_whole = False
                break
            said = {one.get("accession"): one for one in element.iter() if _is(one, "cvParam")}
            level = said.get("MS:1000511")
            levels[level.get("value", "") if level is not None else "other"] += 1
            polarities.update(name for term, name in _POLARITIES.items() if term in said)
            time = _minutes(said.get("MS:1000016"))
            last = time if time is not None else last
            tic = said.get(_TIC)
            is_survey = level is None or level.get("value") == "1"
            if time is not None and tic is not None and is_survey:
                minutes.append(time)
                current.append(float(tic.get("value", "nan")))
        found.add("spectra_by_level", dict(sorted(levels.items())[:20]))
        found.add("polarities", sorted(polarities))
        found.add("last_minute", last)
        if not is_whole:
            text = f"The counts are of the first {sum(levels.values()):,} spectra."
            found.notices.append(Notice(text=text))
        if self.config.preview and minutes:
            found.preview = curve_of(minutes, current, "minutes", "total ion current")


def _elements(run: Any) -> Iterator[Any]:
    """Yield the spectra's elements; each is emptied afterwards, or all would stay in memory."""
    for spectrum in run:
        element = getattr(spectrum, "element", None)
        if element is not None:
            yield element
            element.clear()


def _is(element: Any, name: str) -> bool:
    return str(element.tag).rpartition("}")[2] == name


def _minutes(term: Any) -> float | None:
    if term is None:
        return None
    value = float(term.get("value", "nan"))
    return value / 60 if term.get("unitName") == "second" else value


def _check_head(path: Path, is_packed: bool) -> None:
    """Refuse what does not begin as mzML, and a document type before that.

    Raises:
        CannotExtract: it does not, or there is one.
    """
    with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    places = [place for place in (head.find(b"<mzML"), head.find(b"<indexedmzML")) if place >= 0]
    if not places:
        raise CannotExtract("it does not begin with <mzML>.")
    if b"<!DOCTYPE" in head[: min(places)]:
        raise CannotExtract("it has a document type; entities are not read.")


def _head(run: Any, found: Found) -> None:
    info = run.info
    found.add("version", info.get("mzml_version"))
    found.add("started_at", info.get("start_time"))
    found.add("run", info.get("run_id"))
    found.add("spectra", info.get("spectrum_count"))
    found.add("chromatograms", info.get("chromatogram_count"))
    found.add("content", _names(info.get("file_description_element"), "cvParam", "name"))
    found.add("source_files", _names(info.get("file_description_element"), "sourceFile", "name"))
    found.add("samples", _names(info.get("sample_list_element"), "sample", "name"))
    instrument = _names(info.get("instrument_configuration_list_element"), "cvParam", "name")
    shared = _names(info.get("referenceable_param_group_list_element"), "cvParam", "name")
    found.add("instrument", instrument)
    found.add("shared", shared)
    for element in _below(info.get("software_list_element"), "software"):
        names = _names(element, "cvParam", "name")
        label = names[0] if names else element.get("id")
        found.add(f"software {label}", element.get("version"))


def _below(element: Any, name: str) -> Iterator[Any]:
    """Yield a bounded number of elements of a name."""
    if element is None or isinstance(element, dict):
        return
    number = 0
    for one in element.iter():
        if _is(one, name):
            number += 1
            if number > _MOST_NAMES:
                return
            yield one


def _names(element: Any, name: str, attribute: str) -> list[str]:
    found = [one.get(attribute) for one in _below(element, name)]
    return [one for one in dict.fromkeys(found) if one]
