"""Path templates: a fixed set of fields, checked when saved, no way out of the storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import StreamWeaveError
from app.harvest.template import PathFacts, parse_template
from app.transfers.paths import path_problem

MARCH_NS = 1_710_000_000_000_000_000  # 2024-03-09 16:00:00 UTC
PARTS = st.binary(min_size=1, max_size=20).filter(
    lambda part: b"/" not in part and path_problem(part) is None
)
PATHS = st.lists(PARTS, min_size=1, max_size=5).map(b"/".join)


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{instrument}/{acquired:%Y/%m}/{path}", b"tem-2/2024/03/run 7/grid.007.dm4"),
        ("{path}", b"run 7/grid.007.dm4"),
        ("flat/{name}", b"flat/grid.007.dm4"),
        ("{folder}/{suffix}/{stem}.{suffix}", b"run 7/dm4/grid.007.dm4"),
        ("{acquired:%Y-%m-%dT%H%M%S}_{name}", b"2024-03-09T160000_grid.007.dm4"),
    ],
)
def test_a_template_makes_a_path(template: str, made: bytes) -> None:
    facts = PathFacts("tem-2", b"run 7/grid.007.dm4", MARCH_NS)
    assert parse_template(template).render(facts) == made


def test_a_file_without_folder_leaves_no_empty_part() -> None:
    assert parse_template("{folder}/{name}").render(PathFacts("x", b"a", 0)) == b"a"


@pytest.mark.parametrize(
    "template",
    [
        "", "constant", "{instrument}", "{path!r}", "{path:>10}", "{acquired}/{path}",
        "{acquired:%s}/{path}", "{acquired:%Y%Z}/{path}", "/{path}", "{path}/", "../{path}",
        "a//{path}", ".streamweave/{path}", ".{name}", "{path.__class__}", "{0}", "{", "{path[0]}",
        "a\\{path}", "{secret}{path}", "x" * 500 + "{path}", "{unknown}/{path}",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(template: str) -> None:
    with pytest.raises(StreamWeaveError, match="template_invalid"):
        parse_template(template)


@given(PATHS, st.integers(-(2**62), 2**62))
def test_no_path_leaves_the_storage(path: bytes, mtime_ns: int) -> None:
    facts = PathFacts("tem", path, mtime_ns)
    for text in ("{instrument}/{acquired:%Y}/{path}", "{folder}/{stem}.{suffix}", "x{name}"):
        assert path_problem(parse_template(text).render(facts)) is None
