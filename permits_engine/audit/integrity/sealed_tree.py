"""The sealed hashes held against themselves and against every checkpoint, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from permits_engine.audit.integrity.findings import Finding, Report, span
from permits_engine.audit.integrity.trusted_roots import Mark, Marks
from permits_engine.store.log import merkle
from permits_engine.store.log.tiles import HEIGHT, WIDTH, Tiles


class _Variant(NamedTuple):
    """Leaves that may be the right ones after those of ``base``, with the checkpoints that they do not meet."""

    base: merkle.CompactRange
    leaves: list[bytes]
    unmet: list[Mark]
    root: bytes | None


class Tree:
    """Grows the tree as it was sealed.

    Where sealed hashes and events differ, a checkpoint says which are right; where only a tile's root in the
    level above is left to say what was sealed, the tree goes on from that one.
    """

    def __init__(self, marks: Marks, report: Report, sealed: int) -> None:
        self.report = report
        self.sealed = sealed
        self.met = 0
        """The size of the last kept checkpoint that is met."""
        self._marks = marks
        self._range = merkle.CompactRange()
        self._ahead = marks.by_size(report)
        self._next = next(self._ahead, None)
        self._met_outside = 0
        self._lost: Finding | None = None
        self._now: merkle.CompactRange | None = None
        self._since = 0
        self._nodes: dict[int, bytes] = {}
        self._short: set[tuple[int, int]] = set()
        for mark in self._until(0):
            self._mark(mark, mark.root == merkle.EMPTY_ROOT)

    @property
    def size(self) -> int:
        """The leaves so far."""
        return self._range.size

    def tile(self, tiles: Tiles, number: int, sealed: list[bytes], made: list[bytes | None]) -> bool:
        """Go on by a tile: its sealed hashes, and those made of the events now (none where there is none).

        Says whether the events are as a checkpoint has them, although the sealed hashes are not.
        """
        start = number * WIDTH
        if self.size != start:
            # The order broke before this tile: there is nothing to go on from.
            return False
        leaves, own = sealed + _unbroken(made[len(sealed) :]), _unbroken(made)
        marks = list(self._until(start + len(leaves)))
        entry = self._entry(tiles, 1, number) if len(leaves) == WIDTH else None
        variants = self._variants(leaves, own, marks)
        chosen = min(variants, key=lambda each: (len(each.unmet), entry is not None and each.root != entry))
        first = start + 1
        if chosen.base is not self._range:
            # The checkpoint is met by the events as they are, and not by way of their sealed hashes.
            self._range, self._now, first = chosen.base, None, self._since
        self._follow(leaves, own, chosen)
        if entry is not None and chosen.root != entry:
            vouching = self._marks.vouching(tiles, HEIGHT, number, entry)
            if vouching is not None:
                self._repair(start, chosen, marks, entry, vouching, tiles)
                if chosen is not variants[0] and self.met > start:
                    self._damaged(start + 1, self.met)
                return False
            self._disagrees(1, number, HEIGHT)
        for mark in marks:
            self._mark(mark, mark not in chosen.unmet)
        damaged = chosen is not variants[0]
        if damaged:
            self._damaged(first, start + len(sealed))
        self._grow(chosen, tiles)
        return damaged

    def finish(self, last: int) -> None:
        """The checkpoints that are left state more events than there are; ``last`` is the last event's place."""
        self._found_again()
        rest = list(self._rest())
        for outside in (False, True):
            most = max((mark for mark in rest if mark.outside is outside), default=None)
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

    def _until(self, size: int) -> Iterator[Mark]:
        while self._next is not None and self._next.size <= size:
            yield self._next
            self._next = next(self._ahead, None)

    def _rest(self) -> Iterator[Mark]:
        while self._next is not None:
            yield self._next
            self._next = next(self._ahead, None)

    def _mark(self, mark: Mark, good: bool) -> None:
        if mark.outside:
            self._mark_outside(mark, good)
        elif good:
            self.met = self.report.checkpoint = mark.size
            self._found_again()
        elif self._lost is None:
            first, last = self.met + 1, max(mark.size, 1)
            since = f"that of {self.met} is the last that is met" if self.met else "none before it is met"
            message = f"the sealed hashes of {span(first, last)} were altered, and the events as they are"
            reason = f"do not lead to the checkpoint of {mark.size} events either: {since}"
            self._lost = Finding("range", f"{message} {reason}", first, last, vouched_by=mark.size)
            self.report.add(self._lost)

    def _found_again(self) -> None:
        if self._lost is not None:
            _unclear(self._lost, self._range.size)
            self._lost = None

    def _mark_outside(self, mark: Mark, good: bool) -> None:
        self.report.outside.append(mark.size)
        if good:
            self._met_outside = mark.size
            return
        first, last = self._met_outside + 1, max(mark.size, 1)
        message = f"the checkpoint from outside, of {mark.size} events, is of another history than this one"
        reason = "events were changed and sealed anew, or a backup was restored and went on"
        found = Finding("diverged", f"{message}: among {span(first, last)} {reason}", first, last)
        found.vouched_by = mark.size
        self.report.add(found)

    # --- tiles ---

    def _variants(self, leaves: list[bytes], own: list[bytes], marks: list[Mark]) -> list[_Variant]:
        """The sealed hashes, and where they differ the events' own: here only, or since they began to differ."""
        found = [_variant(self._range, leaves, marks)]
        if len(own) < len(leaves):
            return found
        if own != leaves:
            found.append(_variant(self._range, own, marks))
        if self._now is not None:
            found.append(_variant(self._now, own, marks))
        return found

    def _follow(self, leaves: list[bytes], own: list[bytes], chosen: _Variant) -> None:
        """Keep a tree of the events as they are beside that of their sealed hashes, once these differ."""
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
            vouching = self._marks.vouching(tiles, height, index, entry)
            if vouching is None:
                self._disagrees(level, index, height)
                return node
            start = index << height
            if self._now is not None and self._nodes.get(height) == entry:
                self._damaged(max(start + 1, self._since), self._range.size)
                self._now = None if self._since > start else self._now
            else:
                self._narrowed(start, self._range.size, vouching, self._range.size)
            self._found_again()
            return entry

        self._range.append_subtree(HEIGHT, root, amend)

    def _repair(
        self,
        start: int,
        chosen: _Variant,
        marks: list[Mark],
        entry: bytes,
        vouching: Mark,
        tiles: Tiles,
    ) -> None:
        for mark in marks:
            if mark in chosen.unmet:
                break
            self._mark(mark, good=True)
        end = min((mark.size for mark in chosen.unmet), default=start + WIDTH)
        self._narrowed(start, end, vouching, start + WIDTH)
        self._append(entry, tiles)

    def _damaged(self, first: int, last: int) -> None:
        message = (
            f"the sealed hashes of {span(first, last)} were altered; the events are those that were sealed"
        )
        self.report.add(Finding("tile", message, first, last))

    def _narrowed(self, start: int, end: int, vouching: Mark, unclear_to: int) -> None:
        first = max(start, self.met) + 1 if self.met < end else start + 1
        message = f"the sealed hashes of {span(first, end)} were altered, and the events as they are"
        reason = f"do not lead to what the checkpoint of {vouching.size} events proves either"
        found = Finding("range", f"{message} {reason}", first, end, vouched_by=vouching.size)
        _unclear(found, unclear_to)
        self.report.add(found)

    def _entry(self, tiles: Tiles, level: int, index: int) -> bytes | None:
        """A tile's root as it stands in the level above; a missing one is a finding where it ought to be."""
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


def _variant(base: merkle.CompactRange, leaves: list[bytes], marks: list[Mark]) -> _Variant:
    unmet, done = [], 0
    if marks:
        grown = base.copy()
        for mark in marks:
            for leaf in leaves[done : mark.size - base.size]:
                grown.append(leaf)
            done = mark.size - base.size
            if grown.root() != mark.root:
                unmet.append(mark)
    return _Variant(base, leaves, unmet, merkle.fold(leaves) if len(leaves) == WIDTH else None)


def _unclear(found: Finding, to: int) -> None:
    """Say up to where nothing can be said because of a break."""
    if found.last is not None and to > found.last:
        found.unclear_to = to
        found.message += f"; of {span(found.last + 1, to)} nothing can be said by way of checkpoints"


def _unbroken(made: list[bytes | None]) -> list[bytes]:
    """The hashes up to the first that there is not."""
    found = []
    for each in made:
        if each is None:
            break
        found.append(each)
    return found
