"""TIFF files and pictures, made by the libraries; hostile and damaged ones."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from app.hooks.builtin.extractors import CannotExtract
from app.hooks.builtin.image_metadata import ImageMetadata
from streamweave_sdk.hooks import Image, PostAnswer
from streamweave_sdk.testing import a_version, try_post_hook
from tests.unit.damage import survivors

GRADIENT = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


def _read(content: bytes, name: str = "a/scan.tif", **config: Any) -> PostAnswer:
    facts = config.pop("facts", {})
    return try_post_hook(ImageMetadata, a_version(name, **facts), content, {"under": "", **config})


def tiff(values: Any = GRADIENT, **how: Any) -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, values, **{"metadata": None, **how})
    return target.getvalue()


def _pixels(answer: PostAnswer) -> Any:
    assert isinstance(answer.preview, Image)
    return np.asarray(Picture.open(io.BytesIO(answer.preview.data)))


def test_a_tiff_says_its_size_and_has_a_thumbnail() -> None:
    content = tiff(software="TEM 1.0", description="grid 7", photometric="minisblack")
    answer = _read(content)
    said = answer.metadata
    assert (said["width"], said["height"], said["bits_per_sample"]) == (48, 64, 16)
    assert (said["software"], said["description"], said["pages"]) == ("TEM 1.0", "grid 7", 1)
    shown = _pixels(answer)
    assert shown.shape == (64, 48)
    assert (int(shown[0, 0]), int(shown[-1, -1])) == (0, 255)
    assert _read(content, preview=False).preview is None


@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
def test_pages_of_any_compression_are_read_or_have_no_preview(compression: str | None) -> None:
    answer = _read(tiff(compression=compression))
    assert answer.metadata["width"] == 48
    if compression != "lzma":
        assert _pixels(answer).shape == (64, 48)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "packbits"])
def test_what_pillow_decodes_is_shown_too(compression: str) -> None:
    target = io.BytesIO()
    Picture.fromarray(np.full((64, 48, 3), 99, np.uint8)).save(
        target, "TIFF", compression=compression
    )
    assert _pixels(_read(target.getvalue())).shape == (64, 48, 3)


def test_what_programs_write_is_kept_under_their_names() -> None:
    stack = np.zeros((3, 8, 8), np.uint8)
    imagej = _read(tiff(stack, imagej=True, metadata={"unit": "um", "spacing": 2.0, "axes": "ZYX"}))
    words: Any = imagej.metadata["imagej"]
    assert (words["unit"], words["slices"]) == ("um", 3)
    ome = _read(tiff(stack, ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 0.5}), "a/x.tif")
    tree: Any = ome.metadata["ome"]
    assert tree["OME"]["Image"]["Pixels"]["@PhysicalSizeX"] == "0.5"
    fei = b"[User]\r\nUser=kim\r\n[Beam]\r\nHV=30000\r\n"
    answer = _read(tiff(extratags=[(34682, 2, len(fei), fei, True)]))
    microscope: Any = answer.metadata["fei"]
    assert microscope["Beam"]["HV"] == 30000


def test_a_large_page_without_compression_is_read_by_rows() -> None:
    values = np.zeros((9000, 4500), np.uint16)
    values[4500:] = 1000
    answer = _read(tiff(values))
    shown = _pixels(answer)
    assert (int(shown[0, 0]), int(shown[-1, -1])) == (0, 255)


def test_pictures_say_what_cameras_and_programs_wrote() -> None:
    target = io.BytesIO()
    words = PngInfo()
    words.add_text("Sample", "gold")
    Picture.new("RGBA", (30, 20), "red").save(target, "PNG", pnginfo=words, dpi=(300, 300))
    answer = _read(target.getvalue(), "a/photo.png")
    assert (answer.metadata["width"], answer.metadata["Sample"]) == (30, "gold")
    assert _pixels(answer).shape == (20, 30, 4)
    target = io.BytesIO()
    exif = Picture.Exif()
    exif[272] = "Camera 5"
    Picture.new("RGB", (30, 20)).save(target, "JPEG", exif=exif)
    assert _read(target.getvalue(), "a/photo.JPG").metadata["Model"] == "Camera 5"


def _png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_picture_that_decodes_to_too_much_has_no_preview_or_is_refused() -> None:
    answer = _read(_png_bomb(9000, 9000), "a/bomb.png")
    assert answer.preview is None
    assert "9,000 x 9,000 pixels" in answer.notices[0].text
    with pytest.raises(CannotExtract, match="DecompressionBomb"):
        _read(_png_bomb(60_000, 60_000), "a/bomb.png")


def test_a_strip_that_decodes_to_more_than_its_page_is_refused() -> None:
    honest = tiff(np.zeros((64, 64), np.uint8), compression="zlib")
    bomb = zlib.compress(b"\0" * 20_000_000, 9)
    file = tifffile.TiffFile(io.BytesIO(honest))
    page: Any = file.pages.first
    counts, offsets = page.tags[279], page.tags[273]
    damaged = bytearray(honest + bomb)
    for tag, value in ((counts, len(bomb)), (offsets, len(honest))):
        struct.pack_into("<H" if tag.dtype == 3 else "<I", damaged, tag.valueoffset, value)
    with pytest.raises(CannotExtract, match="more than the page"):
        _read(bytes(damaged))


def test_damage_and_other_files_are_clear_failures() -> None:
    for name in ("a/scan.tif", "a/scan.png", "a/scan.jpg"):
        with pytest.raises(CannotExtract, match=f"'{name}' cannot be read as a picture"):
            _read(b"nonsense", name)
    assert _read(b"", "a/readme.txt") == PostAnswer()


def test_a_file_that_names_others_opens_none_of_them() -> None:
    stack = np.zeros((2, 8, 8), np.uint8)
    content = tiff(stack, ome=True, metadata={"axes": "ZYX"})
    other = content.replace(b'<TiffData IFD="0"', b'<TiffData IFD="9"')
    assert _read(other, "a/x.tif").metadata["pages"] == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scan.tif", tiff(compression="zlib", tile=(16, 16))),
        ("scan.tif", tiff(np.zeros((4, 16, 16), np.uint8), imagej=True, metadata={"axes": "ZYX"})),
        ("scan.png", _png_bomb(500, 500)),
    ],
    ids=["tiles", "imagej", "png"],
)
def test_damage_is_read_or_a_clear_failure(name: str, content: bytes) -> None:
    assert survivors("image_metadata:ImageMetadata", name, content, 40) == 40
