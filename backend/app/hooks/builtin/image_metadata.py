"""What TIFF files and pictures say: size, depth, time, the words of microscopes; a thumbnail.

Other files that a TIFF names are not opened. A page is decoded when it has at most 64 MiB, of a
larger one that is not compressed every n-th row is read. What a strip decodes to is bounded by what
it should be.
"""

import zlib
from typing import Any, ClassVar

from app.hooks.builtin.documents import NotReadable, read_document
from app.hooks.builtin.extractors import (
    MOST_PREVIEW_BYTES,
    CannotExtract,
    Extractor,
    ExtractorConfig,
    Found,
    buffered,
    files_field,
    under_field,
)
from app.hooks.builtin.patterns import Glob
from app.hooks.builtin.previews import image_of, png_of
from app.hooks.builtin.templates import split_name
from streamweave_sdk.hooks import Reader, VersionFacts

_TIFF = {"tif", "tiff", "btf", "lsm", "stk", "svs", "ndpi"}
_FORMATS = ["PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF"]
_VENDORS = ("fei", "sem", "imagej", "tvips", "sis", "micromanager", "lsm", "stk", "metaseries",
            "nih", "pilatus", "epics", "andor", "scanimage", "fluoview")  # fmt: skip
_COUNTED_BYTES = 256 << 20  # in larger files pages are not counted: each needs a read elsewhere
_ROWS = 1024
_ZLIB = {8, 32946}


class ImageConfig(ExtractorConfig):
    """Which pictures are looked at."""

    needs: ClassVar[tuple[str, ...]] = ("tifffile", "PIL", "numpy")

    files: list[Glob] = files_field(
        "*.tif", "*.tiff", "*.png", "*.jpg", "*.jpeg", "*.bmp", "*.gif", "*.webp"
    )
    under: str = under_field("image")


