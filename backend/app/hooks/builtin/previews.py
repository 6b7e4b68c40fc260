"""Small pictures and curves of arrays; numbers that are none are left out."""

import io
from typing import Any

from streamweave_sdk.hooks import Curve, Image

_PIXELS = 384
_DECIMATED = 1024
_POINTS = 1500
_MOST_BYTES = 512 << 10


def image_of(array: Any, alt: str) -> Image | None:
    """Return a PNG of an array of two dimensions (or three with colours); None of an empty one."""
    import numpy as np
    from PIL import Image as Picture

    array = np.asarray(array)
    if array.ndim not in (2, 3) or array.size == 0:
        return None
    rows, columns = (max(1, -(-length // _DECIMATED)) for length in array.shape[:2])
    array = array[::rows, ::columns]
    if array.dtype.kind == "c":
        array = np.abs(array)
    if array.dtype.kind not in "buif":
        return None
    if not (array.ndim == 3 and array.dtype == np.uint8):
        array = _grey(array)
    picture = Picture.fromarray(np.ascontiguousarray(array))
    return png_of(picture, alt)


def _grey(array: Any) -> Any:
    """Return bytes between the 1st and the 99.5th percentile: hot pixels must not hide the rest."""
    import numpy as np

    values = array.astype(np.float32)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(array.shape, np.uint8)
    low, high = (float(one) for one in np.percentile(finite, (1, 99.5)))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    span = (high - low) or 1.0
    scaled = (np.clip(np.nan_to_num(values, nan=low), low, high) - low) / span
    return (scaled * 255).astype(np.uint8)


def png_of(picture: Any, alt: str) -> Image | None:
    """Return a Pillow picture as a small PNG."""
    if picture.mode not in {"L", "RGB", "RGBA"}:
        picture = picture.convert("RGB")
    pixels = _PIXELS
    while pixels >= 48:
        small = picture.copy()
        small.thumbnail((pixels, pixels))
        target = io.BytesIO()
        small.save(target, "PNG", optimize=False)
        if target.tell() <= _MOST_BYTES:
            return Image(data=target.getvalue(), alt=alt[:400])
        pixels //= 2
    return None


def curve_of(x: Any, y: Any, x_label: str = "", y_label: str = "", falls: bool = False) -> Any:
    """Return a curve of at most 3,000 points that keeps peaks; None of fewer than two numbers."""
    import numpy as np

    x = np.asarray(x, dtype=np.float64).ravel()
    y = np.asarray(y)
    y = (y.real if y.dtype.kind == "c" else y).astype(np.float64).ravel()
    length = min(len(x), len(y))
    x, y = x[:length], y[:length]
    usable = np.isfinite(x) & np.isfinite(y)
    x, y = x[usable], y[usable]
    if len(x) < 2:
        return None
    if len(x) > 2 * _POINTS:
        # Lowest and highest of each piece: a mean would hide a narrow peak.
        step = -(-len(x) // _POINTS)
        pieces = [slice(i, i + step) for i in range(0, len(x), step)]
        kept = sorted(
            {p.start + int(np.argmin(y[p])) for p in pieces}
            | {p.start + int(np.argmax(y[p])) for p in pieces}
        )
        x, y = x[kept], y[kept]
    return Curve(
        x=x.tolist(), y=y.tolist(), x_label=x_label[:100], y_label=y_label[:100], x_falls=falls
    )
