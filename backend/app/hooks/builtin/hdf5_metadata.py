"""What HDF5 and NeXus files say: attributes, small values, shapes; a picture of the plotted data.

Not followed: links of any kind but hard ones, external and virtual data. Not read: values larger
than 4 KiB, chunks larger than 64 MiB. At most 2,000 objects, 12 groups deep, 64 attributes each.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from app.hooks.builtin.extractors import (
    MOST_PREVIEW_BYTES,
    AsFile,
    Extractor,
    ExtractorConfig,
    Found,
    files_field,
    under_field,
)
from app.hooks.builtin.patterns import Glob
from app.hooks.builtin.previews import curve_of, image_of
from streamweave_sdk.hooks import Reader, VersionFacts

_MOST_OBJECTS = 2000
_MOST_MEMBERS = 5000
_MOST_CHECKED = 20_000
_DEEPEST = 12
_MOST_ATTRIBUTES = 64
_MOST_VALUE_BYTES = 4096
_PLAIN_KINDS = "biufSU"


class Hdf5Config(ExtractorConfig):
    """Which HDF5 files are looked at."""

    needs: ClassVar[tuple[str, ...]] = ("h5py", "numpy", "PIL")

    files: list[Glob] = files_field("*.h5", "*.hdf5", "*.hdf", "*.nxs", "*.nx5")
    under: str = under_field("hdf5")


class Hdf5Metadata(Extractor[Hdf5Config]):
    """Reads attributes and small values of HDF5 and NeXus files, with a picture of the data."""

    format = "HDF5"

    def extract(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        """Walk through the file, breadth first."""
        import h5py

        with h5py.File(AsFile(reader), "r", rdcc_nbytes=1 << 20) as file:
            candidates: list[Any] = []
            for path, thing in _walk(file):
                if found.bounded.full:
                    found.bounded.cut = True
                    break
                _attributes(path, thing, found)
                if isinstance(thing, h5py.Dataset):
                    _dataset(path, thing, found)
                    candidates.append(thing)
            if self.config.preview:
                chosen = _plotted(file) or next((d for d in candidates if _is_drawable(d)), None)
                if chosen is not None:
                    _draw(chosen, found)


def leads_out(path: Path) -> bool:
    """Return whether a file has links or data in other files, or more objects than are looked at.

    Raises:
        OSError: it is no HDF5.
    """
    import h5py

    with h5py.File(path, "r") as file:
        waiting, seen = [file], 0
        while waiting:
            group = waiting.pop()
            for name in group:
                seen += 1
                link = group.get(name, getlink=True)
                if seen > _MOST_CHECKED or isinstance(link, h5py.ExternalLink):
                    return True
                if not isinstance(link, h5py.HardLink):
                    continue
                member = group[name]
                if isinstance(member, h5py.Dataset) and (member.is_virtual or member.external):
                    return True
                if isinstance(member, h5py.Group):
                    waiting.append(member)
    return False


def _members(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield what hard links lead to; other links may lead out of the file."""
    import h5py

    for number, name in enumerate(group):
        if number >= _MOST_MEMBERS:
            return
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            yield name, group[name]


def _walk(file: Any) -> Iterator[tuple[str, Any]]:
    import h5py

    waiting: deque[tuple[str, Any, int]] = deque([("", file, 0)])
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_OBJECTS:
        path, thing, depth = waiting.popleft()
        address = h5py.h5o.get_info(thing.id).addr
        if address in seen:
            continue  # hard links may form rings
        seen.add(address)
        yield path, thing
        if isinstance(thing, h5py.Group) and depth < _DEEPEST:
            for name, member in _members(thing):
                if len(waiting) + len(seen) >= _MOST_OBJECTS:
                    break
                waiting.append((f"{path}/{name}" if path else name, member, depth + 1))


def _attributes(path: str, thing: Any, found: Found) -> None:
    for number, name in enumerate(thing.attrs):
        if number >= _MOST_ATTRIBUTES or found.bounded.full:
            found.bounded.cut = True
            return
        identity = thing.attrs.get_id(name)
        if identity.get_storage_size() <= _MOST_VALUE_BYTES:
            found.add(f"{path}@{name}", _plain(thing.attrs[name]))