class ImageMetadata(Extractor[ImageConfig]):
    """Reads size, time and a microscope's words of TIFF files and pictures, with a thumbnail."""

    format = "a picture"

    def extract(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        """Look at the first page."""
        if split_name(version.name)[1].lower() in _TIFF:
            self._tiff(version, reader, found)
        else:
            self._picture(version, reader, found)

    def _tiff(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        import tifffile

        with tifffile.TiffFile(buffered(reader), name=version.name, _multifile=False) as file:
            page: Any = file.pages.first
            _page(page, found)
            if version.size_bytes <= _COUNTED_BYTES:
                found.add("pages", len(file.pages))
            _words(file, page, found)
            if self.config.preview:
                self._thumbnail(file, page, reader, found)

    def _thumbnail(self, file: Any, page: Any, reader: Reader, found: Found) -> None:
        if page.nbytes > MOST_PREVIEW_BYTES:
            page = _smaller(file) or page
        title = f"{page.imagewidth} x {page.imagelength}"
        if page.compression == 1 and page.nbytes > MOST_PREVIEW_BYTES and page.samplesperpixel == 1:
            found.preview = image_of(_rows(page, reader), title)
        elif page.nbytes > MOST_PREVIEW_BYTES:
            found.no_preview(f"a page has {page.nbytes:,} bytes.")
        elif page.compression == 1 or page.compression in _ZLIB:
            _check_strips(page, reader)
            values = page.asarray(maxworkers=1)
            found.preview = image_of(values.squeeze(), title)
        else:
            self._by_pillow(reader, found)

    def _picture(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        from PIL import ExifTags, Image

        with Image.open(buffered(reader), formats=_FORMATS) as picture:
            found.add("format", picture.format)
            found.add("width", picture.width)
            found.add("height", picture.height)
            found.add("mode", picture.mode)
            dpi = picture.info.get("dpi")
            found.add("dpi", [float(one) for one in dpi] if dpi else None)
            is_there = picture.format != "PNG" or "exif" in picture.info  # a PNG is decoded for it
            for number, value in picture.getexif().items() if is_there else ():
                found.add(ExifTags.TAGS.get(number, str(number)), _exif(value))
            # Words before the pixels; `picture.text` would decode these first.
            for name, value in picture.info.items():
                if isinstance(value, str):
                    found.add(str(name), value)
        if self.config.preview:
            self._by_pillow(reader, found)

    def _by_pillow(self, reader: Reader, found: Found) -> None:
        """Decode with Pillow, whose target has a size before it begins."""
        from PIL import Image

        with Image.open(buffered(reader), formats=_FORMATS) as picture:
            if picture.width * picture.height * 4 > MOST_PREVIEW_BYTES:
                picture.draft("RGB", (_ROWS, _ROWS))  # JPEG decodes to less
            if picture.width * picture.height * 4 > MOST_PREVIEW_BYTES:
                found.no_preview(f"it has {picture.width:,} x {picture.height:,} pixels.")
                return
            title = f"{found.metadata.get('width')} x {found.metadata.get('height')}"
            picture.load()
            if picture.mode.startswith(("I", "F")):
                import numpy as np

                found.preview = image_of(np.asarray(picture), title)
            else:
                found.preview = png_of(picture, title)


def _exif(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "replace")
    if isinstance(value, int | str):
        return value
    return str(value)[:400]


def _page(page: Any, found: Found) -> None:
    found.add("format", "TIFF")
    found.add("width", page.imagewidth)
    found.add("height", page.imagelength)
    found.add("bits_per_sample", page.bitspersample)
    found.add("samples_per_pixel", page.samplesperpixel)
    found.add("type", None if page.dtype is None else str(page.dtype))
    found.add("compression", getattr(page.compression, "name", str(page.compression)))
    found.add("photometric", getattr(page.photometric, "name", str(page.photometric)))
    for number, name in ((305, "software"), (271, "make"), (272, "model"), (306, "time"),
                         (315, "artist")):  # fmt: skip
        tag = page.tags.get(number)
        found.add(name, tag.value if tag is not None else None)


def _words(file: Any, page: Any, found: Found) -> None:
    """Keep what a microscope or its program wrote, each kind under its name."""
    vendors = [name for name in _VENDORS if getattr(file, f"is_{name}", False)]
    for name in vendors:
        found.add(name, getattr(file, f"{name}_metadata"))
    if file.is_ome:
        try:
            found.add("ome", read_document(str(file.ome_metadata).encode(), "xml"))
        except NotReadable as error:
            raise CannotExtract(f"its OME-XML: {error}") from error
    elif not vendors:
        found.add("description", page.description)


def _smaller(file: Any) -> Any:
    """Return the first of the next pages that is small and of the same picture, None without."""
    for number in range(1, 9):
        try:
            page = file.pages[number]
        except IndexError:
            return None
        if getattr(page, "is_reduced", False) and page.nbytes <= MOST_PREVIEW_BYTES:
            return page
    return None


def _check_strips(page: Any, reader: Reader) -> None:
    """Refuse strips that decode to more than they should.

    Raises:
        CannotExtract: one does.
    """
    if sum(page.databytecounts) > 2 * MOST_PREVIEW_BYTES:
        raise CannotExtract("its first page is larger than it says.")
    if page.compression not in _ZLIB:
        return
    # A strip or tile has at most the whole page's bytes; a bomb has a thousand times more.
    most = page.nbytes + (1 << 16)
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=False):
        reader.seek(offset)
        decoder = zlib.decompressobj()
        made, rest = 0, reader.read(size)
        while rest and made <= most:
            made += len(decoder.decompress(rest, 1 << 20))
            rest = decoder.unconsumed_tail
        if made > most:
            raise CannotExtract("a strip decodes to more than the page should have.")


def _rows(page: Any, reader: Reader) -> Any:
    """Return every n-th row of a page that is not compressed."""
    import numpy as np

    row_bytes = page.imagewidth * page.dtype.itemsize
    if page.is_tiled or len(page.dataoffsets) == 0 or row_bytes > MOST_PREVIEW_BYTES // _ROWS:
        raise CannotExtract("its first page is too large for a preview.")
    every = -(-page.imagelength // _ROWS)
    kind = page.dtype.newbyteorder(page.parent.byteorder)
    rows = []
    for row in range(0, page.imagelength, every):
        strip, inside = divmod(row, page.rowsperstrip)
        if strip >= len(page.dataoffsets):
            break
        reader.seek(page.dataoffsets[strip] + inside * row_bytes)
        content = reader.read(row_bytes)
        if len(content) < row_bytes:
            raise CannotExtract("it ends within its first page.")
        rows.append(np.frombuffer(content, kind))
    step = -(-page.imagewidth // _ROWS)
    return np.stack([one[::step] for one in rows])
