"""The sealed hashes held against themselves and against every checkpoint, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from permits_engine.audit.findings import Finding, Report, span
from permits_engine.audit.marks import Mark, Marks
from permits_engine.store import merkle
from permits_engine.store.database import Unit
from permits_engine.store.tiles import HEIGHT, WIDTH, Tiles


class _Variant(NamedTuple):
    """Leaves that may be the right ones, the checkpoints that they do not meet, and their tile's root."""

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
        self._lost = False
        self._short: set[tuple[int, int]] = set()
        for mark in self._until(0):
            self._mark(mark, mark.root == merkle.EMPTY_ROOT)

    @property
    def size(self) -> int:
        """The leaves so far."""
        return self._range.size

    def tile(
        self, unit: Unit, tiles: Tiles, number: int, sealed: list[bytes], made: list[bytes | None]
    ) -> bool:
        """Go on by a tile: its sealed hashes, and those made of the events now (none where there is none).

        Says whether the events are as a checkpoint has them, although the sealed hashes are not.
        """
        if self.size != number * WIDTH:
            # The order broke before this tile: there is nothing to go on from.
            return False
        leaves = sealed + _unbroken(made[len(sealed) :])
        marks = list(self._until(number * WIDTH + len(leaves)))
        variants = [self._variant(leaves, marks)]
        if made[: len(leaves)] != leaves and None not in made and len(made) >= len(leaves):
            variants.append(self._variant([each for each in made if each is not None], marks))
        entry = self._entry(tiles, 1, number) if len(leaves) == WIDTH else None
        chosen = min(variants, key=lambda each: (each.root != entry if entry else False, len(each.unmet)))
        if entry is not None and chosen.root != entry:
            vouching = self._marks.vouching(tiles, unit, HEIGHT, number, entry)
            if vouching is not None:
                self._repair(number, chosen, marks, entry, vouching, tiles, unit)
                return False
            self._disagrees(1, number, HEIGHT)
            chosen = min(variants, key=lambda each: len(each.unmet))
        for mark in marks:
            self._mark(mark, mark not in chosen.unmet)
        self._grow(chosen, tiles, unit)
        if chosen is variants[0]:
            return False
        first, last = number * WIDTH + 1, number * WIDTH + len(sealed)
        message = (
            f"the sealed hashes of {span(first, last)} were altered; the events are those that were sealed"
        )
        self.report.add(Finding("tile", message, first, last))
        return True

    def finish(self, last: int) -> None:
        """The checkpoints that are left state more events than there are; ``last`` is the last event's place."""
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
            self.met, self._lost = mark.size, False
            self.report.checkpoint = mark.size
        elif not self._lost:
            self._lost = True
            first, last = self.met + 1, max(mark.size, 1)
            since = f"that of {self.met} is the last that is" if self.met else "none before it is"
            message = f"between {span(first, last)} the history and its sealed hashes were changed"
            reason = f"the checkpoint of {mark.size} events is not met, {since}"
            self.report.add(Finding("range", f"{message}: {reason}", first, last, vouched_by=mark.size))

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

    def _variant(self, leaves: list[bytes], marks: list[Mark]) -> _Variant:
        if not marks:
            return _Variant(leaves, [], merkle.fold(leaves) if len(leaves) == WIDTH else None)
        grown, unmet, done = self._range.copy(), [], 0
        for mark in marks:
            for leaf in leaves[done : mark.size - self._range.size]:
                grown.append(leaf)
            done = mark.size - self._range.size
            if grown.root() != mark.root:
                unmet.append(mark)
        return _Variant(leaves, unmet, merkle.fold(leaves) if len(leaves) == WIDTH else None)

    def _grow(self, chosen: _Variant, tiles: Tiles, unit: Unit) -> None:
        if chosen.root is None:
            for leaf in chosen.leaves:
                self._range.append(leaf)
        else:
            self._append(chosen.root, tiles, unit)

    def _append(self, root: bytes, tiles: Tiles, unit: Unit) -> None:
        def amend(height: int, node: bytes) -> bytes:
            level, rest = divmod(height, HEIGHT)
            index = (self._range.size >> height) - 1
            entry = None if rest else self._entry(tiles, level, index)
            if entry is None or entry == node:
                return node
            vouching = self._marks.vouching(tiles, unit, height, index, entry)
            if vouching is None:
                self._disagrees(level, index, height)
                return node
            self._narrowed(index << height, (index + 1) << height, vouching)
            self._lost = False
            return entry

        self._range.append_subtree(HEIGHT, root, amend)

    def _repair(
        self,
        number: int,
        chosen: _Variant,
        marks: list[Mark],
        entry: bytes,
        vouching: Mark,
        tiles: Tiles,
        unit: Unit,
    ) -> None:
        start = number * WIDTH
        for mark in marks:
            if mark in chosen.unmet:
                break
            self._mark(mark, good=True)
        end = min((mark.size for mark in chosen.unmet), default=start + WIDTH)
        self._narrowed(start, end, vouching)
        self._append(entry, tiles, unit)

    def _narrowed(self, start: int, end: int, vouching: Mark) -> None:
        first = max(start, self.met) + 1 if self.met < end else start + 1
        message = f"among {span(first, end)} the history was changed, and its sealed hashes with it"
        reason = f"the checkpoint of {vouching.size} events proves what was sealed"
        self.report.add(Finding("range", f"{message}; {reason}", first, end, vouched_by=vouching.size))

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


def _unbroken(made: list[bytes | None]) -> list[bytes]:
    """The hashes up to the first that there is not."""
    found = []
    for each in made:
        if each is None:
            break
        found.append(each)
    return found
