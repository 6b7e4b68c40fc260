"""Metadata from files beside the data, of every format, hostile ones too."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.hooks.builtin import patience
from app.hooks.builtin.bounds import Bounded
from app.hooks.builtin.documents import Format, NotReadable, read_document
from app.hooks.builtin.pointers import NotOfThatType
from app.hooks.builtin.sidecar_metadata import SidecarMetadata
from streamweave_sdk.hooks import PostAnswer, RetryLater
from streamweave_sdk.testing import ReaderOf, a_version, make_hook, try_post_hook

FIELDS = [
    {"name": "sample", "at": "sample.name"},
    {"name": "voltage_kv", "at": "/beam/kV", "type": "number"},
]
DOCUMENTS: dict[Format, str] = {
    "json": '{"sample": {"name": "gold"}, "beam": {"kV": 300}}',
    "yaml": "sample: {name: gold}\nbeam:\n  kV: 300\n",
    "xml": "<run xmlns='urn:x'><sample><name>gold</name></sample><beam kV='300'/></run>",
    "ini": "[sample]\nname = gold\n[beam]\nkV = 300\n",
    "csv": "sample.name;kV\ngold;300\n",
}


def _read(sidecar: dict[str, Any], neighbours: dict[str, str | bytes], **more: Any) -> PostAnswer:
    content = {p: c.encode() if isinstance(c, str) else c for p, c in neighbours.items()}
    config = {"sidecar": sidecar, **more}
    version = a_version("2026/scan.tif")
    return try_post_hook(SidecarMetadata, version, b"", config, content)


@pytest.mark.parametrize("kind", ["json", "yaml", "ini"])
def test_chosen_fields_become_metadata(kind: Format) -> None:
    answer = _read({"paths": [f"{{stem}}.{kind}"]}, {f"2026/scan.{kind}": DOCUMENTS[kind]},
                   fields=FIELDS, tags=["sample"])  # fmt: skip
    assert answer.metadata == {"sample": "gold", "voltage_kv": 300}
    assert answer.tags == ["gold"]
    assert answer.notices == []


def test_attributes_and_texts_of_xml_have_places() -> None:
    fields = [{"name": "s", "at": "/run/sample/name"}, {"name": "kv", "at": "/run/beam/@kV"}]
    answer = _read({"paths": ["{name}.xml"]}, {"2026/scan.tif.xml": DOCUMENTS["xml"]},
                   fields=fields)  # fmt: skip
    assert answer.metadata == {"s": "gold", "kv": "300"}
    assert read_document(b"<a b='1'>x<c/>y<c>z</c></a>", "xml") == {
        "a": {"@b": "1", "c": ["", "z"], "#text": "xy"}
    }


def test_a_table_has_a_row_for_each_file() -> None:
    table = "file,sample,n\nother.tif,iron,1\nscan.tif,gold,2\n"
    sidecar = {"paths": ["/lists/{folder}.csv"], "row_column": "file"}
    answer = _read(sidecar, {"lists/2026.csv": table},
                   fields=[{"name": "n", "at": "n", "type": "integer"}])  # fmt: skip
    assert answer.metadata == {"n": 2}
    (notice,) = _read(sidecar, {"lists/2026.csv": "file,n\nx,1\n"}).notices
    assert "has no row for it" in notice.text
    assert _read({"paths": ["a.csv"]}, {"2026/a.csv": "a\tb\n1\t2\n"}).metadata == {
        "a": "1", "b": "2",
    }  # fmt: skip


def test_without_fields_everything_is_taken_within_bounds() -> None:
    answer = _read(
        {"paths": ["{stem}.json"]}, {"2026/scan.json": DOCUMENTS["json"]}, under="sidecar"
    )
    assert answer.metadata == {"sidecar": json.loads(DOCUMENTS["json"])}
    much = json.dumps({f"k{i}": "x" * 50 for i in range(10_000)})
    answer = _read({"paths": ["{stem}.json"]}, {"2026/scan.json": much})
    assert 1000 < len(answer.metadata) < 3000
    assert "left out" in answer.notices[0].text


@pytest.mark.parametrize("text", ["\U0001f600" * 3000, "é" * 4000, '"' * 4000, "\0\ud800x" * 900])
def test_what_is_kept_stays_small_in_json_too(text: str) -> None:
    plain = Bounded().plain({f"{text[:50]}{n}": [text, n / 7, 1 << 62] for n in range(600)})
    assert len(json.dumps(plain)) < 200 << 10


def test_the_file_may_be_its_own_sidecar() -> None:
    config = {"sidecar": {"paths": ["/{path}"]}}
    answer = try_post_hook(SidecarMetadata, a_version("2026/log.yaml"), b"a: 2026-05-20\n", config)
    assert answer.metadata == {"a": "2026-05-20"}
    with pytest.raises(NotReadable, match="2000000 bytes"):
        try_post_hook(
            SidecarMetadata, a_version("2026/log.yaml", size_bytes=2_000_000), b"", config
        )


def test_the_first_path_that_is_there_is_read_and_other_files_are_left() -> None:
    sidecar = {"paths": ["{stem}.json", "../{stem}.json"]}
    assert _read(sidecar, {"scan.json": '{"a": 1}'}).metadata == {"a": 1}
    assert _read(sidecar, {}, files=["*.raw"]) == PostAnswer()


def test_a_value_that_is_not_there_is_shown_and_one_of_another_type_fails() -> None:
    answer = _read(
        {"paths": ["a.json"]}, {"2026/a.json": '{"sample": {"name": "g"}}'}, fields=FIELDS
    )
    assert answer.metadata == {"sample": "g"}
    assert answer.notices[0].text == "'2026/a.json' has nothing at '/beam/kV'."
    with pytest.raises(NotOfThatType, match="is no number"):
        _read({"paths": ["a.json"]}, {"2026/a.json": '{"beam": {"kV": "much"}}'}, fields=FIELDS)


def test_a_missing_sidecar_is_waited_for_until_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(patience, "monotonic", lambda: now)
    hook = make_hook(SidecarMetadata, {
        "sidecar": {"paths": ["{stem}.json"]}, "when_missing": "wait", "wait_seconds": 100,
    })  # fmt: skip
    assert isinstance(hook, SidecarMetadata)
    version = a_version("2026/scan.tif")
    with pytest.raises(RetryLater, match=r"2026/scan\.json") as first:
        hook.run(version, ReaderOf())
    assert first.value.after_seconds == 60
    now = 1099.0
    with pytest.raises(RetryLater) as last:
        hook.run(version, ReaderOf())
    assert last.value.after_seconds == 1
    now = 1100.0
    (notice,) = hook.run(version, ReaderOf()).notices
    assert (notice.level, "no sidecar" in notice.text) == ("warning", True)


def test_a_missing_sidecar_is_shown_or_nothing() -> None:
    assert _read({"paths": ["a.json"]}, {}).notices[0].text == (
        "'2026/scan.tif' has no sidecar: looked for 2026/a.json."
    )
    assert _read({"paths": ["a.json"]}, {}, when_missing="nothing") == PostAnswer()


LAUGHS = (
    b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>"""
)
OUTSIDE = b"""<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>"""
ANCHORS = "\n".join(
    ["a: &a [x,x,x,x,x,x,x,x,x]"]
    + [
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
).encode()
MERGES = b"a: &a {x: 1}\nb: &b {<<: [*a, *a]}\n"


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        ("xml", LAUGHS, "entities"),
        ("xml", OUTSIDE, "entities"),
        ("xml", b"<a>" * 100_000, "nested too deeply"),
        ("xml", b"<a>", "no element|no XML"),
        ("xml", b"<?xml version='1.0' encoding='nonsense'?><a/>", "no XML"),
        ("json", b"[" * 100_000, "nested"),
        ("json", b"{", "no JSON"),
        ("json", b"9" * 5000, "no JSON"),
        ("yaml", MERGES, "merged keys"),
        ("yaml", b"!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("yaml", b"[" * 100_000, "no YAML"),
        ("ini", b"= 1", "no INI"),
        ("csv", b"", "no CSV"),
    ],
)
def test_a_hostile_document_is_refused(kind: Format, content: bytes, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        read_document(content, kind)


def test_aliases_of_aliases_are_kept_within_bounds() -> None:
    answer = _read({"paths": ["a.yaml"]}, {"2026/a.yaml": ANCHORS})
    assert len(json.dumps(answer.metadata)) < 40_000
    assert "left out" in answer.notices[0].text
    ring = _read({"paths": ["a.yaml"]}, {"2026/a.yaml": b"a: &a\n  b: *a\n"})
    assert "left out" in ring.notices[0].text


@given(st.sampled_from(list(DOCUMENTS)), st.binary(max_size=60), st.integers(0, 60))
def test_damage_is_read_or_refused_and_nothing_else(kind: Format, junk: bytes, at: int) -> None:
    content = DOCUMENTS[kind].encode()
    try:
        tree = read_document(content[:at] + junk + content[at + 3 :], kind)
    except NotReadable:
        return
    assert json.dumps(Bounded().plain(tree), allow_nan=False)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValidationError, match="the fields are"):
        _read({"paths": ["{secret}.json"]}, {})
    with pytest.raises(ValidationError, match="JSON pointer"):
        _read({"paths": ["a.json"]}, {}, fields=[{"name": "x", "at": "/a~2"}])
    with pytest.raises(NotReadable, match="does not say its format"):
        _read({"paths": ["a.txt"]}, {"2026/a.txt": "x"})
