"""Values chosen from a tree: JSON pointers (`/a/0/b`) or dotted paths (`a.0.b`), with types."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from streamweave_sdk.hooks import Config

_MISSING = object()
Type = Literal["as it is", "text", "integer", "number", "truth"]
_TRUTHS = {"true": True, "yes": True, "1": True, "on": True,
           "false": False, "no": False, "0": False, "off": False}  # fmt: skip


class NotOfThatType(ValueError):
    """A chosen value is not of the type that the configuration says."""


def _is_pointer(text: str) -> str:
    if text.startswith("/") and any(
        after not in "01" for part in text.split("~")[1:] for after in (part[:1] or "x")
    ):
        raise ValueError("In a JSON pointer '~0' is '~' and '~1' is '/'.")
    return text


Pointer = Annotated[
    str,
    Field(
        max_length=400, examples=["/sample/name", "sample.name", "scans.0.@id"],
        description="a JSON pointer, or names and numbers with dots between; empty for the whole",
    ),
    AfterValidator(_is_pointer),
]  # fmt: skip


class Chosen(Config):
    """A value of a document, and the metadata field that it becomes."""

    name: str = Field(min_length=1, max_length=100, description="the metadata field")
    at: Pointer
    type: Type = Field(default="as it is", description="what it is turned into")

    def of(self, tree: Any) -> tuple[bool, Any]:
        """Return whether the tree has it, and its value.

        Raises:
            NotOfThatType: it has another.
        """
        found = _followed(tree, _parts(self.at))
        if found is _MISSING:
            return False, None
        return True, _turned(self.type, found, self.at)


def _parts(pointer: str) -> list[str]:
    if not pointer:
        return []
    if pointer.startswith("/"):
        return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    return pointer.split(".")


def _followed(tree: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if isinstance(tree, Mapping) and part in tree:
            tree = tree[part]
        elif (
            isinstance(tree, list)
            and part.isascii()
            and part.isdigit()
            and int(part[:9]) < len(tree)
        ):
            tree = tree[int(part[:9])]
        else:
            return _MISSING
    return tree


def _turned(kind: Type, value: Any, at: str) -> Any:
    if kind == "as it is" or value is None:
        return value
    try:
        if kind == "text":
            return value if isinstance(value, str) else str(value)
        if kind == "integer":
            return int(str(value).strip()[:40])
        if kind == "number":
            return float(str(value).strip()[:400].replace(",", "."))
        return value if isinstance(value, bool) else _TRUTHS[str(value).strip().lower()]
    except (ValueError, KeyError) as error:
        raise NotOfThatType(f"'{str(value)[:100]}' at '{at}' is no {kind}.") from error
