"""What a hook is given and what it may answer.

A hook is made once with its checked configuration and then asked many times, in a process of its
own. It may be asked again for the same file: what it does elsewhere must bear that.
"""

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue

NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Config(BaseModel):
    """The base of a hook's configuration; its JSON Schema makes the form."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoConfig(Config):
    """A hook without anything to configure."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)

    instrument: str = Field(description="the instrument's slug")
    path: str = Field(description="relative to the source's root, '/' between its parts")
    size_bytes: int = Field(ge=0)
    modified_at: datetime = Field(description="UTC, by the instrument's clock")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part; empty at the root."""
        return self.path.rpartition("/")[0]


class SourceFacts(_Facts):
    """A complete file on its instrument, of which nothing was copied yet."""

    asked_at: datetime = Field(description="UTC, by the server's clock: what an age is counted to")
    first_bytes: bytes = Field(default=b"", description="as many as the hook's class asks for")


class VersionFacts(_Facts):
    """A proven version of a file."""

    version: int = Field(ge=1)
    identifier: str = Field(description="the version's ARK")
    sha256: str = Field(description="64 hexadecimal digits")
    key: str = Field(description="the same whenever this hook is asked for this version again")


class Continue(BaseModel):
    """The file goes its way."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["continue"] = "continue"


class Skip(BaseModel):
    """The file is left out. `rule` names what decided, `reason` says it to people."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["skip"] = "skip"
    reason: str = Field(min_length=1, max_length=400)
    rule: str = Field(default="", max_length=100)


class Redirect(BaseModel):
    """The file goes elsewhere; what is None stays as it would be.

    `storage` is the name of the only storage location it goes to, `path` its folder there, below
    the instrument's own, and `name` its file name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["redirect"] = "redirect"
    storage: str | None = Field(default=None, min_length=1, max_length=200)
    path: str | None = Field(default=None, max_length=2000)
    name: str | None = Field(default=None, min_length=1, max_length=255)


Answer = Annotated[Continue | Skip | Redirect, Field(discriminator="kind")]


class Access(BaseModel):
    """Somebody who may see the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    email: str = Field(min_length=3, max_length=320)


class Notice(BaseModel):
    """Something that people should read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str = Field(min_length=1, max_length=2000)
    level: Literal["info", "warning"] = "info"


class Image(BaseModel):
    """A small picture of what a file holds."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )
    kind: Literal["image"] = "image"
    media_type: Literal["image/png", "image/jpeg"] = "image/png"
    data: bytes = Field(min_length=1, max_length=512 << 10)
    alt: str = Field(default="", max_length=400, description="what it shows, in words")


class Curve(BaseModel):
    """A small spectrum or chromatogram, drawn by whoever shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["curve"] = "curve"
    x: list[float] = Field(min_length=2, max_length=4000)
    y: list[float] = Field(min_length=2, max_length=4000)
    x_label: str = Field(default="", max_length=100)
    y_label: str = Field(default="", max_length=100)
    x_falls: bool = Field(default=False, description="drawn from large to small, as NMR shifts are")


Preview = Annotated[Image | Curve, Field(discriminator="kind")]


class PostAnswer(BaseModel):
    """What a hook knows of a proven version."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list, max_length=100)
    access: list[Access] = Field(default_factory=list, max_length=100)
    notices: list[Notice] = Field(default_factory=list, max_length=20)
    preview: Preview | None = None


class RetryLater(Exception):
    """Raised by a post-transfer hook: what it needs is not there now. It is asked again.

    `after_seconds` is a wish; without one the server's own schedule holds.
    """

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


class StopAsking(Exception):
    """Raised by a post-transfer hook: what it calls wants no more, whatever the file.

    The hook is asked no more until a person saves its configuration or switches it on again; what
    it was not asked meanwhile waits.
    """


class Reader(Protocol):
    """Reads the proven bytes from the nearest copy."""

    def read(self, size_bytes: int = -1, /) -> bytes:
        """Return the next bytes, all that are left when `size_bytes` is negative."""
        ...

    def seek(self, offset_bytes: int, whence: int = 0, /) -> int:
        """Read on from elsewhere, as io.IOBase.seek says."""
        ...

    def tell(self) -> int:
        """Return where the next read begins."""
        ...

    def local_path(self) -> Path:
        """Return a file of this machine with these bytes, for libraries that want a path.

        It is gone after the answer.

        Raises:
            RetryLater: no copy can be read now.
            OSError: the version is larger than the room that hooks have.
        """
        ...

    def neighbour(self, path: str, at_most_bytes: int = 1 << 20) -> bytes | None:
        """Return the newest proven bytes of another file of the instrument, None without one.

        `path` is relative to the source's root, as `VersionFacts.path` is. A file that is larger
        than `at_most_bytes` is as none.

        Raises:
            RetryLater: its copy cannot be read now.
        """
        ...


C = TypeVar("C", bound=BaseModel)


class Hook(ABC, Generic[C]):
    """What both kinds share. `name` is made from the class's when it is not set."""

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    config_model: ClassVar[type[BaseModel]] = NoConfig
    kind: ClassVar[Literal["pre_transfer", "post_transfer"]]

    def __init_subclass__(cls, **more: Any) -> None:
        """Take the configuration's model from the brackets, the name from the class."""
        super().__init_subclass__(**more)
        for base in cls.__dict__.get("__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, BaseModel):
                    cls.config_model = argument
        if not cls.__dict__.get("name"):
            cls.name = _WORD.sub("-", cls.__name__.lstrip("_")).lower()
        if not NAME.match(cls.name):
            raise TypeError(f"A hook's name is made of a-z, 0-9 and '-': '{cls.name}' is not.")

    def __init__(self, config: C) -> None:
        self.config = config
        self.log = logging.getLogger(f"streamweave.hook.{self.name}")


class PreTransfer(Hook[C]):
    """Sees a complete file before anything is copied."""

    kind = "pre_transfer"
    first_bytes: ClassVar[int] = 0  # how many of the file's bytes it wants, at most 65,536

    @abstractmethod
    def run(self, file: SourceFacts) -> Continue | Skip | Redirect:
        """Answer for one file."""

    def run_many(self, files: Sequence[SourceFacts]) -> Sequence[Continue | Skip | Redirect]:
        """Answer for a batch, one answer a file in their order; to be overridden for speed."""
        return [self.run(file) for file in files]


class PostTransfer(Hook[C]):
    """Sees a proven version. It is asked at least once, with the same `key` each time."""

    kind = "post_transfer"

    @abstractmethod
    def run(self, version: VersionFacts, reader: Reader) -> PostAnswer:
        """Answer for one version."""
