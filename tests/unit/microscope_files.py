"""Small files of electron microscopes, written by their formats' descriptions."""

import struct
from typing import Any

import numpy as np

_KINDS = {"H": 4, "i": 3, "I": 5, "f": 6, "d": 7, "?": 8}


def _data(name: str, info: list[int], content: bytes) -> bytes:
    head = struct.pack(">BH", 21, len(name)) + name.encode()
    return head + b"%%%%" + struct.pack(f">I{len(info)}I", len(info), *info) + content


def _tag(name: str, value: Any) -> bytes:
    if isinstance(value, dict | list):
        head = struct.pack(">BH", 20, len(name)) + name.encode()
        return head + _group(value)
    if isinstance(value, str):
        text = value.encode("utf-16-le")
        return _data(name, [20, 4, len(value)], text)
    if isinstance(value, np.ndarray):
        return _data(name, [20, _KINDS[value.dtype.char], value.size], value.tobytes())
    kind = "?" if isinstance(value, bool) else "d" if isinstance(value, float) else "I"
    return _data(name, [_KINDS[kind]], struct.pack(f"<{kind}", value))


def _group(members: dict[str, Any] | list[Any]) -> bytes:
    named = members.items() if isinstance(members, dict) else [("", one) for one in members]
    tags = b"".join(_tag(name, value) for name, value in named)
    return struct.pack(">BBI", 1, 0, len(members)) + tags


def dm3(values: Any, title: str = "grid 7", voltage: float = 300_000.0) -> bytes:
    """Return a DM3 file with one picture of float32."""
    values = np.asarray(values, np.float32)
    axis = {"Origin": 0.0, "Scale": 0.5, "Units": "nm"}
    image = {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""},
                "Dimension": [axis] * values.ndim,
                "DisplayCalibratedUnits": True,
            },
            "Data": values.ravel(),
            "DataType": 2,
            "Dimensions": list(reversed(values.shape)),
            "PixelDepth": 4,
        },
        "ImageTags": {"Microscope Info": {"Voltage": voltage, "Microscope": "Titan"}},
        "Name": title,
        "UniqueID": [1, 2, 3, 4],
    }
    tree = {"ApplicationBounds": [0, 0], "ImageList": [image], "Thumbnails": []}
    body = _group(tree) + b"\0" * 8
    return struct.pack(">III", 3, len(body), 1) + body


def mrc(frames: Any) -> bytes:
    """Return an MRC file (MRC2014) of int16."""
    frames = np.asarray(frames, np.int16)
    layers, rows, columns = frames.shape
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, columns, rows, layers, 1)
    struct.pack_into("<3i3f3f3i", head, 28, columns, rows, layers, columns * 2.0, rows * 2.0,
                     layers * 1.0, 90, 90, 90, 1, 2, 3)  # fmt: skip
    head[208:216] = b"MAP \x44\x44\0\0"
    return bytes(head) + bytes(frames.tobytes())


def msa(counts: Any) -> bytes:
    """Return an EMSA/MAS spectrum."""
    head = {
        "FORMAT": "EMSA/MAS Spectral Data File", "VERSION": "1.0", "TITLE": "edge",
        "DATE": "20-MAY-2026", "TIME": "12:00", "OWNER": "kim", "NPOINTS": str(float(len(counts))),
        "NCOLUMNS": "1.", "XUNITS": "eV", "YUNITS": "counts", "DATATYPE": "Y", "XPERCHAN": "0.5",
        "OFFSET": "100.0", "SIGNALTYPE": "ELS", "BEAMKV": "200.0",
    }  # fmt: skip
    lines = [f"#{name:<12}: {value}" for name, value in head.items()]
    lines += [
        "#SPECTRUM    : Spectral Data Starts Here",
        *[f"{one:.1f}," for one in counts],
        "#ENDOFDATA   :",
        "",
    ]
    return "\r\n".join(lines).encode()
