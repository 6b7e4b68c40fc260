"""What a Bruker NMR measurement says: its parameters, title and pulse program; its spectrum.

A measurement is a folder: the file `fid` or `ser` is what this looks at, `acqus` and others beside
it are read as neighbours. The preview is the magnitude of the spectrum of a one-dimensional `fid`:
it needs no phase, and is no processed result.
"""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar

from pydantic import Field

from app.hooks.builtin.extractors import (
    MOST_PREVIEW_BYTES,
    CannotExtract,
    Extractor,
    ExtractorConfig,
    Found,
    files_field,
    under_field,
)
from app.hooks.builtin.patience import Patience, Waiting
from app.hooks.builtin.patterns import Glob
from app.hooks.builtin.previews import curve_of
from streamweave_sdk.hooks import Notice, Reader, VersionFacts

_MOST_TEXT_BYTES = 1 << 20
_MOST_POINTS = 1 << 21
_NAMES = {
    "NUC1": "nucleus", "SFO1": "frequency_mhz", "BF1": "base_frequency_mhz", "SW": "width_ppm",
    "SW_h": "width_hz", "O1": "offset_hz", "TD": "points", "NS": "scans", "DS": "dummy_scans",
    "RG": "receiver_gain", "TE": "temperature_k", "PULPROG": "pulse_program",
    "SOLVENT": "solvent", "INSTRUM": "instrument", "PROBHD": "probe", "EXP": "experiment",
    "AUNM": "acquisition_program", "LOCNUC": "lock_nucleus", "HOLDER": "holder",
    "NUC2": "second_nucleus", "GRPDLY": "group_delay",
}  # fmt: skip


class BrukerConfig(ExtractorConfig, Waiting):
    """Which measurements are looked at, and how long their parameters are waited for."""

    needs: ClassVar[tuple[str, ...]] = ("nmrglue", "numpy")

    files: list[Glob] = files_field("fid", "ser")
    under: str = under_field("nmr")
    all_parameters: bool = Field(
        default=False, description="also every parameter of acqus by its own name"
    )


class BrukerMetadata(Extractor[BrukerConfig]):
    """Reads parameters of Bruker NMR measurements (fid, acqus), with the spectrum as a curve."""

    format = "a Bruker measurement"

    def __init__(self, config: BrukerConfig) -> None:
        super().__init__(config)
        self._patience = Patience(config)

    def extract(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        """Read the parameters, then the measured points of one dimension."""
        acqus = self._beside("acqus", version, reader)
        if acqus is None:
            self._patience.wait_for("The file 'acqus' beside it", version)
            if self.config.when_missing != "nothing":
                text = f"'{version.path:.1500}' has no 'acqus' beside it."
                found.notices.append(Notice(level="warning", text=text))
            return
        said = _parameters(acqus, "acqus")
        self._tell(said, found)
        second = self._beside("acqu2s", version, reader)
        if second is not None:
            indirect = _parameters(second, "acqu2s")
            found.add("indirect_nucleus", indirect.get("NUC1"))
            found.add("indirect_points", indirect.get("TD"))
        title = self._beside("pdata/1/title", version, reader)
        found.add("title", title.decode("utf-8", "replace").strip() if title else None)
        if self.config.preview and version.name.lower() == "fid":
            _draw_spectrum(said, version, reader, found)

    def _beside(self, name: str, version: VersionFacts, reader: Reader) -> bytes | None:
        path = f"{version.folder}/{name}" if version.folder else name
        return reader.neighbour(path, _MOST_TEXT_BYTES)

    def _tell(self, said: Mapping[str, Any], found: Found) -> None:
        for bruker, name in _NAMES.items():
            value = said.get(bruker)
            found.add(name, value.strip() if isinstance(value, str) else value)
        seconds = said.get("DATE")
        if isinstance(seconds, int) and 0 < seconds < 1 << 32:
            found.add("measured_at", datetime.fromtimestamp(seconds, UTC))
        if self.config.all_parameters:
            found.add("acqus", {n: v for n, v in said.items() if not n.startswith("_")})


class _Lines(io.StringIO):
    """Lines of a text; who reads on after its end waits for what never comes, and is stopped."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content.decode("latin-1"))
        self._ended = False

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        """Return the next line.

        Raises:
            CannotExtract: the end was told before.
        """
        line = super().readline(-1 if size is None else size)
        if not line and self._ended:
            raise CannotExtract("its parameters end within a value.")
        self._ended = not line
        return line


def _parameters(content: bytes, name: str) -> dict[str, Any]:
    from nmrglue.fileio import bruker

    said: dict[str, Any] = {"_coreheader": [], "_comments": []}
    said = bruker.parse_jcamp_file(_Lines(content), said)
    if "TD" not in said:
        raise CannotExtract(f"'{name}' holds no parameters.")
    return said


def _draw_spectrum(
    said: Mapping[str, Any], version: VersionFacts, reader: Reader, found: Found
) -> None:
    """Draw the magnitude; the digital filter turns phases only, and need not be removed for it."""
    import numpy as np
    from nmrglue.fileio import bruker

    if version.size_bytes > MOST_PREVIEW_BYTES:
        found.no_preview(f"it has {version.size_bytes:,} bytes.")
        return
    if float(said["SW_h"]) > 0 and not {"O1", "BF1"} <= said.keys():
        found.no_preview("its parameters do not say where its middle is.")
        return
    is_float, is_big = said.get("DTYPA") == 2, said.get("BYTORDA") == 1
    values = version.size_bytes // (8 if is_float else 4)
    with NamedTemporaryFile(prefix="streamweave-nmr-") as copy:
        reader.seek(0)
        copy.write(reader.read(version.size_bytes))
        copy.flush()
        _, points = bruker.read_binary(
            copy.name, shape=(values // 2,), cplex=True, big=is_big, isfloat=is_float
        )
    measured = said["TD"] // 2 if isinstance(said["TD"], int) else 0  # a fid is padded to 1 KiB
    points = points.ravel()[: max(0, measured)]
    if points.size < 8:
        raise CannotExtract("it has no points.")
    length = 1 << min(int(points.size - 1).bit_length(), _MOST_POINTS.bit_length() - 1)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft(points[:length], length)))
    width, offset, base = (float(said[name]) for name in ("SW_h", "O1", "BF1"))
    if not (np.isfinite([width, offset, base]).all() and base > 0 and width > 0):
        raise CannotExtract("its frequencies are no positive numbers.")
    hertz = offset + (np.arange(length) / length - 0.5) * width
    label = f"{str(said.get('NUC1', '')).strip()} shift / ppm".strip()
    found.preview = curve_of((hertz / base)[::-1], spectrum[::-1], label, "magnitude", True)
