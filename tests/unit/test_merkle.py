"""Tamper evidence: the Merkle tree of RFC 9162 and the hash chain, by known values."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.audit import GENESIS, canonical_json, merkle_root

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
CHAIN = (
    (
        {"act": "create", "seq": 1},
        "0c524ff5f7ccb2ce094187a66f36f7896ea8eb2a1e7ee06bfc635872b78a2ba2",
    ),
    ({"act": "hash", "seq": 2}, "b96232938e287ef93a9276eea350cc4ce64a744ca2bc43a7fecfdb85eefa5c81"),
)


@pytest.mark.parametrize("count", range(9))
def test_the_root_is_that_of_the_certificate_transparency_test_vectors(count: int) -> None:
    assert merkle_root(LEAVES[:count]).hex() == ROOTS[count]


def _root_by_the_rfc(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = _root_by_the_rfc(leaves[:split]), _root_by_the_rfc(leaves[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70))
def test_pairing_neighbours_is_the_split_of_the_rfc(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == _root_by_the_rfc(leaves)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_any_changed_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves]
    changed[place] += b"x"
    assert merkle_root(changed) != merkle_root(leaves)


def test_the_hash_chain_of_two_known_entries() -> None:
    previous = GENESIS
    for entry, expected in CHAIN:
        previous = hashlib.sha256(previous + canonical_json(entry).encode()).digest()
        assert previous.hex() == expected


def test_canonical_json_has_sorted_keys_no_spaces_and_keeps_unicode() -> None:
    assert canonical_json({"b": [1, {"d": "ü", "c": None}], "a": True}) == (
        '{"a":true,"b":[1,{"c":null,"d":"ü"}]}'
    )
