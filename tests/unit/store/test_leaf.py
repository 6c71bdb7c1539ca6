"""Leaves of the Merkle log: fixed for ever, and never the same for two events."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.store.framing import framed
from permits_engine.store.leaf import leaf_bytes, leaf_hash

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
