"""The bytes that are hashed of a stored event: the leaf of the Merkle log (RFC 9162, section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from struct import Struct

from permits_engine.store.events.history import Record
from permits_engine.store.keys.encoding import framed

TAG = b"permits-engine/leaf/v1"

Row = tuple[int, bytes, int, bytes, int, bytes]
"""Position, stream, version, name, recorded time and payload, the texts in UTF-8."""

_MARKED = b"\x00" + TAG
_packers: dict[tuple[int, int], Callable[..., bytes]] = {}


def leaf_bytes(
    position: int, stream: str, version: int, name: str, recorded_at: int, payload: bytes
) -> bytes:
    """Return the bytes of a leaf: the tag, then every stored field with its length, whole numbers in eight bytes.

    ``recorded_at`` is in microseconds since the epoch.
    """
    return framed(TAG, position, stream, version, name, recorded_at, payload)


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256 of a zero byte and the leaf's bytes (RFC 9162: zero marks a leaf, one a node)."""
    return sha256(b"\x00" + leaf).digest()


def leaf_hashes(rows: Sequence[Row]) -> list[bytes]:
    """Return the hashes of many leaves, ten times as fast as one by one.

    A row that cannot be a leaf is an ``OverflowError``, ``TypeError`` or ``struct.error``.
    """
    found = []
    for position, stream, version, name, recorded_at, payload in rows:
        texts = len(stream), len(name)
        pack = _packers.get(texts) or _packer(texts)
        packed = pack(
            _MARKED, 8, position, texts[0], stream, 8, version, texts[1], name, 8, recorded_at, len(payload)
        )
        found.append(sha256(packed + payload).digest())
    return found


def leaf_fields(leaf: bytes) -> Record:
    """Return the fields of a leaf's bytes; other bytes are a ``ValueError``."""
    if not leaf.startswith(TAG):
        raise ValueError("the leaf does not begin as one")
    fields, at = [], len(TAG)
    while at < len(leaf):
        start = at + 8
        at = start + int.from_bytes(leaf[at:start], "big")
        fields.append(leaf[start:at])
    if len(fields) != 6 or any(len(fields[number]) != 8 for number in (0, 2, 4)):
        raise ValueError("the leaf does not have its six fields")
    number = [int.from_bytes(each, "big") for each in fields]
    found = Record(number[0], fields[1].decode(), number[2], fields[3].decode(), number[4], fields[5])
    if leaf_bytes(*found) != leaf:
        raise ValueError("the leaf is cut short")
    return found


def _packer(texts: tuple[int, int]) -> Callable[..., bytes]:
    if len(_packers) > 4096:
        _packers.clear()
    layout = Struct(f">{len(_MARKED)}sQQQ{texts[0]}sQQQ{texts[1]}sQQQ")
    made = _packers[texts] = layout.pack
    return made
