"""What all schemas share: strict input, texts without control characters, UTC times, pages."""

import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]")

# Neither database nor protocols hold control characters.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$",
    ),
]
Line = Annotated[str, Field(max_length=400, pattern=_PLAIN)]
LongLine = Annotated[str, Field(max_length=2000, pattern=_PLAIN)]
PathText = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
Prose = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Slug = Annotated[str, Field(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["tem-2"])]
Zone = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
TimeZone = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9_+/-]+$", examples=["Europe/Berlin"])
]
Email = Annotated[
    str,
    Field(
        max_length=320,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$",
        examples=["ada@lab.example"],
    ),
]


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


def _is_written_out(value: Any) -> Any:
    # pydantic also takes a number for a time; the document does not.
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.match(value)):
        return value
    raise ValueError("a time is written as in 2026-05-20T12:00:00Z")


UtcTime = Annotated[AwareDatetime, BeforeValidator(_is_written_out), AfterValidator(_in_utc)]


class Input(BaseModel):
    """A request body: unknown fields are refused, or a typo would look like success."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Patch(Input):
    """A change: only the fields that are sent count, so defaults mean nothing to the caller."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra=_without_defaults
    )

    def sent(self, *without: str) -> dict[str, Any]:
        """Return the fields that were sent."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude=set(without))


class Output(BaseModel):
    """An answer, read from the rows and views of the services."""

    model_config = ConfigDict(from_attributes=True)


class Page(Output, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


class UsedBy(Output):
    """What uses it."""

    id: uuid.UUID
    name: str


class ProblemField(BaseModel):
    """What is wrong with one field. `pointer` is a JSON pointer (RFC 6901) into the request."""

    detail: str
    pointer: str


class Problem(BaseModel):
    """An error (RFC 9457). Switch on `code`, show `detail` and `remedy`."""

    type: str = Field(examples=["/errors/not_found"])
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(examples=["not_found"])
    remedy: str
    request_id: str
    errors: list[ProblemField] | None = None


JsonObject = dict[str, Any]