def _dataset(path: str, dataset: Any, found: Found) -> None:
    if dataset.shape is None:
        return
    if _is_inside(dataset) and dataset.size == 1 and dataset.dtype.itemsize <= _MOST_VALUE_BYTES:
        value = _plain(dataset[()])
        if value is not None:
            found.add(path, value)
            return
    found.add(f"{path}#shape", [int(length) for length in dataset.shape])
    found.add(f"{path}#type", str(dataset.dtype)[:200])


def _plain(value: Any) -> Any:
    """Return a value of the file as Python's own, None for what has no plain form."""
    import numpy as np

    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "O":
        parts = [_plain(one) for one in array.ravel()[:100] if isinstance(one, str | bytes)]
    elif array.dtype.kind in _PLAIN_KINDS:
        parts = [_plain(one) if isinstance(one, bytes) else one for one in array.ravel().tolist()]
    else:
        return None
    return parts[0] if len(parts) == 1 else (parts or None)


def _is_inside(dataset: Any) -> bool:
    """Return whether its bytes are in this file, in pieces that are not too large."""
    if dataset.is_virtual or dataset.external:
        return False
    chunk = dataset.chunks
    if chunk is None:
        return True
    items = 1
    for length in chunk:
        items *= length
    return items * int(dataset.dtype.itemsize) <= MOST_PREVIEW_BYTES


def _is_drawable(dataset: Any) -> bool:
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or not _is_inside(dataset):
        return False
    long_ones = [length for length in dataset.shape if length > 1]
    return str(dataset.dtype.kind) in "iufc" and max(long_ones, default=0) >= 8


def _own(group: Any, name: Any) -> Any:
    """Return a member of a group by a hard link, None without one."""
    import h5py

    name = _plain(name)
    if isinstance(name, list):
        name = name[0] if name else None
    if not isinstance(name, str) or not name or "/" in name or name not in group:
        return None
    is_hard = isinstance(group.get(name, getlink=True), h5py.HardLink)
    return group[name] if is_hard else None


def _attribute(thing: Any, name: str) -> Any:
    if name in thing.attrs and thing.attrs.get_id(name).get_storage_size() <= _MOST_VALUE_BYTES:
        return thing.attrs[name]
    return None


def _plotted(file: Any) -> Any:
    """Return what NeXus says is to be plotted: default by default, then the signal."""
    import h5py

    group = file
    for _ in range(_DEEPEST):
        signal = _own(group, _attribute(group, "signal"))
        if signal is not None and _is_drawable(signal):
            return signal
        inner = _own(group, _attribute(group, "default"))
        if not isinstance(inner, h5py.Group):
            return None
        group = inner
    return None


def _draw(dataset: Any, found: Found) -> None:
    import numpy as np

    shape = [length for length in dataset.shape if length > 1]
    frame = 1 if len(shape) == 1 else 2
    items = int(np.prod(shape[-frame:], dtype=np.int64))
    if items * dataset.dtype.itemsize > MOST_PREVIEW_BYTES:
        found.no_preview(f"'{dataset.name}' has {items:,} values a picture.")
        return
    # The middle of each outer dimension, all of the inner ones.
    outer = len(shape) - frame
    middle: list[Any] = []
    for length in dataset.shape:
        if length == 1:
            middle.append(0)
        elif outer > 0:
            middle.append(length // 2)
            outer -= 1
        else:
            middle.append(slice(None))
    values = dataset[tuple(middle)]
    title = str(dataset.name)
    if frame == 2:
        found.preview = image_of(values, title)
        return
    axes = _plain(_attribute(dataset.parent, "axes"))
    name = axes[-1] if isinstance(axes, list) else axes
    axis = _own(dataset.parent, name)
    fits = axis is not None and _is_drawable(axis) and axis.shape == (len(values),)
    x = axis[()] if fits else np.arange(len(values))
    label = str(name) if fits else ""
    found.preview = curve_of(x, values, label, title.rpartition("/")[2])
