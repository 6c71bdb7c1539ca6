"""What is hashed of a stored event: the leaf of the Merkle log (RFC 9162, section 2.1)."""

from __future__ import annotations

from hashlib import sha256

from permits_engine.store.framing import framed

TAG = b"permits-engine/leaf/v1"


def leaf_bytes(
    position: int, stream: str, version: int, name: str, recorded_at: int, payload: bytes
) -> bytes:
    """The bytes of a leaf: the tag, then every stored field with its length, whole numbers in eight bytes.

    ``recorded_at`` is in microseconds since the epoch.
    """
    return framed(TAG, position, stream, version, name, recorded_at, payload)


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of a zero byte and the leaf's bytes (RFC 9162: zero marks a leaf, one a node)."""
    return sha256(b"\x00" + leaf).digest()
