"""Which events were altered, and where rows were removed, inserted or moved, where events and sealed hashes differ."""

from __future__ import annotations

from permits_engine.audit.integrity.findings import Finding, VerificationReport, span, text_of
from permits_engine.audit.integrity.sealed_tree import SealedTree
from permits_engine.store.database.transactions import Database
from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import Row, leaf_hashes
from permits_engine.store.log.tiles import ROWS, UNREADABLE, WIDTH, Tiles

REACH = 4 * WIDTH
"""How far from its position a row is searched for: a leaf contains its position, so every place costs a hash."""
SEARCHES = 64
"""Most rows searched for; the others are tried at the shifts found by then."""
CHUNK = 4 * WIDTH


class Diagnosis:
    """Findings for ranges of positions: each altered event, and runs of rows that are missing or were moved."""

    def __init__(self, database: Database, tree: SealedTree, report: VerificationReport) -> None:
        self._database = database
        self._tree = tree
        self._report = report
        self._shifts: list[int] = []
        self._searches = 0
        self._run: Finding | None = None
        self._shift = 0

    def between(self, first: int, last: int) -> None:
        """Diagnose the events from ``first`` to ``last``."""
        for after in range(first - 1, last, CHUNK):
            until = min(after + CHUNK, last)
            with self._database.read() as tx:
                tiles = Tiles(tx)
                rows: dict[int, list[Row]] = {}
                for row in tx.all(ROWS, {"after": after, "until": until}):
                    rows.setdefault(row[0], []).append(row)
                for position in range(after + 1, until + 1):
                    if _sealed_at(tiles, position) and not self._tree.is_damaged(position):
                        self._look_at(tiles, position, rows.get(position, []))
        self._end_run()

    def _look_at(self, tiles: Tiles, position: int, rows: list[Row]) -> None:
        if not rows:
            self._follow("missing", position, 0)
        for row in rows:
            shift = self._shift_of(tiles, row)
            if shift:
                self._follow("moved", position, shift)
            elif shift is None and self._came_from_beyond(position):
                assert self._run is not None
                self._run.unclear_to = position
            elif shift is None:
                name, stream = text_of(row[3]), text_of(row[1])
                message = (
                    f"event {position}, {name}, version {row[2]} of {stream}, is not the one that was sealed"
                )
                self._add(Finding("altered", message, position, position, stream, row[2], name), position)

    def _shift_of(self, tiles: Tiles, row: Row) -> int | None:
        """Return how far from its position a row was when it was sealed, or none if that was not found."""
        if _was_at(tiles, row, row[0]):
            return 0
        found = next((each for each in self._shifts if _was_at(tiles, row, row[0] + each)), None)
        if found is None and self._searches < SEARCHES:
            self._searches += 1
            shifts = (sign * distance for distance in range(1, REACH + 1) for sign in (1, -1))
            found = next((each for each in shifts if _was_at(tiles, row, row[0] + each)), None)
        if found is not None:
            self._shifts = [found, *(each for each in self._shifts[:3] if each != found)]
        return found

    def _came_from_beyond(self, position: int) -> bool:
        """Whether a row moved with those before it, from beyond the seal, where no hash identifies it."""
        run = self._run
        if run is None or run.kind != "moved" or position + self._shift <= self._tree.sealed:
            return False
        return (run.unclear_to or run.last) == position - 1

    def _follow(self, kind: str, position: int, shift: int) -> None:
        """Add a position to the run of those before it, or begin another run."""
        run = self._run
        if run is not None and (run.kind, run.last, self._shift) == (kind, position - 1, shift):
            run.last = position
            return
        self._end_run()
        self._run, self._shift = Finding(kind, "", position, position), shift

    def _end_run(self) -> None:
        found, self._run = self._run, None
        if found is None or found.first is None or found.last is None:
            return
        if found.kind == "missing":
            are = "is" if found.first == found.last else "are"
            found.message = f"{span(found.first, found.last)} {are} missing: sealed, and no longer there"
            self._add(found, found.first)
            return
        found.moved_from = found.first + self._shift
        sealed, now = span(found.moved_from, found.last + self._shift), span(found.first, found.last)
        found.message = f"what was {sealed} when it was sealed now is {now}"
        self._add(found, found.moved_from)

    def _add(self, found: Finding, sealed_at: int) -> None:
        found.vouched_by = self._tree.proof_of(sealed_at)
        proof = "no checkpoint proves it"
        if found.vouched_by is not None:
            proof = f"the checkpoint of {found.vouched_by} events proves it"
        found.message += f"; {proof}"
        self._report.add(found)


def _was_at(tiles: Tiles, row: Row, position: int) -> bool:
    """Whether a row has the hash that was sealed at a position."""
    if position < 1:
        return False
    try:
        (found,) = leaf_hashes([(position, *row[1:])])
    except UNREADABLE:
        return False
    return found == _sealed_at(tiles, position)


def _sealed_at(tiles: Tiles, position: int) -> bytes:
    number, at = divmod(position - 1, WIDTH)
    size = merkle.HASH_BYTES
    return tiles.tile(0, number)[at * size : (at + 1) * size]
