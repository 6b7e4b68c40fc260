"""Names on an SMB server: what Windows forbids goes to the private-use area and comes back.

The table is that of Linux's cifs and of Services for Macintosh (U+F001-U+F01F, U+F020-U+F029), so
that those who mount the share see the names as they were. Names that hold such characters already,
names of devices, and what no Windows server can hold are refused.
"""

from app.errors import StreamWeaveError
from app.transfers.paths import display

_LONGEST_UNITS = 255
_TO_SERVER = {number: 0xF000 + number for number in range(1, 0x20)} | {
    ord('"'): 0xF020,
    ord("*"): 0xF021,
    ord(":"): 0xF022,
    ord("<"): 0xF023,
    ord(">"): 0xF024,
    ord("?"): 0xF025,
    ord("\\"): 0xF026,
    ord("|"): 0xF027,
}
_AT_THE_END = {" ": "\uf028", ".": "\uf029"}
_FROM_SERVER = {there: here for here, there in _TO_SERVER.items()} | {0xF028: 32, 0xF029: 46}
_MAPPED = range(0xF001, 0xF02A)
_NUMBERED = {f"{name}{digit}" for name in ("COM", "LPT") for digit in "0123456789¹²³"}
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | _NUMBERED)


def to_server(path: bytes) -> str:
    """Return a path as the server is asked for it, `\\` between parts.

    Raises:
        StreamWeaveError: `storage_name_refused`.
    """
    return "\\".join(_part(part) for part in path.split(b"/")) if path else ""


def _part(name: bytes) -> str:
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(name, "it is not UTF-8") from None
    if text.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        raise _refused(name, "Windows has a device of this name")
    if text in ("", ".", "..") or "\x00" in text:
        raise _refused(name, "it is no name")
    if any(ord(character) in _MAPPED for character in text):
        raise _refused(name, "it has a character that stands for a forbidden one")
    mapped = text.translate(_TO_SERVER)
    if (last := _AT_THE_END.get(mapped[-1])) is not None:
        mapped = mapped[:-1] + last
    if len(mapped.encode("utf-16-le")) > 2 * _LONGEST_UNITS:
        raise _refused(name, f"it has more than {_LONGEST_UNITS} UTF-16 units")
    return mapped


def _refused(name: bytes, why: str) -> StreamWeaveError:
    return StreamWeaveError("storage_name_refused", f"{display(name)}: {why}.")


def from_server(name: str) -> bytes:
    """Return a name as it was before it went to the server."""
    return name.translate(_FROM_SERVER).encode("utf-8", "surrogatepass")
