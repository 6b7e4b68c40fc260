"""Hostile names are refused, harmless ones are carried byte for byte."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import CATALOGUE, StreamWeaveError
from app.transfers.anchor import anchored
from app.transfers.local import LocalSource
from app.transfers.paths import (
    dest_key,
    display,
    join,
    name_problem,
    parent,
    path_hash,
    path_problem,
)

UNSAFE = (b"", b".", b"..", b"a/b", b"/etc", b"nul\0here", b"n" * 1025)
HARMLESS = (
    b"...", b"..a", b"a..", b"-rf", b"~", b"con", b"a b", b" ", b"\xff\xfe", b"\n", b"a\\b", b"a:b",
    "ü".encode(), "u\u0308".encode(), b"%2e%2e", b"..%2f", b"$(id)", b"'; DROP TABLE", b"n" * 1024,
)  # fmt: skip
binary_paths = st.binary(min_size=1, max_size=60)


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_could_leave_its_folder_is_refused(name: bytes) -> None:
    assert name_problem(name) == "source_name_unsafe"


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_but_harmless_name_is_carried(name: bytes) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize("name", [b".streamweave", b".streamweave-0-1-1-part", b".streamweave.x"])
def test_names_of_our_own_are_reserved(name: bytes) -> None:
    assert name_problem(name) == "source_name_reserved"
    assert path_problem(b"a/" + name) == "source_name_reserved"


@pytest.mark.parametrize(
    "path", [b"", b"/a", b"a//b", b"a/", b"../a", b"a/../b", b"a/./b", b"a/..", b"x" * 4097]
)
def test_a_path_that_could_leave_the_root_is_refused(path: bytes) -> None:
    assert path_problem(path) == "source_name_unsafe"


@given(binary_paths)
def test_an_accepted_path_stays_below_its_root(path: bytes) -> None:
    if path_problem(path) is not None:
        return
    root = b"/root/of/it"
    assert os.path.normpath(join(root, path)).startswith(root + b"/")
    assert join(parent(path), path.rpartition(b"/")[2]) == path


@given(binary_paths, binary_paths)
def test_different_bytes_are_different_files(one: bytes, other: bytes) -> None:
    assert (path_hash(one) == path_hash(other)) == (one == other)
    assert (dest_key(one, case_insensitive=False) == dest_key(other, case_insensitive=False)) == (
        one == other
    )


@given(st.text(max_size=20).filter(lambda text: "\0" not in text))
def test_a_case_insensitive_storage_takes_both_cases_for_one(text: str) -> None:
    upper = text.upper()
    if upper.casefold() == text.casefold():
        one = dest_key(text.encode(errors="surrogateescape"), case_insensitive=True)
        assert one == dest_key(upper.encode(errors="surrogateescape"), case_insensitive=True)


def test_a_case_insensitive_storage_takes_both_unicode_forms_for_one() -> None:
    nfc, nfd = "ü".encode(), "u\u0308".encode()
    assert dest_key(nfc, case_insensitive=True) == dest_key(nfd, case_insensitive=True)
    assert dest_key(nfc, case_insensitive=False) != dest_key(nfd, case_insensitive=False)


@given(st.binary(max_size=40))
def test_every_name_can_be_shown_and_stored_as_text(path: bytes) -> None:
    shown = display(path)
    assert "\0" not in shown
    shown.encode("utf-8")


def test_a_link_on_the_way_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    with anchored(root) as anchor:
        anchor.directory(b"real")
        with pytest.raises(OSError) as raised:
            anchor.directory(b"link")
        assert raised.value.errno == errno.ELOOP
        with pytest.raises(OSError) as raised:
            anchor.directory(b"link/below", make=True)
        assert raised.value.errno == errno.ELOOP
    assert list(outside.iterdir()) == []


async def test_links_and_special_files_are_neither_listed_nor_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("y")
    (root / "link").symlink_to(secret)
    (root / "folder-link").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    source = LocalSource(root)
    assert [entry.name for entry in await source.list_directory(b"")] == [b"file"]
    (answer,) = await source.stat([b"link"])
    assert isinstance(answer, StreamWeaveError)
    assert answer.code in CATALOGUE
    with pytest.raises(StreamWeaveError):
        async for _ in source.read(b"link", 1):
            pass
    (answer,) = await source.stat([b"folder-link/secret"])
    assert isinstance(answer, StreamWeaveError)
