"""Small documents read into plain trees: JSON, YAML, XML, INI, CSV. They come from anywhere.

Refused: entities (XML), merged keys (YAML), nesting without end. Aliases of YAML are followed only
as far as the bounds of what is kept (`bounds.py`).
"""

import codecs
import configparser
import csv
import io
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal
from xml.parsers import expat

Format = Literal["json", "yaml", "xml", "ini", "csv"]
SUFFIXES: dict[str, Format] = {
    "json": "json", "yaml": "yaml", "yml": "yaml", "xml": "xml", "ini": "ini", "cfg": "ini",
    "csv": "csv", "tsv": "csv",
}  # fmt: skip
_DEEPEST = 50
_MOST_ROWS = 100_000
_MOST_COLUMNS = 2000


class NotReadable(ValueError):
    """A document is not of its format, or one that nobody should read."""


def read_document(content: bytes, format: Format) -> Any:
    """Return the tree: mappings, lists and scalars; of a CSV a list of mappings.

    Raises:
        NotReadable: it is not of this format.
    """
    if format == "xml":
        return _read_xml(content)
    readers: dict[Format, Callable[[str], Any]] = {
        "json": _read_json, "yaml": _read_yaml, "ini": _read_ini, "csv": _read_csv,
    }  # fmt: skip
    try:
        return readers[format](_decoded(content))
    except RecursionError as error:
        raise NotReadable(f"It is no {format.upper()}: it is nested too deeply.") from error
    except (ValueError, configparser.Error, csv.Error) as error:
        raise NotReadable(f"It is no {format.upper()}: {str(error)[:300]}") from error


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # what old programs write; every byte is a character


def _read_json(text: str) -> Any:
    return json.loads(text, parse_constant=lambda _: None)


@lru_cache(1)
def _loader() -> Any:
    import yaml  # the other formats, and the other hooks, do without it

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Makes plain values only, and merges no keys: merges of merges grow without end."""

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            for key, _ in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    raise yaml.YAMLError("merged keys ('<<') are not read")

    return Loader


def _read_yaml(text: str) -> Any:
    import yaml

    depth = 0
    try:
        # Looked at first: the loader goes down by recursion, outside Python's own bound of it.
        for event in yaml.parse(text, Loader=_loader()):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise NotReadable("it is nested too deeply.")
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _read_ini(text: str) -> dict[str, Any]:
    parser = configparser.RawConfigParser(
        strict=False, allow_no_value=True, default_section="\0", interpolation=None
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their letters
    parser.read_string("[\1]\n" + text)  # what stands before the first section is at the root
    tree: dict[str, Any] = dict(parser["\1"])
    for section in parser.sections():
        if section != "\1":
            tree[section] = dict(parser[section])
    return tree


def _read_csv(text: str) -> list[dict[str, str]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [name.strip() for name in next(rows, [])]
    if not header or len(header) > _MOST_COLUMNS:
        raise NotReadable(f"Its first line has {len(header)} columns.")
    found: list[dict[str, str]] = []
    for row in rows:
        if len(found) == _MOST_ROWS:
            raise NotReadable(f"It has more than {_MOST_ROWS:,} rows.")
        if row:
            found.append({n: v.strip() for n, v in zip(header, row, strict=False) if n})
    return found


class _Element:
    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.children: dict[str, list[Any]] = {f"@{n}": [v] for n, v in attributes.items()}
        self.texts: list[str] = []

    def plain(self) -> Any:
        text = "".join(self.texts).strip()
        if not self.children:
            return text
        made = {name: all_[0] if len(all_) == 1 else all_ for name, all_ in self.children.items()}
        return {**made, "#text": text} if text else made


class _Tree:
    """Builds mappings of an XML document: `@name` is an attribute, `#text` what stands beside."""

    def __init__(self) -> None:
        self._open = [_Element("", {})]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            raise NotReadable("It is no XML to read: it is nested too deeply.")
        local = {_local(n): v for n, v in attributes.items()}
        self._open.append(_Element(_local(name), local))

    def end(self, _: str) -> None:
        done = self._open.pop()
        self._open[-1].children.setdefault(done.name, []).append(done.plain())

    def text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def plain(self) -> Any:
        return self._open[0].plain()


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse(*_: object) -> int:
    raise NotReadable("It is no XML to read: it declares entities.")


def _read_xml(content: bytes) -> Any:
    tree = _Tree()
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.EntityDeclHandler = _refuse
    parser.UnparsedEntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, UnicodeDecodeError, LookupError) as error:
        raise NotReadable(f"It is no XML: {error}.") from error
    return tree.plain()
