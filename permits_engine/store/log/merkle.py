"""The Merkle tree of RFC 9162, section 2.1: roots, and proofs of inclusion and consistency.

The caller gives a function that returns the hashes of the tree's perfect subtrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32

Node = Callable[[int, int], bytes]
"""The hash of a perfect subtree, by its height (0 for a leaf) and its index among those of that height."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256 of a one byte and both children (zero marks a leaf)."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over subtrees of the same height, whose number is a power of two."""
    while len(hashes) > 1:
        each = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=True)]
    return hashes[0]


class CompactRange:
    """The right edge of a growing tree: enough to append and to compute its root."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def copy(self) -> CompactRange:
        """Return a copy."""
        made = CompactRange()
        made.size, made._peaks = self.size, self._peaks.copy()
        return made

    def append(self, leaf: bytes) -> None:
        """Append one leaf's hash."""
        self.append_subtree(0, leaf)

    def append_subtree(
        self, height: int, node: bytes, whole: Callable[[int, bytes], None] | None = None
    ) -> None:
        """Append a perfect subtree; one that cannot begin here is a ``ValueError``.

        ``whole`` gets each larger subtree that becomes whole: its height and its hash.
        """
        if self.size % (1 << height):
            raise ValueError(f"no subtree of height {height} begins at {self.size}")
        self.size += 1 << height
        while self._peaks and self._peaks[-1][0] == height:
            node = node_hash(self._peaks.pop()[1], node)
            height += 1
            if whole is not None:
                whole(height, node)
        self._peaks.append((height, node))

    def root(self) -> bytes:
        """Return the Merkle Tree Hash of everything so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root(size: int, node: Node) -> bytes:
    """Return the Merkle Tree Hash of the first ``size`` leaves."""
    return range_hash(0, size, node) if size else EMPTY_ROOT


def range_hash(start: int, end: int, node: Node) -> bytes:
    """Return the Merkle Tree Hash of the leaves from ``start`` up to, not including, ``end``.

    The range must occur in a tree: it begins at a multiple of the power of two that covers it.
    """
    size = end - start
    if size & (size - 1) == 0:
        height = size.bit_length() - 1
        return node(height, start >> height)
    middle = start + _split(size)
    return node_hash(range_hash(start, middle, node), range_hash(middle, end, node))


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root (section 2.1.3.1), its sibling first.

    An index outside is a ``ValueError``.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start = middle
    return path[::-1]


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Iterable[bytes]) -> bytes | None:
    """Return the root that a proof of inclusion leads to (section 2.1.3.2); none if its length is wrong."""
    if not 0 <= index < size:
        return None
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = node_hash(each, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Return the hashes that prove that the first ``old`` of ``new`` leaves are the old tree (section 2.1.4.1).

    Sizes in the wrong order are a ``ValueError``.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves does not grow into one of {new}")
    if old in (0, new):
        return []
    start, end, path, whole = 0, new, [], True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(start, end, node))
    return path[::-1]


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that the new tree begins with the old one (section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    one = other = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            one, other = node_hash(each, one), node_hash(each, other)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            other = node_hash(other, each)
        place, last = place >> 1, last >> 1
    return last == 0 and one == old_root and other == new_root


def _split(size: int) -> int:
    """Return the largest power of two smaller than a size of two or more."""
    return 1 << (size - 1).bit_length() - 1
