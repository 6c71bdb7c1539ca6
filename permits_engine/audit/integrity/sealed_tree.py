"""Check of the sealed hashes against one another and every checkpoint, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator

from permits_engine.audit.integrity.findings import Finding, VerificationReport, span
from permits_engine.audit.integrity.trusted_roots import TrustedRoot
from permits_engine.store.log import merkle
from permits_engine.store.log.tiles import HEIGHT, WIDTH, Tiles


class SealedTree:
    """The Merkle tree of the sealed hashes; beside it, where the events' own hashes differ, the tree of these.

    A checkpoint decides which of the two is right, and both continue from there. Where it proves neither, no later
    checkpoint can prove anything.
    """

    def __init__(self, roots: Iterator[TrustedRoot], report: VerificationReport, sealed: int) -> None:
        self.report = report
        self.sealed = sealed
        self._met = self._met_outside = 0
        """Sizes of the last checkpoints that match: of those kept here, and of those from outside."""
        self._roots = roots
        self._next = next(roots, None)
        self._tree = merkle.CompactRange()
        self._events: merkle.CompactRange | None = None
        self._broken = False
        """Whether events are missing since the last checkpoint that matches."""
        self._differ: list[int] = []
        """Positions of sealed hashes since then that are not those of the events."""
        self._lost: Finding | None = None
        self._damaged: list[Finding] = []
        self._short: set[tuple[int, int]] = set()
        for trusted in self._until(0):
            self._check(trusted)

    def add(self, tiles: Tiles, number: int, sealed: list[bytes], made: list[bytes | None]) -> None:
        """Add a tile: its sealed hashes, and those made of the present events."""
        start, done = number * WIDTH, 0
        if self._tree.size != start:
            # The order breaks before this tile.
            return
        leaves, own = sealed + _unbroken(made[len(sealed) :]), _unbroken(made)
        for trusted in list(self._until(start + len(leaves))):
            part = slice(done, trusted.size - start)
            self._grow(tiles, leaves[part], own[part])
            done = trusted.size - start
            self._check(trusted)
        self._grow(tiles, leaves[done:], own[done:])

    def is_damaged(self, position: int) -> bool:
        """Whether a checkpoint proves the event at a position although its sealed hash was altered."""
        return any(each.covers(position) for each in self._damaged)

    def proof_of(self, position: int) -> int | None:
        """Return the size of the last checkpoint that matches, if it proves the sealed hash of a position."""
        size = max(self._met, self._met_outside)
        return size if position <= size and not self.is_damaged(position) else None

    def finish(self, last: int) -> None:
        """Report what cannot be checked, and the checkpoints that state more events than the ``last`` position."""
        lost, size = self._lost, self._tree.size
        if lost is not None and lost.last is not None and size > lost.last:
            lost.unclear_to = size
            lost.message += f"; of {span(lost.last + 1, size)} nothing can be said by way of checkpoints"
        most = max(self._until(2**63), default=None)
        if most is None:
            return
        if last < most.size:
            where, reason = (
                ("from outside ", ": a cut tail, or a backup restored") if most.outside else ("", "")
            )
            message = f"{span(last + 1, most.size)} are missing: the checkpoint {where}of {most.size} events"
            found = Finding("missing", f"{message} states more than the {last} there are{reason}")
            found.first, found.last = last + 1, most.size
        else:
            message = f"the checkpoint of {most.size} events cannot be compared: the order breaks before it"
            found = Finding("range", message, self._tree.size + 1, most.size)
        found.vouched_by = most.size
        self.report.add(found)

    # --- checkpoints ---

    def _until(self, size: int) -> Iterator[TrustedRoot]:
        while self._next is not None and self._next.size <= size:
            yield self._next
            self._next = next(self._roots, None)

    def _check(self, trusted: TrustedRoot) -> None:
        if trusted.outside:
            self.report.outside.append(trusted.size)
        if self._tree.root() != trusted.root:
            if self._events is None or self._events.root() != trusted.root:
                self._unmet(trusted)
                return
            first, last = self._differ[0], self._differ[-1]
            message = f"the sealed hashes of {span(first, last)} were altered; the events are those that were sealed"
            self._damaged.append(Finding("tile", message, first, last))
            self.report.add(self._damaged[-1])
            self._tree = self._events
        self._events, self._broken, self._differ = None, False, []
        if trusted.outside:
            self._met_outside = trusted.size
        else:
            self._met = self.report.checkpoint = trusted.size

    def _unmet(self, trusted: TrustedRoot) -> None:
        last = max(trusted.size, 1)
        if trusted.outside:
            first = self._met_outside + 1
            message = (
                f"the checkpoint from outside, of {trusted.size} events, is of another history than this one"
            )
            reason = "events were changed and sealed anew, or a backup was restored and went on"
            found = Finding("diverged", f"{message}: among {span(first, last)} {reason}", first, last)
        elif self._lost is None:
            first = self._met + 1
            since = f"that of {self._met} is the last that is met" if self._met else "none before it is met"
            message = f"the sealed hashes of {span(first, last)} were altered, and the events as they are"
            reason = f"do not lead to the checkpoint of {trusted.size} events either: {since}"
            found = self._lost = Finding("range", f"{message} {reason}", first, last)
        else:
            return
        found.vouched_by = trusted.size
        self.report.add(found)

    # --- tiles ---

    def _grow(self, tiles: Tiles, leaves: list[bytes], own: list[bytes]) -> None:
        """Add hashes to the tree of the sealed ones, and to that of the events' own once these differ."""
        if leaves != own and not self._broken:
            self._events = self._events or self._tree.copy()
            pairs = enumerate(zip(leaves, own, strict=False), self._tree.size + 1)
            self._differ += [position for position, (leaf, event) in pairs if leaf != event]
            if len(own) < len(leaves):
                self._events, self._broken = None, True
        whole: dict[int, set[bytes]] = {}
        for tree, hashes in ((self._tree, leaves), (self._events, own)):
            if tree is not None:
                _appended(tree, hashes, whole)
        for height, nodes in whole.items():
            level, rest = divmod(height, HEIGHT)
            if not rest:
                self._check_entry(tiles, level, (self._tree.size >> height) - 1, nodes)

    def _check_entry(self, tiles: Tiles, level: int, index: int, nodes: set[bytes]) -> None:
        """Report a tile's root in the level above that is missing, or that none of the trees leads to."""
        number, at = divmod(index, WIDTH)
        size = merkle.HASH_BYTES
        found = tiles.tile(level, number)[at * size : (at + 1) * size]
        first, last = (index << (level * HEIGHT)) + 1, (index + 1) << (level * HEIGHT)
        if len(found) == size:
            if found not in nodes:
                message = f"the sealed hashes of {span(first, last)} do not agree with hash {index} of level {level}"
                self.report.add(Finding("tile", f"{message}: one of them was altered", first, last))
        elif last <= self.sealed and (level, number) not in self._short:
            self._short.add((level, number))
            message = f"sealed hashes are missing: tile {number} of level {level} is not whole"
            self.report.add(Finding("tile", message))


def _appended(tree: merkle.CompactRange, hashes: list[bytes], whole: dict[int, set[bytes]]) -> None:
    """Append hashes to a tree; add the subtrees that become whole to those of their height."""

    def note(height: int, node: bytes) -> None:
        whole.setdefault(height, set()).add(node)

    if len(hashes) == WIDTH:
        root = merkle.fold(hashes)
        note(HEIGHT, root)
        tree.append_subtree(HEIGHT, root, note)
        return
    for leaf in hashes:
        tree.append_subtree(0, leaf, note)


def _unbroken(made: list[bytes | None]) -> list[bytes]:
    """Return the hashes up to the first that is missing."""
    whole = made[: made.index(None)] if None in made else made
    return list(whole)  # type: ignore[arg-type]
