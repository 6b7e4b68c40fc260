"""Bytes of instrument files: correct magic numbers, sizes and checks around random content.

Each function gets its random source as an argument, so that the same seed gives the same bytes.
Layouts follow openly documented notes about the vendors' formats; the content is noise.
"""

from __future__ import annotations

import gzip
import random
import struct
import zlib

THERMO_MAGIC = b"\x01\xa1" + "Finnigan".encode("utf-16-le")
THERMO_CHECKSUM_OFFSET = 148
THERMO_CHECKED_BYTES = 10 * 1024 * 1024
THERMO_HEADER_BYTES = 1356
BRUKER_BLOCK_BYTES = 1024
CHEMSTATION_HEADER_BYTES = 6144

_BASES = bytes(b"ACGT"[value % 4] for value in range(256))
# Illumina's binned qualities: only four letters occur in modern FASTQ files.
_QUALITIES = bytes(b"F:,#"[(value > 180) + (value > 230) + (value > 250)] for value in range(256))


def thermo_checksum(content: bytes) -> int:
    """Adler-32 with start value 0 over the first 10 MiB, its own four bytes taken as zero."""
    head = bytearray(content[:THERMO_CHECKED_BYTES])
    head[THERMO_CHECKSUM_OFFSET : THERMO_CHECKSUM_OFFSET + 4] = bytes(4)
    return zlib.adler32(head, 0)


def thermo_raw(rng: random.Random, size: int) -> bytes:
    """A Thermo .raw file of exactly ``size`` bytes with a right checksum."""
    if size < THERMO_HEADER_BYTES:
        raise ValueError(f"A .raw file has at least {THERMO_HEADER_BYTES} bytes, not {size}.")
    header = bytearray(THERMO_HEADER_BYTES)
    header[: len(THERMO_MAGIC)] = THERMO_MAGIC
    struct.pack_into("<I", header, 36, 66)
    label = "Orbitrap Exploris 480".encode("utf-16-le")
    header[200 : 200 + len(label)] = label
    content = bytearray(bytes(header) + rng.randbytes(size - THERMO_HEADER_BYTES))
    struct.pack_into("<I", content, THERMO_CHECKSUM_OFFSET, thermo_checksum(bytes(content)))
    return bytes(content)


