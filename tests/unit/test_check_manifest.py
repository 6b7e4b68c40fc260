"""Checksums that an instrument wrote, compared with the proven bytes."""

import hashlib
from typing import Any

import pytest

from app.hooks.builtin.check_manifest import CheckManifest
from streamweave_sdk.hooks import PostAnswer, RetryLater
from streamweave_sdk.testing import a_version, try_post_hook

CONTENT = b"counts " * 300_000
PATH = "2026/run 1/scan.raw"
MD5, SHA1, SHA256, SHA512 = (
    hashlib.new(name, CONTENT).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")
)
WRONG = "0" * 32


def _check(neighbours: dict[str, str], path: str = PATH, **config: Any) -> PostAnswer:
    version = a_version(path, sha256=SHA256, size_bytes=len(CONTENT))
    content = {place: text.encode() for place, text in neighbours.items()}
    return try_post_hook(CheckManifest, version, CONTENT, config, content)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("scan.raw.md5", MD5),
        ("scan.raw.md5", f"{MD5.upper()} *scan.raw\r\n"),
        ("scan.raw.md5", f"{MD5}  C:\\data\\run 1\\scan.raw\n"),
        ("MD5SUMS", f"# made by the instrument\n{WRONG}  other.raw\n{MD5}  ./scan.raw\n"),
        ("MD5SUMS", f"MD5 (scan.raw) = {MD5}\n"),
        ("SHA256SUMS", f"SHA256 (scan.raw) = {SHA256}\n"),
        ("SHA256SUMS", f"SHA2-256(scan.raw)= {SHA256}\n"),
        ("SHA256SUMS", f"{SHA1}  scan.raw\n"),
        ("SHA256SUMS", f"{SHA512}  scan.raw\n"),
        ("../manifest-md5.txt", f"{MD5}  run 1/scan.raw\n{WRONG}  data/other\n"),
        ("../manifest-sha256.txt", f"{SHA256} run 1/scan.raw\n"),
    ],
)
def test_a_manifest_of_any_format_is_compared(place: str, text: str) -> None:
    whole = f"2026/{place[3:]}" if place.startswith("../") else f"2026/run 1/{place}"
    answer = _check({whole: text})
    assert answer.notices == []
    manifest: Any = answer.metadata["manifest"]
    assert (manifest["matches"], manifest["checks"][0]["path"]) == (True, whole)


@pytest.mark.parametrize(
    ("path", "place", "line"),
    [
        ("a/new\nline", "a/MD5SUMS", f"\\{MD5}  new\\nline"),
        ("a/back\\slash", "a/MD5SUMS", f"\\{MD5}  back\\\\slash"),
        ("a/sub/x", "a/MD5SUMS", f"{MD5}  sub\\x"),
        ("bag/data/50%.raw", "bag/manifest-md5.txt", f"{MD5}  data/50%25.raw"),
    ],
)
def test_names_are_read_as_their_writers_mean_them(path: str, place: str, line: str) -> None:
    answer = _check({place: line}, path, manifests=["MD5SUMS", "../MD5SUMS", "../manifest-md5.txt"])
    assert answer.metadata["manifest"], answer


@pytest.mark.parametrize("digest", [WRONG, "f" * 40, "f" * 64, "f" * 128])
def test_a_difference_is_a_warning_and_stays_in_the_metadata(digest: str) -> None:
    answer = _check({"2026/run 1/MD5SUMS": f"{digest}  scan.raw\n"})
    assert (answer.notices[0].level, "not what the instrument" in answer.notices[0].text) == (
        "warning", True,
    )  # fmt: skip
    manifest: Any = answer.metadata["manifest"]
    assert (manifest["matches"], manifest["checks"][0]["digest"]) == (False, digest)


def test_one_of_two_manifests_that_differs_is_enough() -> None:
    answer = _check({
        "2026/run 1/SHA256SUMS": f"{SHA256}  scan.raw", "2026/run 1/scan.raw.md5": WRONG,
    })  # fmt: skip
    manifest: Any = answer.metadata["manifest"]
    assert ([one["matches"] for one in manifest["checks"]], len(answer.notices)) == (
        [False, True], 1,
    )  # fmt: skip


def test_a_missing_manifest_or_line_is_waited_for_shown_or_nothing() -> None:
    assert "There is no manifest" in _check({}).notices[0].text
    other = {"2026/run 1/MD5SUMS": f"{MD5}  other.raw\n"}
    assert "says nothing of" in _check(other).notices[0].text
    with pytest.raises(RetryLater, match="A manifest"):
        _check({}, when_missing="wait")
    with pytest.raises(RetryLater, match="A line for it"):
        _check(other, when_missing="wait")
    assert _check({}, when_missing="nothing") == PostAnswer()


def test_manifests_and_files_that_are_not_meant_are_left() -> None:
    assert _check({}, "a/MD5SUMS") == PostAnswer()
    assert _check({}, "a/scan.raw.md5") == PostAnswer()
    assert _check({}, files=["*.tif"]) == PostAnswer()


def test_two_foreign_files_of_one_name_are_not_taken_for_it() -> None:
    text = f"{MD5}  D:\\a\\scan.raw\n{WRONG}  D:\\b\\scan.raw\n"
    assert "says nothing of" in _check({"2026/run 1/MD5SUMS": text}).notices[0].text
