"""Metadata and tags from paths and names, by named patterns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.hooks.builtin.named_patterns import compiled_template
from app.hooks.builtin.path_metadata import PathMetadata
from app.hooks.builtin.patterns import PatternTooSlow
from app.hooks.builtin.templates import PathOutside, beside
from streamweave_sdk.hooks import PostAnswer
from streamweave_sdk.testing import a_version, try_post_hook

RUN = {"name": "run", "template": "{sample}_{run:int}_{date:%Y%m%d}.raw", "tags": ["run-{run}"]}


def _read(path: str, *patterns: dict[str, Any], **more: Any) -> PostAnswer:
    return try_post_hook(PathMetadata, a_version(path), config={"patterns": patterns, **more})


def test_a_template_reads_typed_values_and_names_itself() -> None:
    answer = _read("2026/gold_a_0012_20260520.raw", RUN)
    assert answer.metadata == {
        "sample": "gold_a", "run": 12, "date": "2026-05-20", "pattern": "run",
    }  # fmt: skip
    assert answer.tags == ["run-12"]


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("{group}/{sample}/*_{n:int}.tif", "agmoss/s1/scan_7.tif", {"group": "agmoss", "n": 7}),
        ("{group}/**/{name_}.tif", "agmoss/a/b/c.tif", {"group": "agmoss", "name_": "c"}),
        ("{group}/**/{name_}.tif", "agmoss/c.tif", {"group": "agmoss", "name_": "c"}),
        ("{sample}/{sample}.raw", "s1/s1.raw", {"sample": "s1"}),
        ("{sample}/{sample}.raw", "s1/s2.raw", None),
        ("{t:float}K.dat", "a/-2.5e1K.dat", {"t": -25.0}),
        ("{at:%Y%m%dT%H%M%S}.raw", "20260520T101112.raw", {"at": "2026-05-20T10:11:12"}),
        ("{at:%Y%m%d}.raw", "20261399.raw", None),
        ("{{{x}}}", "{1}", {"x": "1"}),
        ("{x}.raw", "a.raw\n", None),
    ],
)
def test_templates(template: str, path: str, found: dict[str, Any] | None) -> None:
    metadata = _read(path, {"name": "p", "template": template}).metadata
    if found is None:
        assert metadata == {}
    else:
        assert metadata.items() >= found.items()


def test_an_expression_has_named_groups_with_types() -> None:
    pattern = {
        "name": "old names", "regex": r"^(?P<who>[a-z]+)/(?P<n>\d+)(?:_(?P<note>\w+))?\.raw$",
        "types": {"n": "int"}, "metadata": {"era": "2019"}, "tags": ["n{n}", "note-{note}"],
    }  # fmt: skip
    answer = _read("kim/0042.raw", pattern)
    assert answer.metadata == {"who": "kim", "n": 42, "era": "2019", "pattern": "old names"}
    assert answer.tags == ["n42"]


def test_the_first_that_fits_decides_or_all_do() -> None:
    user = {"name": "user", "template": "{user}/**"}
    file = {"name": "file", "template": "{sample}.raw", "metadata": {"user": "nobody"}}
    assert _read("kim/s.raw", user, file).metadata == {"user": "kim", "pattern": "user"}
    both = _read("kim/s.raw", user, file, take="all")
    assert both.metadata == {"user": "kim", "sample": "s", "pattern": ["user", "file"]}


def test_no_fit_is_shown_when_asked_for() -> None:
    assert _read("x.tmp", RUN) == PostAnswer()
    (notice,) = _read("x.tmp", RUN, none_fits="notice").notices
    assert (notice.level, notice.text) == ("warning", "No pattern fits 'x.tmp'.")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ({"name": "x"}, "either a template or"),
        ({"name": "x", "template": "{a:bool}"}, "is no type"),
        ({"name": "x", "template": "{a:%Q}"}, "is no part of a date"),
        ({"name": "x", "template": "{a.b}"}, "is no field"),
        ({"name": "x", "template": "{a!r}"}, "is no field"),
        ({"name": "x", "template": "{a"}, "expected '}'"),
        ({"name": "x", "template": "plain.raw"}, "at least one field"),
        ({"name": "x", "regex": "("}, "no regular expression"),
        ({"name": "x", "regex": "abc"}, "no named group"),
        ({"name": "x", "regex": "(?P<a>b)", "types": {"c": "int"}}, "no group 'c'"),
        ({"name": "x", "template": "{a}", "tags": ["{a.__class__!s}"]}, "a name alone"),
        ({"name": "x", "template": "{a}", "tags": ["{modified:%999999Y}"]}, "no format of a time"),
    ],
)
def test_what_cannot_be_meant_is_refused(pattern: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        _read("x", pattern)


def test_an_exploding_expression_is_stopped_by_time() -> None:
    with pytest.raises(PatternTooSlow):
        _read("a" * 60 + "!", {"name": "bomb", "regex": r"^(?P<x>(a|aa|a?)+)$"})


@given(st.text(alphabet="ab{}*?/.:%\\[](", max_size=20))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        compiled_template(text)
    except ValueError:
        return
    answer = try_post_hook(PathMetadata, a_version("a/b.a"), config={
        "patterns": [{"name": "any", "template": text}],
    })  # fmt: skip
    assert answer.metadata.get("pattern") in (None, "any")


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{stem}.json", "2026/a/scan.json"),
        ("../{stem}.json", "2026/scan.json"),
        ("/meta/{name}.xml", "meta/scan.tif.xml"),
        ("{modified:%Y}.csv", "2026/a/2026.csv"),
    ],
)
def test_a_neighbour_is_named_beside_the_file_or_from_the_root(template: str, path: str) -> None:
    assert beside(template, a_version("2026/a/scan.tif")) == path


def test_a_neighbour_outside_is_refused() -> None:
    for template in ("../../../x", "/../x", "/"):
        with pytest.raises(PathOutside):
            beside(template, a_version("2026/a/scan.tif"))
