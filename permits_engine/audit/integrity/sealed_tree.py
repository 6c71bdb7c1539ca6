"""Check of the sealed hashes against one another and every checkpoint, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from permits_engine.audit.integrity.findings import Finding, VerificationReport, span
from permits_engine.audit.integrity.trusted_roots import TrustedRoot, TrustedRoots
from permits_engine.store.log import merkle
from permits_engine.store.log.tiles import HEIGHT, WIDTH, Tiles


class _Variant(NamedTuple):
    """Possible leaves after those of ``base``, with the roots that they do not lead to."""

    base: merkle.CompactRange
    leaves: list[bytes]
    unmet: list[TrustedRoot]
    root: bytes | None


class SealedTree:
    """The Merkle tree as it was sealed, grown tile by tile.

    Where sealed hashes and events differ, a checkpoint decides which are right; else the tree continues from the
    tile's root in the level above.
    """

    def __init__(self, roots: TrustedRoots, report: VerificationReport, sealed: int) -> None:
        self.report = report
        self.sealed = sealed
        self.met = 0
        """The size of the last kept checkpoint that matches."""
        self._roots = roots
        self._range = merkle.CompactRange()
        self._ahead = roots.by_size(report)
        self._next = next(self._ahead, None)
        self._met_outside = 0
        self._lost: Finding | None = None
        self._now: merkle.CompactRange | None = None
        self._since = 0
        self._nodes: dict[int, bytes] = {}
        self._short: set[tuple[int, int]] = set()
        for trusted in self._until(0):
            self._check(trusted, trusted.root == merkle.EMPTY_ROOT)

    @property
    def size(self) -> int:
        """The number of leaves so far."""
        return self._range.size

    def tile(self, tiles: Tiles, number: int, sealed: list[bytes], made: list[bytes | None]) -> bool:
        """Add a tile: its sealed hashes, and those made of the present events.

        Return whether a checkpoint proves the events although the sealed hashes are altered.
        """
        start = number * WIDTH
        if self.size != start:
            # The order breaks before this tile.
            return False
        leaves, own = sealed + _unbroken(made[len(sealed) :]), _unbroken(made)
        roots = list(self._until(start + len(leaves)))
        entry = self._entry(tiles, 1, number) if len(leaves) == WIDTH else None
        variants = self._variants(leaves, own, roots)
        chosen = min(variants, key=lambda each: (len(each.unmet), entry is not None and each.root != entry))
        first = start + 1
        if chosen.base is not self._range:
            # The events lead to the checkpoint, their sealed hashes do not.
            self._range, self._now, first = chosen.base, None, self._since
        self._follow(leaves, own, chosen)
        if entry is not None and chosen.root != entry:
            vouching = self._roots.vouching(tiles, HEIGHT, number, entry)
            if vouching is not None:
                self._repair(start, chosen, roots, entry, vouching, tiles)
                if chosen is not variants[0] and self.met > start:
                    self._damaged(start + 1, self.met)
                return False
            self._disagrees(1, number, HEIGHT)
        for trusted in roots:
            self._check(trusted, trusted not in chosen.unmet)
        damaged = chosen is not variants[0]
        if damaged:
            self._damaged(first, start + len(sealed))
        self._grow(chosen, tiles)
        return damaged

    def finish(self, last: int) -> None:
        """Report the checkpoints that state more events than the ``last`` position."""
        self._end_lost()
        rest = list(self._until(2**63))
        for outside in (False, True):
            most = max((trusted for trusted in rest if trusted.outside is outside), default=None)
            if most is None:
                continue
            if last < most.size:
                where = "from outside " if outside else ""
                message = (
                    f"{span(last + 1, most.size)} are missing: the checkpoint {where}of {most.size} events"
                )
                reason = ": a cut tail, or a backup restored" if outside else ""
                found = Finding("missing", f"{message} states more than the {last} there are{reason}")
                found.first, found.last, found.vouched_by = last + 1, most.size, most.size
            else:
                message = (
                    f"the checkpoint of {most.size} events cannot be compared: the order breaks before it"
                )
                found = Finding("range", message, self.size + 1, most.size, vouched_by=most.size)
            self.report.add(found)

    # --- checkpoints ---

    def _until(self, size: int) -> Iterator[TrustedRoot]:
        while self._next is not None and self._next.size <= size:
            yield self._next
            self._next = next(self._ahead, None)

    def _check(self, trusted: TrustedRoot, good: bool) -> None:
        if trusted.outside:
            self._check_outside(trusted, good)
        elif good:
            self.met = self.report.checkpoint = trusted.size
            self._end_lost()
        elif self._lost is None:
            first, last = self.met + 1, max(trusted.size, 1)
            since = f"that of {self.met} is the last that is met" if self.met else "none before it is met"
            message = f"the sealed hashes of {span(first, last)} were altered, and the events as they are"
            reason = f"do not lead to the checkpoint of {trusted.size} events either: {since}"
            self._lost = Finding("range", f"{message} {reason}", first, last, vouched_by=trusted.size)
            self.report.add(self._lost)

    def _end_lost(self) -> None:
        if self._lost is not None:
            _unclear(self._lost, self._range.size)
            self._lost = None

    def _check_outside(self, trusted: TrustedRoot, good: bool) -> None:
        self.report.outside.append(trusted.size)
        if good:
            self._met_outside = trusted.size
            return
        first, last = self._met_outside + 1, max(trusted.size, 1)
        message = (
            f"the checkpoint from outside, of {trusted.size} events, is of another history than this one"
        )
        reason = "events were changed and sealed anew, or a backup was restored and went on"
        found = Finding("diverged", f"{message}: among {span(first, last)} {reason}", first, last)
        found.vouched_by = trusted.size
        self.report.add(found)

    # --- tiles ---

    def _variants(self, leaves: list[bytes], own: list[bytes], roots: list[TrustedRoot]) -> list[_Variant]:
        """Return the sealed hashes, and if these differ the events' own: of this tile, or since they differ."""
        found = [_variant(self._range, leaves, roots)]
        if len(own) < len(leaves):
            return found
        if own != leaves:
            found.append(_variant(self._range, own, roots))
        if self._now is not None:
            found.append(_variant(self._now, own, roots))
        return found

    def _follow(self, leaves: list[bytes], own: list[bytes], chosen: _Variant) -> None:
        """Keep a second tree of the present events, once their hashes differ from the sealed ones."""
        if len(own) < len(leaves):
            self._now = None
            return
        if self._now is None:
            if own == chosen.leaves:
                return
            self._now, self._since = self._range.copy(), self._range.size + 1
        self._nodes = {}
        for leaf in own:
            self._now.append_subtree(0, leaf, self._remembered)

    def _remembered(self, height: int, node: bytes) -> bytes:
        self._nodes[height] = node
        return node

    def _grow(self, chosen: _Variant, tiles: Tiles) -> None:
        if chosen.root is None:
            for leaf in chosen.leaves:
                self._range.append(leaf)
        else:
            self._append(chosen.root, tiles)

    def _append(self, root: bytes, tiles: Tiles) -> None:
        def amend(height: int, node: bytes) -> bytes:
            level, rest = divmod(height, HEIGHT)
            index = (self._range.size >> height) - 1
            entry = None if rest else self._entry(tiles, level, index)
            if entry is None or entry == node:
                return node
            vouching = self._roots.vouching(tiles, height, index, entry)
            if vouching is None:
                self._disagrees(level, index, height)
                return node
            start = index << height
            if self._now is not None and self._nodes.get(height) == entry:
                self._damaged(max(start + 1, self._since), self._range.size)
                self._now = None if self._since > start else self._now
            else:
                self._narrowed(start, self._range.size, vouching, self._range.size)
            self._end_lost()
            return entry

        self._range.append_subtree(HEIGHT, root, amend)

    def _repair(
        self,
        start: int,
        chosen: _Variant,
        roots: list[TrustedRoot],
        entry: bytes,
        vouching: TrustedRoot,
        tiles: Tiles,
    ) -> None:
        for trusted in roots:
            if trusted in chosen.unmet:
                break
            self._check(trusted, good=True)
        end = min((trusted.size for trusted in chosen.unmet), default=start + WIDTH)
        self._narrowed(start, end, vouching, start + WIDTH)
        self._append(entry, tiles)

    def _damaged(self, first: int, last: int) -> None:
        message = (
            f"the sealed hashes of {span(first, last)} were altered; the events are those that were sealed"
        )
        self.report.add(Finding("tile", message, first, last))

    def _narrowed(self, start: int, end: int, vouching: TrustedRoot, unclear_to: int) -> None:
        first = max(start, self.met) + 1 if self.met < end else start + 1
        message = f"the sealed hashes of {span(first, end)} were altered, and the events as they are"
        reason = f"do not lead to what the checkpoint of {vouching.size} events proves either"
        found = Finding("range", f"{message} {reason}", first, end, vouched_by=vouching.size)
        _unclear(found, unclear_to)
        self.report.add(found)

    def _entry(self, tiles: Tiles, level: int, index: int) -> bytes | None:
        """Return a tile's root in the level above; report it if it is missing."""
        number, at = divmod(index, WIDTH)
        size = merkle.HASH_BYTES
        found = tiles.tile(level, number)[at * size : (at + 1) * size]
        if len(found) == size:
            return found
        if (index + 1) << (level * HEIGHT) <= self.sealed and (level, number) not in self._short:
            self._short.add((level, number))
            message = f"sealed hashes are missing: tile {number} of level {level} is not whole"
            self.report.add(Finding("tile", message))
        return None

    def _disagrees(self, level: int, index: int, height: int) -> None:
        first, last = (index << height) + 1, (index + 1) << height
        message = f"the sealed hashes of {span(first, last)} do not agree with hash {index} of level {level}"
        reason = "one of them was altered, and no checkpoint proves which"
        self.report.add(Finding("tile", f"{message}: {reason}", first, last))


def _variant(base: merkle.CompactRange, leaves: list[bytes], roots: list[TrustedRoot]) -> _Variant:
    unmet, done = [], 0
    if roots:
        grown = base.copy()
        for trusted in roots:
            for leaf in leaves[done : trusted.size - base.size]:
                grown.append(leaf)
            done = trusted.size - base.size
            if grown.root() != trusted.root:
                unmet.append(trusted)
    return _Variant(base, leaves, unmet, merkle.fold(leaves) if len(leaves) == WIDTH else None)


def _unclear(found: Finding, to: int) -> None:
    """Mark the events up to ``to`` as unverifiable because of a finding."""
    if found.last is not None and to > found.last:
        found.unclear_to = to
        found.message += f"; of {span(found.last + 1, to)} nothing can be said by way of checkpoints"


def _unbroken(made: list[bytes | None]) -> list[bytes]:
    """Return the hashes up to the first that is missing."""
    found = []
    for each in made:
        if each is None:
            break
        found.append(each)
    return found
