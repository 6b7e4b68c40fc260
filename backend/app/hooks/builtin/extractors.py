"""What extractors share: libraries that are an extra, bounds of what is found, clear failures.

A file comes from anywhere. Here the number and size of what is kept are bounded, and each extractor
looks at sizes before it reads. Time and memory of the libraries themselves are bounded by the
hook's process: what explodes there ends that process alone.
"""

import io
import os
import signal
import threading
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import Field, JsonValue, model_validator

from app.hooks.builtin.bounds import Bounded
from app.hooks.builtin.patterns import Glob, fits_glob
from streamweave_sdk.hooks import (
    Config,
    Curve,
    Image,
    Notice,
    PostAnswer,
    PostTransfer,
    Reader,
    RetryLater,
    VersionFacts,
)

EXTRA = "streamweave-server[extractors]"
MOST_PREVIEW_BYTES = 64 << 20  # of what is read and decoded for a picture


class CannotExtract(Exception):
    """A file is not of its format, is damaged, or asks for more than it may."""


def files_field(*globs: str) -> Any:
    """Return the field that says which files are looked at, these when nothing else is said."""
    return Field(
        default=list(globs), min_length=1, max_length=100,
        description="which files are looked at, large letters as small",
    )  # fmt: skip


def under_field(name: str) -> Any:
    """Return the field that says where metadata goes."""
    return Field(
        default=name, max_length=100, description="a metadata field that holds all; empty: none"
    )


class ExtractorConfig(Config):
    """Which files are looked at, and where what they say goes."""

    needs: ClassVar[tuple[str, ...]] = ()

    files: list[Glob] = files_field()
    under: str = under_field("")
    preview: bool = Field(default=True, description="also make a small picture")
    most_values: int = Field(default=500, ge=1, le=2000, description="of metadata")
    most_seconds: float = Field(
        default=25, gt=0, le=600, description="for one file, without what reading takes"
    )

    @model_validator(mode="after")
    def _has_its_libraries(self) -> "ExtractorConfig":
        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            raise ValueError(
                f"The library {' and '.join(missing)} is not installed on the server: install "
                f"'{EXTRA}'."
            )
        return self


@dataclass
class Found:
    """What an extractor found so far."""

    bounded: Bounded
    metadata: dict[str, JsonValue] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    preview: Image | Curve | None = None

    def add(self, name: str, value: object) -> None:
        """Keep a value, within the bounds; None is nothing to keep."""
        if value is not None and not (isinstance(value, str) and not value):
            self.bounded.add(self.metadata, name, value)

    def no_preview(self, reason: str) -> None:
        """Tell why there is no picture."""
        self.notices.append(Notice(text=f"No preview: {reason:.1500}"))


E = TypeVar("E", bound=ExtractorConfig)


class Extractor(PostTransfer[E]):
    """Reads what a file says of itself with the library of its field."""

    format: ClassVar[str] = "file"

    def __init__(self, config: E) -> None:
        super().__init__(config)
        # Each thread of it takes tens of MiB of the bound of memory.
        for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ.setdefault(variable, "1")

    @abstractmethod
    def extract(self, version: VersionFacts, reader: Reader, found: Found) -> None:
        """Put what the file says into `found`; any exception means that it cannot be read."""

    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Answer what the file says; one that cannot be read is a failure with its cause."""
        path = version.path.lower()
        if not any(fits_glob(glob.lower(), path) for glob in self.config.files):
            return PostAnswer()
        found = Found(Bounded(most_nodes=self.config.most_values))
        clock = Clock(self.config.most_seconds)
        with told_as(self.format, version.path):
            for library in self.config.needs:
                # Before the clock runs: one that is broken off while it is loaded stays broken.
                import_module(library)
        with (
            told_as(self.format, version.path),
            clock.running(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # of the library's own: nobody here can act on them
            self.extract(version, _Timed(reader, clock), found)
        metadata = found.metadata
        if self.config.under and metadata:
            metadata = {self.config.under: metadata}
        notices = [*found.notices, *found.bounded.notices()]
        return PostAnswer(metadata=metadata, notices=notices[:20], preview=found.preview)


@contextmanager
def told_as(format: str, path: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into one clear failure.

    Raises:
        CannotExtract: the file cannot be read.
        RetryLater: no copy of it can be read now.
        MemoryError: what is left of memory is not to be trusted.
    """
    try:
        yield
    except (RetryLater, MemoryError):
        raise
    except CannotExtract as error:
        raise CannotExtract(f"'{path:.500}' cannot be read as {format}: {error}") from error
    except Exception as error:  # a library may fail in any way on a damaged file
        cause = f"{type(error).__name__}: {error!s:.500}"
        raise CannotExtract(f"'{path:.500}' cannot be read as {format}: {cause}") from error


class Clock:
    """Stops what takes too long, where this is the main thread as in a hook's process.

    It stands still while the reader reads: that waits for a storage, and what it says over the
    process's pipe must not be broken off. A library that does not come back from its own machine
    code is ended with the process.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._runs = threading.current_thread() is threading.main_thread()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run while the block does.

        Raises:
            CannotExtract: it took longer.
        """
        if not self._runs:
            yield
            return
        before = signal.signal(signal.SIGALRM, self._stop)
        left, every = signal.setitimer(signal.ITIMER_REAL, self._seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            if left:  # somebody else's clock goes on
                signal.setitimer(signal.ITIMER_REAL, left, every)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Stand still while the block runs."""
        if not self._runs:
            yield
            return
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))

    def _stop(self, *_: object) -> None:
        raise CannotExtract(f"it takes longer than {self._seconds:g} s.")


class _Timed:
    """A reader during whose calls the clock stands still."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    def read(self, size_bytes: int = -1, /) -> bytes:
        with self._clock.standing():
            return self._reader.read(size_bytes)

    def seek(self, offset_bytes: int, whence: int = 0, /) -> int:
        with self._clock.standing():
            return self._reader.seek(offset_bytes, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def local_path(self) -> Path:
        with self._clock.standing():
            return self._reader.local_path()

    def neighbour(self, path: str, at_most_bytes: int = 1 << 20) -> bytes | None:
        with self._clock.standing():
            return self._reader.neighbour(path, at_most_bytes)


class AsFile(io.RawIOBase):
    """A reader as the file object that libraries want; nothing is copied to disk."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        reader.seek(0)

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there are bytes."""
        content = self._reader.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Read on from elsewhere."""
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._reader.tell()


def buffered(reader: Reader) -> io.BufferedReader:
    """Return a buffered file of a reader's bytes."""
    return io.BufferedReader(AsFile(reader), buffer_size=1 << 18)
