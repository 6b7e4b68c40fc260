"""ARKs: normal form, check character and minting, by the vectors of the drafts."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.services.identifiers.ark import (
    BETANUMERIC,
    BLADE_LENGTH,
    ArkMinter,
    check_character,
    is_check_valid,
    normalise,
)

NORMAL = {
    "http://example.org/rslvr/ark:12345/x6np1wh8k": "ark:12345/x6np1wh8k",
    "https://n2t.net/ARK:/12345/x6np1wh8k": "ark:12345/x6np1wh8k",
    "ark:BCDFG/x6np1wh8k": "ark:bcdfg/x6np1wh8k",
    "ark:12345/x5-4-xz-321": "ark:12345/x54xz321",
    "ark:12345/x6np%2fwh8k": "ark:12345/x6np%2Fwh8k",
    "ark:12345/x6np1wh8k//page2": "ark:12345/x6np1wh8k/page2",
    "ark:12345/x6np1wh8k./": "ark:12345/x6np1wh8k",
    "ark:12345/x6np1wh8k/c3/./s5": "ark:12345/x6np1wh8k/c3/s5",
    "ark:12345/x6np1wh8k??": "ark:12345/x6np1wh8k",
    "ark:12345/x6np1wh8k/c3?u=ark:/99999/z": "ark:12345/x6np1wh8k/c3",
    "ark:12345/X6NP1WH8K": "ark:12345/X6NP1WH8K",
    "ark:26341/b1550e8400-e29b-41d4-a716-446655440000": (
        "ark:26341/b1550e8400e29b41d4a716446655440000"
    ),
}
INVALID = (
    "ark:12345/x6np1wh8k/ark:/z",
    "ark:12a45/x6",
    "ark:12345",
    "ark:12345/",
    "ark://x6np",
    "ark:12345/x6np,1",
    "ark:12345/x6np%zz",
    "doi:10.1234/x",
    "",
)
VALID_CHECKS = (
    "13030/xf93gt2q",
    "13030/tf5p30086k",
    "99999/fk4ck01k77",
    "99999/fk44479c3d",
    "12345/x6np1wh8kc",
    "99999/h100000012",
    "99999/h10000002k",
    "99999/x9tn1qkq2g7b",
    "1303/0xf93gt2q",  # the one blind spot: '/' and '0' both weigh nothing
)
INVALID_CHECKS = (
    "13030/xf83gt2q",
    "13030/xd93gt2q",
    "13030/xf93gt2r",
    "13030/tf5p30806k",
    "13030/ft5p30086k",
    "13030/tf53p0086k",
    "13030/xf93g2tq",
    "13030/xf93gtq2",
    "31030/xf93gt2q",
    "13003/xf93gt2q",
    "13030/XF93GT2Q",
    "13030/xf93-gt2q",
    "ark:13030/xf93gt2q",
)
betanumeric = st.text(BETANUMERIC, min_size=1, max_size=19)


@pytest.mark.parametrize(("given_text", "normal"), NORMAL.items())
def test_an_ark_has_one_normal_form(given_text: str, normal: str) -> None:
    assert normalise(given_text) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_ark_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        normalise(text)


def test_names_differ_by_case() -> None:
    assert normalise("ark:12345/X6NP1WH8K") != normalise("ark:12345/x6np1wh8k")


def test_hyphens_go_after_the_escapes_were_set_in_capitals() -> None:
    assert normalise("ark:12345/x6%-2f") == "ark:12345/x6%2f"


@pytest.mark.parametrize("zone", VALID_CHECKS)
def test_a_published_check_character_is_valid(zone: str) -> None:
    assert is_check_valid(zone)


@pytest.mark.parametrize("zone", INVALID_CHECKS)
def test_a_wrong_check_character_is_found(zone: str) -> None:
    assert not is_check_valid(zone)


def test_the_worked_example_of_noid() -> None:
    assert check_character("13030/xf93gt2") == "q"


@given(betanumeric, st.data())
def test_one_wrong_character_is_always_found(blade: str, data: st.DataObject) -> None:
    zone = f"99999/sw1{blade}"
    zone += check_character(zone)
    place = data.draw(st.integers(0, len(zone) - 1))
    other = data.draw(st.sampled_from(BETANUMERIC))
    changed = zone[:place] + other + zone[place + 1 :]
    if changed != zone and not {zone[place], other} <= {"/", "0"}:
        assert not is_check_valid(changed)


@given(betanumeric, st.data())
def test_two_swapped_neighbours_are_found(blade: str, data: st.DataObject) -> None:
    zone = f"99999/sw1{blade}"
    zone += check_character(zone)
    assume(len(zone) < 29)  # the guarantee ends where the weights begin anew (NOID)
    place = data.draw(st.integers(0, len(zone) - 2))
    swapped = zone[:place] + zone[place + 1] + zone[place] + zone[place + 2 :]
    if swapped != zone and {zone[place], zone[place + 1]} != {"/", "0"}:
        assert not is_check_valid(swapped)


def test_a_minted_ark_is_normal_valid_and_of_its_shoulder() -> None:
    minter = ArkMinter("99999", "sw1")
    drawn = minter.draw(2000)
    assert len(drawn) == 2000
    pattern = re.compile(rf"^ark:99999/sw1[{BETANUMERIC}]{{{BLADE_LENGTH}}}[{BETANUMERIC}]$")
    for ark in drawn:
        assert pattern.match(ark)
        assert normalise(ark) == ark
        assert is_check_valid(ark.removeprefix("ark:"))
