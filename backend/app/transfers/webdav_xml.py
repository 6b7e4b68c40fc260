"""What WebDAV says in XML: asked for as little as possible, read as a stream."""

from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from app.errors import StreamWeaveError
from app.transfers.file_server import Standing

Properties = dict[str, Element]
_D = "{DAV:}"
_XML = '<?xml version="1.0" encoding="utf-8"?>'
_PROPFIND = _XML + '<D:propfind xmlns:D="DAV:"><D:prop>{}</D:prop></D:propfind>'
FACTS = _PROPFIND.format(
    "<D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/>"
).encode()
QUOTA = _PROPFIND.format("<D:quota-available-bytes/><D:quota-used-bytes/>").encode()


def set_time(seconds: int) -> bytes:
    """Return a PROPPATCH of the time, as ownCloud's clients send it."""
    return (
        f'{_XML}<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>'
        f"<D:lastmodified>{seconds}</D:lastmodified>"
        "</D:prop></D:set></D:propertyupdate>"
    ).encode()


async def responses(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, Properties]]:
    """Read a multistatus: each path, without its last slash, and the properties that it has.

    Raises:
        StreamWeaveError: `storage_error` for what is no multistatus.
    """
    parser: Any = XMLPullParser(["start", "end"])
    root: Element | None = None
    try:
        async for chunk in chunks:
            parser.feed(chunk)
            for event, element in parser.read_events():
                root = element if root is None else root
                assert root is not None
                if event == "end" and element.tag == f"{_D}response":
                    yield _path(element), _properties(element)
                    root.clear()  # a folder may be very large
    except ParseError as error:
        raise StreamWeaveError(
            "storage_error", f"The server's answer is no XML: {error}"
        ) from error
    if root is None or root.tag != f"{_D}multistatus":
        raise StreamWeaveError("storage_error", "The server's answer is no WebDAV.")


def _path(response: Element) -> bytes:
    href = response.findtext(f"{_D}href", "").strip()
    return unquote_to_bytes(urlsplit(href).path).rstrip(b"/")


def _properties(response: Element) -> Properties:
    found = {}
    for propstat in response.iterfind(f"{_D}propstat"):
        if " 200" in propstat.findtext(f"{_D}status", ""):
            for element in propstat.iterfind(f"{_D}prop/*"):
                found[element.tag.removeprefix(_D)] = element
    return found


def standing(properties: Properties) -> Standing:
    """Return what the properties say of an object."""
    text = {name: (element.text or "").strip() for name, element in properties.items()}
    kind = properties.get("resourcetype")
    return Standing(
        size_bytes=int(text.get("getcontentlength") or 0),
        mtime_seconds=time_of(text.get("getlastmodified", "")),
        mark=tag_of(text.get("getetag", "")),
        is_folder=kind is not None and kind.find(f"{_D}collection") is not None,
    )


def time_of(text: str) -> int:
    """Return seconds since 1970 of a Last-Modified, 0 where there is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, IndexError):
        return 0


def tag_of(text: str) -> str:
    """Return an ETag without its dress."""
    return text.removeprefix("W/").strip('"')


def number(properties: Properties, name: str) -> int | None:
    """Return a property that is a number."""
    element = properties.get(name)
    text = (element.text or "").strip() if element is not None else ""
    return int(text) if text.isdigit() else None
