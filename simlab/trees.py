"""What files an instrument has: one function a kind, each yields planned files, none writes.

A plan is a value: path, age and a function that makes the bytes from a random source. The order
of files and the names come from ``random`` sources that are seeded by words, so they are the same
in every process and on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from simlab import formats, names
from simlab.catalog import BadInstrumentFile, FileGroup, InstrumentSpec

_DAY = 86_400.0
_COMPOUNDS = ("caffeine", "ibuprofen", "quinine", "menthol", "vanillin", "strychnine", "camphor")
_PEOPLE = ("amina", "bjorn", "chen", "dolores", "emeka", "farah")
_PROJECTS = ("P2031-catalysis", "P2044-lipidomics", "P2050-soil", "QC")


@dataclass(frozen=True)
class PlannedFile:
    """One file to be made; ``size_bytes`` is None where only the bytes themselves tell."""

    path: str
    age_seconds: float
    build: Callable[[random.Random], bytes]
    size_bytes: int | None = None


@dataclass(frozen=True)
class Dataset:
    """One turn of a kind: its number, its age and its own random source for names and sizes."""

    number: int
    age_seconds: float
    rng: random.Random
    group: FileGroup
    protocol: str

    def file(
        self,
        path: str,
        build: Callable[[random.Random], bytes],
        *,
        size: int | None = None,
        after_seconds: float = 0.0,
    ) -> PlannedFile:
        """A file written so long after the dataset began."""
        return PlannedFile(path, self.age_seconds - after_seconds, build, size)

    def text(self, path: str, content: str, *, after_seconds: float = 0.0) -> PlannedFile:
        """A file with fixed text."""
        data = content.encode()
        return self.file(path, lambda _: data, size=len(data), after_seconds=after_seconds)


def _noise(dataset: Dataset, path: str, size: int, *, after_seconds: float = 0.0) -> PlannedFile:
    def build(rng: random.Random) -> bytes:
        return rng.randbytes(size)

    return dataset.file(path, build, size=size, after_seconds=after_seconds)


def _bruker_values(dataset: Dataset, td: int) -> dict[str, str | int | float]:
    return {
        "BF1": 500.13,
        "BYTORDA": 0,
        "DATE": 1_760_000_000 + 3600 * dataset.number,
        "DTYPA": 0,
        "NS": 16,
        "NUC1": "<1H>",
        "O1": 2_500.65,
        "PULPROG": "<zg30>",
        "SFO1": 500.1325,
        "SW_h": 10_000.0,
        "TD": td,
    }


def _bruker_folder(dataset: Dataset, two_dimensional: bool) -> Iterator[PlannedFile]:
    td, rows = dataset.group.integer("td", 16384), dataset.group.integer("rows", 1)
    kind = "cosy" if two_dimensional else dataset.rng.choice(_COMPOUNDS)
    person = dataset.rng.choice(_PEOPLE)
    folder = f"{person}/2026-{dataset.number:03d}_{kind}/{10 + dataset.number % 3}"
    values = _bruker_values(dataset, td)
    title = "Parameter file, TopSpin 4.3.0"
    acqu = formats.bruker_parameters(title, {k: v for k, v in values.items() if k != "DATE"})
    yield dataset.file(f"{folder}/acqu", lambda _: acqu, size=len(acqu))
    yield dataset.text(f"{folder}/pulseprogram", "; zg30\n1 ze\n2 30m\n  d1\n  p1*0.33 ph1\nexit\n")
    yield dataset.text(f"{folder}/uxnmr.par", "CONFIGURATION INFORMATION\n", after_seconds=1)
    if two_dimensional:
        second = formats.bruker_parameters(title, {"TD": rows, "BYTORDA": 0})
        yield dataset.file(f"{folder}/acqu2s", lambda _: second, size=len(second))
        size = formats.bruker_row_bytes(td) * rows
        build = partial(formats.bruker_ser, td=td, rows=rows)
        yield dataset.file(f"{folder}/ser", build, size=size, after_seconds=900)
    else:
        build = partial(formats.bruker_fid, td=td)
        yield dataset.file(f"{folder}/fid", build, size=td * 4, after_seconds=300)
    # acqus is the status copy: it appears at the end and says that the acquisition is over.
    acqus = formats.bruker_parameters(title, values)
    yield dataset.file(f"{folder}/acqus", lambda _: acqus, size=len(acqus), after_seconds=901)
    procs = formats.bruker_parameters(title, {"SI": td // 2, "BYTORDP": 0})
    processed = f"{folder}/pdata/1"
    yield dataset.file(f"{processed}/procs", lambda _: procs, size=len(procs), after_seconds=960)
    yield dataset.text(f"{processed}/title", f"{kind}, CDCl3, {person}\n", after_seconds=960)
    for name in ("2rr",) if two_dimensional else ("1r", "1i"):
        points = td // 2
        build = partial(formats.bruker_fid, td=points)
        yield dataset.file(f"{processed}/{name}", build, size=points * 4, after_seconds=960)


def bruker_nmr(dataset: Dataset) -> Iterator[PlannedFile]:
    """A one-dimensional experiment folder."""
    yield from _bruker_folder(dataset, two_dimensional=False)


def bruker_nmr_2d(dataset: Dataset) -> Iterator[PlannedFile]:
    """A two-dimensional experiment folder (ser in place of fid)."""
    yield from _bruker_folder(dataset, two_dimensional=True)


def chemstation(dataset: Dataset) -> Iterator[PlannedFile]:
    """One injection: a .D folder inside its sequence's folder."""
    points = dataset.group.integer("points", 8000)
    compound = dataset.rng.choice(_COMPOUNDS)
    sequence = f"1/Data/SEQ_{dataset.number // 7 + 1:02d} stability 2026-11"
    folder = f"{sequence}/{dataset.number % 7 + 1:03d}-{compound}.D"
    log = f"1 Method started: instrument run\r\n2 {compound}\r\n"
    yield dataset.text(f"{folder}/acqmeth.txt", "Method GRADIENT_20MIN.M\r\nFlow 0.4 mL/min\r\n")
    for name, version, values in (
        ("DAD1A.ch", "179", points),
        ("DAD1B.ch", "179", points),
        ("DAD1.UV", "131", points * 3),
    ):
        build = partial(formats.chemstation_signal, version=version, points=values)
        size = formats.chemstation_size(values)
        yield dataset.file(f"{folder}/{name}", build, size=size, after_seconds=1200)
    yield dataset.text(
        f"{folder}/SAMPLE.XML", f"<Sample><Name>{compound}</Name></Sample>\r\n", after_seconds=2
    )
    yield dataset.text(f"{folder}/RUN.LOG", log + "3 Method completed\r\n", after_seconds=1201)
    yield dataset.text(f"{folder}/Report.TXT", f"Area% {compound} 98.7\r\n", after_seconds=1210)


