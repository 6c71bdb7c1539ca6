"""Leaves of the Merkle log: fixed for ever, and never the same for two events."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.store.keys.encoding import framed
from permits_engine.store.log.leaf import leaf_bytes, leaf_fields, leaf_hash, leaf_hashes
from permits_engine.store.log.tiles import UNREADABLE

VECTORS = json.loads((Path(__file__).parent / "leaf_vectors.json").read_text())

_leaf = st.tuples(
    st.integers(0, 2**63 - 1),
    st.text(max_size=8),
    st.integers(0, 2**31 - 1),
    st.text(max_size=8),
    st.integers(0, 2**63 - 1),
    st.binary(max_size=16),
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["because"])
def test_leaves_are_as_published(vector: dict[str, Any]) -> None:
    """Anybody's own implementation finds the same bytes and the same hash: these vectors never change."""
    leaf = leaf_bytes(
        vector["position"],
        vector["stream"],
        vector["version"],
        vector["name"],
        vector["recorded_at"],
        bytes.fromhex(vector["payload_hex"]),
    )
    assert leaf.hex() == vector["leaf_hex"]
    assert leaf_hash(leaf).hex() == vector["hash_hex"]


def test_a_leaf_is_spelt_out_by_hand() -> None:
    """Tag, then length and bytes of each field; lengths and numbers in eight bytes, big-endian."""

    def number(value: int) -> bytes:
        return bytes(7) + bytes([8]) + bytes(7) + bytes([value])

    def data(value: bytes) -> bytes:
        return bytes(7) + bytes([len(value)]) + value

    leaf = leaf_bytes(1, "s", 2, "n@1", 3, b"{}")
    parts = [number(1), data(b"s"), number(2), data(b"n@1"), number(3), data(b"{}")]
    assert leaf == b"permits-engine/leaf/v1" + b"".join(parts)
    assert leaf_hash(leaf) == sha256(b"\x00" + leaf).digest()


@given(one=_leaf, other=_leaf)
def test_two_events_never_share_a_leaf(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Bytes of leaves are equal only where every field is."""
    assert (leaf_bytes(*one) == leaf_bytes(*other)) == (one == other)


@given(st.lists(st.binary(max_size=9), max_size=4), st.lists(st.binary(max_size=9), max_size=4))
def test_frames_cannot_be_shifted(one: list[bytes], other: list[bytes]) -> None:
    """No two lists of fields give the same bytes, wherever their borders lie."""
    assert (framed(b"t", *one) == framed(b"t", *other)) == (one == other)


@given(st.lists(_leaf, max_size=5))
def test_many_leaves_at_once_are_the_same(leaves: list[tuple[Any, ...]]) -> None:
    """The quick way over stored rows gives the hashes of the slow one."""
    rows = [(p, stream.encode(), v, name.encode(), at, payload) for p, stream, v, name, at, payload in leaves]
    assert leaf_hashes(rows) == [leaf_hash(leaf_bytes(*leaf)) for leaf in leaves]


@pytest.mark.parametrize(
    "row", [(-1, b"s", 1, b"n", 0, b""), (1, b"s", 1.5, b"n", 0, b""), (1, b"s", 1, b"n", 0, None)]
)
def test_no_leaf_of_what_no_event_holds(row: tuple[Any, ...]) -> None:
    """A row that was filled by other means is refused, not hashed as something else."""
    with pytest.raises(UNREADABLE):
        leaf_hashes([row])


@given(_leaf)
def test_a_leaf_can_be_read_back(leaf: tuple[Any, ...]) -> None:
    """The fields of a leaf's bytes are those that it was made of."""
    assert leaf_fields(leaf_bytes(*leaf)) == leaf


@given(_leaf, st.integers(0), st.binary(min_size=1, max_size=9))
def test_bytes_that_are_no_leaf_are_refused(leaf: tuple[Any, ...], cut: int, more: bytes) -> None:
    """Cut short, with something after it, or anything else: a ``ValueError``, never another leaf."""
    whole = leaf_bytes(*leaf)
    for wrong in (whole[: cut % len(whole)], whole + more, more, whole.replace(b"leaf/v1", b"leaf/v2")):
        with pytest.raises(ValueError, match=r"the leaf|decode"):
            leaf_fields(wrong)
