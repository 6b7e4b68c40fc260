"""A name comes out as it went in, or is refused; it never becomes another one."""

import unicodedata

import pytest

from app.errors import StreamWeaveError
from app.transfers.base import Storage
from tests.integration.conformance.acts import deliver, durable, everything, target, write
from tests.integration.conformance.places import OWN, Destination, Place

NAMES = {
    "blanks": b"a file with  two blanks.raw",
    "leading blank": b" leading.raw",
    "trailing blank": b"trailing.raw ",
    "trailing dot": b"trailing.raw.",
    "trailing dots in a folder": b"folder./file",
    "hidden": b".hidden",
    "colon": b"12:30:59.raw",
    "forbidden on Windows": b'a\\b?c*d<e>f|g"h',
    "percent and hash": b"50%25 of #1 & more;a=b?c",
    "tilde": b"ABCDEF~1.TXT",
    "newline and tab": b"a\nb\tc",
    "control characters": b"bell\x07 escape\x1b delete\x7f",
    "umlaut, composed": unicodedata.normalize("NFC", "Müller.raw").encode(),
    "umlaut, decomposed": unicodedata.normalize("NFD", "Müller.raw").encode(),
    "beyond the plane": "sample 🧪.raw".encode(),
    "private use": "a\uf022b\uf029.raw".encode(),
    "full width": "a：b．raw".encode(),
    "control pictures": "a\u240ab‛.raw".encode(),
    "not UTF-8": b"caf\xe9.raw",
    "half a character": b"a\xf0\x9f.raw",
    "device": b"CON",
    "device with extension": b"com1.raw",
    "device as a folder": b"NUL/file.raw",
    "255 bytes": b"n" * 251 + b".raw",
    "255 bytes of umlauts": ("ä" * 125).encode() + b".raw1",
    "256 bytes": b"n" * 252 + b".raw",
    "deep": b"/".join([b"folder"] * 40) + b"/file",
}


@pytest.mark.parametrize("name", list(NAMES))
async def test_name_is_kept_exactly_or_refused(
    storage: Storage, place: Place, destination: Destination, name: str
) -> None:
    if name in destination.names_it_changes:
        return
    path = b"names/" + NAMES[name]
    try:
        await deliver(storage, path, b"content")
    except StreamWeaveError as error:
        assert error.code in destination.name_errors, error
        if name in destination.names_it_changes:
            return
        standing: set[bytes] = set()
    else:
        assert await everything(storage, path) == b"content"
        assert await place.content(path) == b"content"
        standing = {path}
    assert {path for path in await place.paths() if not path.startswith(OWN)} == standing


ORDINARY = ("blanks", "leading blank", "hidden", "percent and hash", "deep")
ORDINARY_TOO = ("umlaut, composed", "umlaut, decomposed", "beyond the plane", "colon", "255 bytes")


@pytest.mark.parametrize("name", [*ORDINARY, *ORDINARY_TOO])
async def test_ordinary_name_is_not_refused(storage: Storage, name: str) -> None:
    await deliver(storage, b"names/" + NAMES[name], b"content")


SAME_TO_SOME = {
    "case": (b"names/File.RAW", b"names/file.raw"),
    "case of a folder": (b"Names/file", b"names/file"),
    "composition": (NAMES["umlaut, composed"], NAMES["umlaut, decomposed"]),
}


@pytest.mark.parametrize("kind", list(SAME_TO_SOME))
async def test_name_that_some_take_for_another_overwrites_nothing(
    storage: Storage, place: Place, kind: str
) -> None:
    pair = SAME_TO_SOME[kind]
    await deliver(storage, pair[0], b"the first")
    aim = target(pair[1])
    async with storage.batch() as batch:
        await write(batch, aim, b"another one")
        await durable(batch, aim)
        published = await batch.publish(aim)
        await batch.remove_temporary(aim)
    assert await everything(storage, pair[0]) == b"the first"
    kept = [path for path in await place.paths() if not path.startswith(OWN)]
    if published is not None:
        assert not storage.capabilities.case_insensitive or kind == "composition"
        assert await everything(storage, pair[1]) == b"another one"
        assert len(kept) == 2
    else:
        assert len(kept) == 1