def bruker_parameters(title: str, values: dict[str, str | int | float]) -> bytes:
    """A JCAMP-DX parameter file as TopSpin writes it (acqu, acqus, procs)."""
    lines = [
        f"##TITLE= {title}",
        "##JCAMPDX= 5.0",
        "##DATATYPE= Parameter Values",
        "##ORIGIN= Bruker BioSpin GmbH",
        "##OWNER= nmrsu",
        *(f"##${name}= {value}" for name, value in values.items()),
        "##END=",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def bruker_fid(rng: random.Random, td: int) -> bytes:
    """``td`` little-endian 32-bit integers."""
    return rng.randbytes(td * 4)


def bruker_row_bytes(td: int) -> int:
    """Bytes of one row of a ser file: 32-bit values padded to whole blocks."""
    return -(-td * 4 // BRUKER_BLOCK_BYTES) * BRUKER_BLOCK_BYTES


def bruker_ser(rng: random.Random, td: int, rows: int) -> bytes:
    """Rows of 32-bit values, each padded to a whole block."""
    padding = bytes(bruker_row_bytes(td) - td * 4)
    return b"".join(rng.randbytes(td * 4) + padding for _ in range(rows))


def chemstation_size(points: int) -> int:
    """Size of a .ch or .uv file with so many values."""
    return CHEMSTATION_HEADER_BYTES + 8 * points


def chemstation_signal(rng: random.Random, version: str, points: int) -> bytes:
    """A .ch (version 179) or .uv (131) file: header in 512-byte blocks, then 64-bit values."""
    header = bytearray(CHEMSTATION_HEADER_BYTES)
    header[0] = len(version)
    header[1 : 1 + len(version)] = version.encode("ascii")
    struct.pack_into(">I", header, 264, CHEMSTATION_HEADER_BYTES // 512 + 1)
    struct.pack_into(">I", header, 278, points)
    level, values = 0.0, []
    for _ in range(points):
        level += rng.gauss(0.0, 0.05)
        values.append(level)
    return bytes(header) + struct.pack(f"<{points}d", *values)


def tiff_size(side: int) -> int:
    """Size of :func:`tiff_image`."""
    return 8 + 2 + 9 * 12 + 4 + side * side * 2


def tiff_image(rng: random.Random, side: int) -> bytes:
    """A square little-endian 16-bit grey image in one strip."""
    strip_offset = 8 + 2 + 9 * 12 + 4
    tags = [
        (256, 4, side),  # ImageWidth
        (257, 4, side),  # ImageLength
        (258, 3, 16),  # BitsPerSample
        (259, 3, 1),  # Compression: none
        (262, 3, 1),  # PhotometricInterpretation: black is zero
        (273, 4, strip_offset),  # StripOffsets
        (277, 3, 1),  # SamplesPerPixel
        (278, 4, side),  # RowsPerStrip
        (279, 4, side * side * 2),  # StripByteCounts
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    header = b"II*\x00" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return header + rng.randbytes(side * side * 2)


def _dm4_tag(name: bytes, info: tuple[int, ...], value: bytes) -> bytes:
    body = b"%%%%" + struct.pack(f">Q{len(info)}Q", len(info), *info) + value
    return b"\x15" + struct.pack(">H", len(name)) + name + struct.pack(">Q", len(body)) + body


def dm4_image(rng: random.Random, side: int) -> bytes:
    """A Gatan DM4 file with one 16-bit image; the header holds the length of the root group."""
    pixels = side * side
    tags = [
        _dm4_tag(b"Width", (5,), struct.pack("<I", side)),
        _dm4_tag(b"Height", (5,), struct.pack("<I", side)),
        _dm4_tag(b"PixelDepth", (5,), struct.pack("<I", 2)),
        _dm4_tag(b"Data", (20, 4, pixels), rng.randbytes(pixels * 2)),
    ]
    root = struct.pack(">BBQ", 1, 0, len(tags)) + b"".join(tags)
    return struct.pack(">IQI", 4, len(root), 1) + root + bytes(8)


def fastq_gz(rng: random.Random, sample: str, reads: int, length: int = 100) -> bytes:
    """Gzipped reads; time and file name are left out of the gzip header: same seed, same bytes."""
    lines: list[bytes] = []
    for number in range(reads):
        where = f"{1101 + number % 16}:{rng.randrange(1000, 30000)}:{rng.randrange(1000, 30000)}"
        lines.append(f"@VH00123:45:AAATEST:1:{where} 1:N:0:{sample}\n".encode("ascii"))
        lines.append(rng.randbytes(length).translate(_BASES) + b"\n+\n")
        lines.append(rng.randbytes(length).translate(_QUALITIES) + b"\n")
    return gzip.compress(b"".join(lines), compresslevel=1, mtime=0)


def cbcl(rng: random.Random, size: int) -> bytes:
    """One cycle's base calls: version, header size, bits per call and quality, then a block."""
    header = struct.pack("<HIBB", 1, 8, 2, 2)
    return header + rng.randbytes(size - len(header))


def run_info_xml(run_id: str, cycles: int, date: str) -> bytes:
    """RunInfo.xml, the description a sequencer writes first."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<RunInfo Version="6">\n'
        f'  <Run Id="{run_id}" Number="45">\n'
        "    <Flowcell>AAATEST</Flowcell>\n"
        "    <Instrument>VH00123</Instrument>\n"
        f"    <Date>{date}</Date>\n"
        "    <Reads>\n"
        f'      <Read Number="1" NumCycles="{cycles}" IsIndexedRead="N" />\n'
        "    </Reads>\n"
        '    <FlowcellLayout LaneCount="1" SurfaceCount="2" SwathCount="6" TileCount="16" />\n'
        "  </Run>\n"
        "</RunInfo>\n"
    ).encode()


def spectrum_csv(rng: random.Random, sample: str, points: int) -> bytes:
    """Wavelength and absorbance, one pair a line."""
    peak, width = rng.uniform(250, 600), rng.uniform(10, 60)
    lines = [f"# sample,{sample}", "wavelength_nm,absorbance"]
    for index in range(points):
        wavelength = 200 + 600 * index / points
        distance = (wavelength - peak) / width
        lines.append(f"{wavelength:.1f},{1 / (1 + distance * distance) + rng.gauss(0, 0.002):.5f}")
    return ("\r\n".join(lines) + "\r\n").encode()


def spectrum_jcamp(rng: random.Random, sample: str, points: int) -> bytes:
    """The same kind of spectrum as JCAMP-DX."""
    lines = [
        f"##TITLE= {sample}",
        "##JCAMP-DX= 4.24",
        "##DATA TYPE= UV/VIS SPECTRUM",
        "##ORIGIN= simulated laboratory",
        "##OWNER= public domain",
        "##XUNITS= NANOMETERS",
        "##YUNITS= ABSORBANCE",
        f"##NPOINTS= {points}",
        "##XYPOINTS= (XY..XY)",
        *(f"{200 + 600 * i / points:.1f}, {rng.random():.5f}" for i in range(points)),
        "##END=",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()
