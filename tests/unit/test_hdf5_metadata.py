"""HDF5 and NeXus: real files of the library, NeXus made by it, hostile and damaged ones."""

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from pydantic import ValidationError

from app.hooks.builtin import extractors
from app.hooks.builtin.extractors import CannotExtract
from app.hooks.builtin.hdf5_metadata import Hdf5Config, Hdf5Metadata
from streamweave_sdk.hooks import Curve, Image, PostAnswer
from streamweave_sdk.testing import a_version, try_post_hook
from tests.unit.damage import survivors

SHIPPED = Path(h5py.__file__).parent / "tests" / "data_files"


def _read(content: bytes, name: str = "a/scan.nxs", **config: Any) -> PostAnswer:
    return try_post_hook(Hdf5Metadata, a_version(name), content, {"under": "", **config})


def _made(**how: Any) -> tuple[h5py.File, io.BytesIO]:
    target = io.BytesIO()
    return h5py.File(target, "w", **how), target


def nexus(y: Any, **axes: Any) -> bytes:
    """Return a NeXus file whose default plot is `y`."""
    file, target = _made()
    with file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        entry["title"] = "a scan"
        entry["sample/temperature"] = 77.5
        entry["sample/temperature"].attrs["units"] = "K"
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "counts"})
        data.create_dataset("counts", data=y, chunks=True, compression="gzip")
        if axes:
            data.attrs["axes"] = list(axes)
            for name, values in axes.items():
                data[name] = values
    return target.getvalue()


def test_values_attributes_and_shapes_of_a_nexus_file() -> None:
    content = nexus(np.arange(100) ** 2, angle=np.linspace(0, 5, 100))
    answer = _read(content)
    said = answer.metadata
    assert said["entry/title"] == "a scan"
    assert (said["entry/sample/temperature"], said["entry/sample/temperature@units"]) == (77.5, "K")
    assert said["entry/data@NX_class"] == "NXdata"
    assert said["entry/data/counts#shape"] == [100]
    assert isinstance(answer.preview, Curve)
    assert (answer.preview.x_label, answer.preview.y_label) == ("angle", "counts")
    assert answer.preview.x[-1] == 5.0
    assert answer.notices == []
    assert set(_read(content, under="hdf5").metadata) == {"hdf5"}


def test_a_stack_of_frames_is_shown_by_its_middle_one() -> None:
    frames = np.zeros((5, 60, 40))
    frames[2] = np.arange(60)[:, None]
    answer = _read(nexus(frames))
    assert isinstance(answer.preview, Image)
    assert answer.preview.data.startswith(b"\x89PNG")
    assert answer.preview.alt == "/entry/data/counts"
    assert _read(nexus(frames), preview=False).preview is None


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.h5")), ids=lambda path: path.name)
def test_real_files_of_the_library_are_read(path: Path) -> None:
    answer = _read(path.read_bytes(), "a/real.h5")
    assert any(name.endswith("#shape") for name in answer.metadata)


def test_a_string_attribute_of_a_real_file_is_read() -> None:
    answer = _read((SHIPPED / "vlen_string_s390x.h5").read_bytes(), "a/real.h5")
    assert "h5py    2.10.0" in str(answer.metadata["@version_info"])


def test_other_files_are_left_and_no_hdf5_is_a_failure() -> None:
    assert _read(b"", "a/scan.txt") == PostAnswer()
    with pytest.raises(CannotExtract, match=r"'a/scan\.nxs' cannot be read as HDF5: OSError"):
        _read(b"no hdf5")


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as other:
        other["secret"] = np.arange(100.0)
    (tmp_path / "raw").write_bytes(np.arange(100.0).tobytes())
    file, target = _made()
    with file:
        file["link"] = h5py.ExternalLink(str(secret), "/secret")
        file["soft"] = h5py.SoftLink("/link")
        layout = h5py.VirtualLayout((100,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "secret", (100,))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (100,), "f8", external=[(str(tmp_path / "raw"), 0, 800)])
        file.attrs["signal"] = "link"
    answer = _read(target.getvalue())
    assert set(answer.metadata) == {
        "@signal", "virtual#shape", "virtual#type", "raw#shape", "raw#type",
    }  # fmt: skip
    assert answer.preview is None


def test_rings_deep_trees_and_many_objects_end() -> None:
    file, target = _made()
    with file:
        file["ring/inner/back"] = file["/"]
        file.create_group("/".join(["deep"] * 200))
        for number in range(3000):
            file.create_group(f"many/{number}").attrs["n"] = number
    answer = _read(target.getvalue(), most_values=2000)
    assert len(answer.metadata) <= 2000
    assert "left out" in _read(target.getvalue(), most_values=50).notices[0].text


def test_huge_values_are_neither_read_nor_kept() -> None:
    file, target = _made(libver="latest")
    with file:
        file.attrs["huge"] = np.zeros(1 << 20)
        file.create_dataset("endless", (1 << 40,), "f8", chunks=(1 << 10,), compression="gzip")
        file.create_dataset("one chunk", (1 << 24,), "f8", chunks=(1 << 24,))
        file.create_dataset("wide", (1 << 13, 1 << 13), "f8", chunks=(64, 64))
    answer = _read(target.getvalue())
    assert "@huge" not in answer.metadata
    assert answer.preview is None
    assert "No preview" in answer.notices[0].text


def test_a_missing_library_is_told_when_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractors, "find_spec", lambda name: None if name == "h5py" else True)
    with pytest.raises(ValidationError, match=r"h5py is not installed.*\[extractors\]"):
        Hdf5Config.model_validate({})


def test_damage_is_read_or_a_clear_failure() -> None:
    content = nexus(np.arange(400.0).reshape(20, 20), angle=np.arange(20.0))
    assert survivors("hdf5_metadata:Hdf5Metadata", "scan.nxs", content, 60) == 60
