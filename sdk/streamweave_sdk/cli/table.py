"""Tables for people: as wide as the terminal, paths shortened in the middle, ids and times whole.

Apart from `frame`, because measuring text needs a part of rich.
"""

import os
import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len

_LEAST = 12  # what may be shortened keeps so much
_GAP = "  "


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table; into a pipe or a file nothing is shortened."""
    if not rows:
        sys.stdout.write("Nothing there.\n")
        return
    whole = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    lines = [titles, *rows]
    widths = [max(cell_len(line[n]) for line in lines) for n in range(len(titles))]
    if not whole:
        _shrink(widths, titles, shutil.get_terminal_size().columns)
    for line in lines:
        cells = zip(line, widths, strict=True)
        text = _GAP.join(_padded(shorten(cell, width), width) for cell, width in cells)
        sys.stdout.write(text.rstrip() + "\n")


def _shrink(widths: list[int], titles: Sequence[str], room: int) -> None:
    """Take cells from the widest column, again and again, until the table fits or nothing gives."""
    giving = [n for n, title in enumerate(titles) if not _stays_whole(title)]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
        widest = max(giving, key=lambda n: widths[n], default=None)
        if widest is None or widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _stays_whole(title: str) -> bool:
    return title in ("id", "at") or title.endswith((" id", " at"))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def shorten(text: str, width: int) -> str:
    """Return a text of at most `width` cells; both ends of a path tell more than its middle."""
    if cell_len(text) <= width:
        return text
    head, tail = text[: len(text) // 3], text[len(text) // 3 :]
    while cell_len(head) + cell_len(tail) + 1 > width and (head or tail):
        if cell_len(head) * 2 > cell_len(tail):
            head = head[:-1]
        else:
            tail = tail[1:]
    return f"{head}…{tail}"
