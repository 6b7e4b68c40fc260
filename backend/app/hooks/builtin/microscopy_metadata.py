"""What files of electron microscopes say: signals, axes with units, the microscope's own tags.

Each kind is read by its own reader of RosettaSciIO, as lazily as that can; nothing else that a file
names is opened. Of a stack the middle frame is shown, of a spectrum image the middle spectrum.
"""

import struct
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from app.hooks.builtin.extractors import (
    MOST_PREVIEW_BYTES,
    CannotExtract,
    Extractor,
    ExtractorConfig,
    Found,
    files_field,
    under_field,
)
from app.hooks.builtin.hdf5_metadata import leads_out
from app.hooks.builtin.patterns import Glob
from app.hooks.builtin.previews import curve_of, image_of
from app.hooks.builtin.templates import split_name
from streamweave_sdk.hooks import Reader, VersionFacts

# Suffix -> reader. Others of the library are left out: some unpickle what they read, some need
# more libraries.
_READERS = {
    "dm3": "digitalmicrograph", "dm4": "digitalmicrograph", "mrc": "mrc", "emd": "emd",
    "ser": "tia", "tvips": "tvips", "msa": "msa", "emsa": "msa",
}  # fmt: skip
_NOT_LAZY = {"msa"}
_MOST_WHOLE_BYTES = 16 << 20  # of a file that is read whole
_MOST_SIGNALS = 10
_SHORTEST = 4


class MicroscopyConfig(ExtractorConfig):
    """Which files of microscopes are looked at."""

    needs: ClassVar[tuple[str, ...]] = ("rsciio", "h5py", "PIL", "numpy")

    files: list[Glob] = files_field(*[f"*.{suffix}" for suffix in _READERS])
    under: str = under_field("microscopy")


class MicroscopyMetadata(Extractor[MicroscopyConfig]):
    """Reads DM3, DM4, MRC, EMD, SER, TVIPS and MSA files, with a picture or a spectrum."""

    format = "a microscope's file"

    def extract(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        """Read the signals of a file by the reader of its suffix."""
        import dask

        suffix = split_name(version.name)[1].lower()
        name = _READERS.get(suffix)
        if name is None:
            raise CannotExtract(f"'.{suffix}' is none of {', '.join(sorted(_READERS))}.")
        if name in _NOT_LAZY and version.size_bytes > _MOST_WHOLE_BYTES:
            raise CannotExtract(f"it has {version.size_bytes:,} bytes.")
        if name == "mrc":
            _check_mrc(version, reader)
        library = import_module(f"rsciio.{name}")
        more = {} if name in _NOT_LAZY else {"lazy": True}
        # Alone in a folder of its own: readers look for companions beside a file.
        with (
            TemporaryDirectory(prefix="streamweave-microscopy-") as folder,
            dask.config.set({"scheduler": "synchronous", "array.chunk-size": "32MiB"}),
        ):
            path = Path(folder) / f"content.{suffix}"
            path.symlink_to(reader.local_path())
            if suffix == "emd" and leads_out(path):
                raise CannotExtract("it has links or data that lead out of the file.")
            signals = library.file_reader(str(path), **more)
            _tell(signals, found)
            if self.config.preview:
                _draw(signals, found)


def _check_mrc(version: VersionFacts, reader: Reader) -> None:
    """Refuse a header that claims more than the file holds: the library divides it up first.

    Raises:
        CannotExtract: it does, or there is no header.
    """
    reader.seek(0)
    head = reader.read(12)
    lengths = struct.unpack("<3i", head) if len(head) == 12 else (0, 0, 0)
    values = lengths[0] * lengths[1] * lengths[2]
    if min(lengths) < 1 or values > 2 * version.size_bytes:  # 4 bits each at the least
        raise CannotExtract(f"its header ({lengths[0]} x {lengths[1]} x {lengths[2]}) claims more "
                            "than it holds, or nothing.")  # fmt: skip


def _tell(signals: list[dict[str, Any]], found: Found) -> None:
    if not any(signal["data"].size for signal in signals):
        raise CannotExtract("there is no signal in it.")
    found.add("signals", len(signals))
    for number, signal in enumerate(signals[:_MOST_SIGNALS], 1):
        general = signal.get("metadata", {}).get("General", {})
        found.add(f"signal {number}", {
            "title": general.get("title"),
            "shape": [int(length) for length in signal["data"].shape],
            "type": str(signal["data"].dtype),
            "axes": [_axis(axis) for axis in signal["axes"]],
        })  # fmt: skip
    first = signals[0]
    for name in ("General", "Acquisition_instrument", "Sample", "Signal"):
        found.add(name, _plain(first.get("metadata", {}).get(name)))
    found.add("original", _plain(first.get("original_metadata")))


def _axis(axis: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if name in {"name", "units"} else value
        for name in ("name", "units", "scale", "offset", "size")
        if isinstance(value := axis.get(name), str | int | float)
    }


def _plain(value: Any) -> Any:
    """Return mappings of the library as plain ones, without what is not there."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    return value


def _draw(signals: list[dict[str, Any]], found: Found) -> None:
    """Show the first signal that has enough of a picture or a spectrum."""
    for signal in signals[:_MOST_SIGNALS]:
        axes, data = signal["axes"], signal["data"]
        inner = [n for n, axis in enumerate(axes) if not axis.get("navigate")]
        if len(inner) not in (1, 2) and data.ndim >= 2:
            inner = [data.ndim - 2, data.ndim - 1]
        lengths = [data.shape[n] for n in inner]
        if len(inner) not in (1, 2) or min(lengths) < _SHORTEST or data.dtype.kind not in "buifc":
            continue
        items = 1
        for length in lengths:
            items *= length
        if items * data.dtype.itemsize > MOST_PREVIEW_BYTES:
            found.no_preview(f"a frame has {items:,} values.")
            return
        place = tuple(
            slice(None) if n in inner else length // 2 for n, length in enumerate(data.shape)
        )
        frame = data[place]
        frame = frame.compute() if hasattr(frame, "compute") else frame
        title = str(signal.get("metadata", {}).get("General", {}).get("title") or "")
        found.preview = (
            image_of(frame, title) if len(inner) == 2 else _curve(frame, axes[inner[0]], title)
        )
        return


def _curve(values: Any, axis: Mapping[str, Any], title: str) -> Any:
    import numpy as np

    scale, offset = float(axis.get("scale", 1)), float(axis.get("offset", 0))
    x = offset + scale * np.arange(len(values))
    units = axis.get("units")
    label = f"{axis.get('name') or ''}{f' / {units}' if isinstance(units, str) else ''}"
    return curve_of(x, values, label, title)
