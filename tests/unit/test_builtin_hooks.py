"""The built-in hooks before a transfer, tried with the kit that authors have."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from app.hooks.builtin.file_filter import FileFilter
from app.hooks.builtin.patterns import PatternTooSlow, fits_glob
from app.hooks.builtin.redirect import RedirectFiles
from streamweave_sdk.hooks import Continue, Redirect, Skip
from streamweave_sdk.testing import a_file, make_hook, try_hook


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("*.tmp", "a/b/c.tmp", True),
        ("*.tmp", "a/b/c.tmp.raw", False),
        ("a/*.tif", "a/b.tif", True),
        ("a/*.tif", "a/b/c.tif", False),
        ("a/**", "a/b/c.tif", True),
        ("**/dark/*", "x/y/dark/1.tif", True),
        ("**/dark/*", "dark/1.tif", True),
        ("scan_?.(1).tif", "scan_7.(1).tif", True),
        ("*.tif", "new\nline.tif", True),
    ],
)
def test_globs_fit_names_or_paths(glob: str, path: str, fits: bool) -> None:
    assert fits_glob(glob, path) is fits


def _filter(path: str, *rules: dict[str, Any], **more: Any) -> Any:
    facts = {k: more.pop(k) for k in ("size_bytes", "modified_at") if k in more}
    return try_hook(FileFilter, a_file(path, **facts), {"rules": list(rules), **more})


def test_the_first_rule_that_fits_decides_and_is_named() -> None:
    keep = {"name": "keep", "action": "include", "globs": ["important*"]}
    drop = {"name": "temporary", "globs": ["*.tmp"]}
    assert _filter("important.tmp", keep, drop) == Continue()
    assert _filter("other.tmp", keep, drop) == Skip(
        rule="temporary", reason="The rule 'temporary' leaves it out."
    )
    assert _filter("other.raw", keep, drop) == Continue()
    assert _filter("other.raw", keep, drop, otherwise="exclude").rule == "otherwise"


def test_size_age_and_expression_narrow_a_rule() -> None:
    large = {"name": "large", "min_size_bytes": 500}
    assert _filter("a", large, size_bytes=499) == Continue()
    assert _filter("a", large, size_bytes=500).rule == "large"
    old = {"name": "old", "min_age_seconds": 3600}
    assert _filter("a", old, modified_at=datetime(2026, 5, 20, 10, tzinfo=UTC)).rule == "old"
    assert _filter("a", old, modified_at=datetime(2026, 5, 20, 11, 30, tzinfo=UTC)) == Continue()
    assert _filter("run12/x", {"name": "runs", "regex": r"^run\d+/"}).rule == "runs"


def test_what_cannot_be_meant_is_refused_with_its_field() -> None:
    with pytest.raises(ValidationError, match=r"rules\.0\.regex"):
        _filter("a", {"name": "broken", "regex": "("})
    with pytest.raises(ValidationError, match="needs a condition"):
        _filter("a", {"name": "nothing"})
    with pytest.raises(ValidationError, match="is no field here"):
        try_hook(RedirectFiles, a_file(), {"targets": [{"globs": ["*"], "path": "{secret}"}]})


def test_an_exploding_expression_is_stopped_by_time() -> None:
    with pytest.raises(PatternTooSlow):
        _filter("a" * 60 + "!", {"name": "bomb", "regex": r"^(a|aa|a?)+$"})


def test_files_are_redirected_by_path_and_time() -> None:
    target = {
        "globs": ["raw/**"], "storage": "archive-2",
        "path": "{modified:%Y}/{folder}", "name": "{instrument}-{stem}.{suffix}",
    }  # fmt: skip
    config = {"targets": [target]}
    assert try_hook(RedirectFiles, a_file("raw/x/s.tif"), config) == Redirect(
        storage="archive-2", path="2026/raw/x", name="tem-2-s.tif"
    )
    assert try_hook(RedirectFiles, a_file("other/s.tif"), config) == Continue()


def test_files_are_redirected_by_what_their_path_says() -> None:
    config = {
        "patterns": [
            {"name": "run", "template": "{project}_{operator:word}_{run:int}.raw"},
            {"name": "old", "regex": r"^(?P<project>[^/]+)/\d+\.dat$"},
        ],
        "targets": [
            {"globs": ["**"], "where": {"project": "secret*"}, "storage": "Vault"},
            {"globs": ["**"], "path": "by project/{project}", "name": "{run}.raw"},
            {"globs": ["**"], "path": "by project/{project}"},
        ],
    }
    answers = [
        try_hook(RedirectFiles, a_file(path), config)
        for path in ("x/secret7_ada_1.raw", "x/alpha_ada_0012.raw", "beta/1.dat", "nothing.txt")
    ]
    assert [a.model_dump(exclude_none=True, exclude={"kind"}) for a in answers] == [
        {"storage": "Vault"},
        {"path": "by project/alpha", "name": "12.raw"},
        {"path": "by project/beta"},
        {},
    ]


@pytest.mark.parametrize(
    "target",
    [{"globs": ["*"], "path": "{project}"}, {"globs": ["*"], "where": {"who": "*"}, "path": "a"}],
)
def test_a_redirect_by_a_field_that_no_pattern_reads_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is no field here"):
        make_hook(RedirectFiles, {"targets": [target]})