def _thermo(dataset: Dataset, name: str, size: int) -> PlannedFile:
    project = dataset.rng.choice(_PROJECTS)
    build = partial(formats.thermo_raw, size=size)
    return dataset.file(f"{project}/{name}", build, size=size, after_seconds=3600)


def thermo_raw(dataset: Dataset) -> Iterator[PlannedFile]:
    """A .raw file; each fifth brings a sequence and a method beside the projects."""
    low = dataset.group.integer("min_bytes", 1_000_000)
    high = dataset.group.integer("max_bytes", 2_000_000)
    name = f"20261118_HeLa_DIA_{dataset.number + 1:03d}.raw"
    yield _thermo(dataset, name, dataset.rng.randint(low, high))
    if dataset.number % 5 == 0:
        sequence = f"sequences/batch_{dataset.number // 5 + 1:02d}"
        yield _noise(dataset, f"{sequence}.sld", 8_192)
        yield _noise(dataset, f"{sequence}.meth", 40_960)


def thermo_raw_large(dataset: Dataset) -> Iterator[PlannedFile]:
    """One long run; its size is a round number of mebibytes."""
    yield _thermo(dataset, "20261119_phospho_180min.raw", dataset.group.integer("bytes", 1 << 26))


def tem_series(dataset: Dataset) -> Iterator[PlannedFile]:
    """A session's tilt series as .dm4 frames, with a .tif of each fourth for a look."""
    side = dataset.group.integer("side", 256)
    folder = f"session_{dataset.number + 1:02d} {dataset.rng.choice(_PEOPLE)}/tilt series"
    for frame in range(dataset.group.integer("frames", 20)):
        name = f"{folder}/frame_{frame:04d}_{frame * 3 - 30:+03d}deg"
        seconds = 12.0 * frame
        build = partial(formats.dm4_image, side=side)
        yield dataset.file(f"{name}.dm4", build, after_seconds=seconds)
        if frame % 4 == 0:
            look = partial(formats.tiff_image, side=side // 2)
            size = formats.tiff_size(side // 2)
            yield dataset.file(f"{name}.tif", look, size=size, after_seconds=seconds + 1)


def _base_calls(dataset: Dataset, run: str, cycles: int) -> Iterator[PlannedFile]:
    size = dataset.group.integer("cycle_bytes", 100_000)
    lane = f"{run}/Data/Intensities/BaseCalls/L001"
    for cycle in range(1, cycles + 1):
        path, build = f"{lane}/C{cycle}.1/L001_1.cbcl", partial(formats.cbcl, size=size)
        yield dataset.file(path, build, size=size, after_seconds=60.0 * cycle)
    yield _noise(dataset, f"{run}/Data/Intensities/s.locs", 64_000)


def illumina_run(dataset: Dataset) -> Iterator[PlannedFile]:
    """A finished run folder: CopyComplete.txt is the last file written."""
    cycles = dataset.group.integer("cycles", 24)
    day = f"2611{10 + dataset.number % 15:02d}"
    run = f"{day}_VH00123_{45 + dataset.number}_AAATEST"
    end = 60.0 * cycles
    info = formats.run_info_xml(run, cycles, f"2026-11-{day[4:]}T08:00:00Z")
    yield dataset.file(f"{run}/RunInfo.xml", lambda _: info, size=len(info))
    yield dataset.text(
        f"{run}/RunParameters.xml", "<RunParameters><RunCounter>45</RunCounter></RunParameters>\n"
    )
    samples = [f"S{number + 1}" for number in range(dataset.group.integer("samples", 4))]
    sheet = "[Data]\nSample_ID,index\n" + "".join(f"{name},ACGTACGT\n" for name in samples)
    yield dataset.text(f"{run}/SampleSheet.csv", sheet)
    yield from _base_calls(dataset, run, cycles)
    for metric in ("Tile", "Quality", "Error", "Extraction"):
        path = f"{run}/InterOp/{metric}MetricsOut.bin"
        yield _noise(dataset, path, 4_096, after_seconds=end)
    for name in samples:
        build = partial(formats.fastq_gz, sample=name, reads=dataset.group.integer("reads", 1000))
        path = f"{run}/Analysis/1/Data/fastq/{name}_L001_R1_001.fastq.gz"
        yield dataset.file(path, build, after_seconds=end + 600)
    yield dataset.text(f"{run}/RTAComplete.txt", f"{day},RTA 4.30\n", after_seconds=end + 1)
    # Real ones are empty too: the name is the message.
    yield dataset.text(f"{run}/CopyComplete.txt", "", after_seconds=end + 900)


def uv_vis(dataset: Dataset) -> Iterator[PlannedFile]:
    """One spectrum, as CSV and as JCAMP-DX."""
    points = dataset.group.integer("points", 300)
    sample = f"{dataset.rng.choice(_COMPOUNDS)}_{dataset.number:04d}"
    folder = f"{dataset.rng.choice(_PEOPLE)}/2026-11"
    for suffix, make in (("csv", formats.spectrum_csv), ("jdx", formats.spectrum_jcamp)):
        build = partial(make, sample=sample, points=points)
        yield dataset.file(f"{folder}/{sample}.{suffix}", build, after_seconds=5)


def odd_names(dataset: Dataset) -> Iterator[PlannedFile]:
    """Small files whose names break naive software, and an empty one."""
    for path in names.odd_paths(dataset.protocol):
        yield _noise(dataset, path, dataset.rng.randint(1, 20_000))
    yield dataset.text("guest uploads & misc/empty file.dat", "")


_KINDS: dict[str, Callable[[Dataset], Iterator[PlannedFile]]] = {
    "bruker-nmr": bruker_nmr,
    "bruker-nmr-2d": bruker_nmr_2d,
    "chemstation": chemstation,
    "thermo-raw": thermo_raw,
    "thermo-raw-large": thermo_raw_large,
    "tem-series": tem_series,
    "illumina-run": illumina_run,
    "uv-vis": uv_vis,
    "odd-names": odd_names,
}
# There is one largest file and one set of odd names, whatever the size of the laboratory.
_UNSCALED = frozenset({"thermo-raw-large", "odd-names"})


def plan_files(spec: InstrumentSpec, *, seed: int, scale: float) -> Iterator[PlannedFile]:
    """All files of an instrument, each path once and legal for its protocol."""
    seen: set[str] = set()
    for group in spec.groups:
        kind = _KINDS.get(group.kind)
        if kind is None:
            raise BadInstrumentFile(f"{spec.slug}: no kind {group.kind!r}; known: {list(_KINDS)}.")
        for number in range(group.count if group.kind in _UNSCALED else group.scaled(scale)):
            rng = random.Random(f"{seed}/{spec.slug}/{group.kind}/{number}")
            age = rng.uniform(0.5, 9.0) * _DAY
            for file in kind(Dataset(number, age, rng, group, spec.protocol)):
                if file.path in seen or not names.is_legal(spec.protocol, file.path):
                    raise BadInstrumentFile(f"{spec.slug}: {file.path!r} is double or not legal.")
                seen.add(file.path)
                yield file
