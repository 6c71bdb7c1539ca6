"""Which event was altered, inserted, removed or moved, where events and sealed hashes differ.

A leaf contains its position. That a row was at another position when it was sealed is proved by the hash that it
would have had there: positions nearby are tried, and those that an insertion or removal explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from permits_engine.audit.integrity.findings import Finding, VerificationReport, span, text_of
from permits_engine.audit.integrity.trusted_roots import TrustedRoots
from permits_engine.store.database.transactions import Database
from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import Row, leaf_hashes
from permits_engine.store.log.tiles import ROWS, UNREADABLE, WIDTH, Tiles

REACH = WIDTH
"""How far from its position a row is searched for."""
SEARCHES = 300
"""Most rows searched for; the others are tried at the shifts found by then."""
FAR_REACH = 1 << 16
FAR_SEARCHES = 3
"""The reach and number of wider searches, after two unplaced rows in a row: a block may have been removed."""
HELD = 64
"""Most unplaced rows that are tried at each other's positions."""
CHUNK = 4 * WIDTH


class _Placed(NamedTuple):
    row: Row
    origin: int | None


class _Run(NamedTuple):
    """Consecutive positions that moved by the same shift, or lack the same number of rows."""

    first: int
    last: int
    shift: int


class Diagnosis:
    """Diagnosis of the ranges of positions where events and sealed hashes differ.

    ``sealed`` is the number of sealed leaves, ``met`` the size of the last kept checkpoint that matches.
    """

    def __init__(
        self, database: Database, roots: TrustedRoots, report: VerificationReport, *, sealed: int, met: int
    ) -> None:
        self._database = database
        self._roots = roots
        self._report = report
        self._sealed = sealed
        self._met = met
        self._shifts = [0]
        self._searches = self._far_searches = 0
        self._lost = False
        self._at: dict[int, list[_Placed]] = {}
        self._claimed: set[int] = set()
        self._held: list[Row] = []
        self._run: _Run | None = None
        self._gap: _Run | None = None
        self._ranges = [each for each in report.findings if each.kind in {"range", "tile"}]

    def between(self, first: int, last: int) -> None:
        """Diagnose the events from ``first`` to ``last``."""
        end, settled = last + REACH, first - 1
        for after in range(first - 1, end, CHUNK):
            until = min(after + CHUNK, end)
            with self._database.read() as tx:
                tiles = Tiles(tx)
                for row in tx.all(ROWS, {"after": after, "until": until}):
                    self._place(tiles, row)
                ready = last if until == end else min(last, until - REACH)
                for position in range(settled + 1, ready + 1):
                    self._settle(tiles, position)
                settled = max(settled, ready)
        with self._database.read() as tx:
            self._end_runs(Tiles(tx))
        self._at.clear()
        self._claimed.clear()

    def finish(self) -> None:
        """Report the rows that are still unplaced."""
        with self._database.read() as tx:
            tiles = Tiles(tx)
            for row in self._held:
                origin = self._swapped(tiles, row)
                if origin is None:
                    self._altered(tiles, row)
                else:
                    self._moved(tiles, _Run(row[0], row[0], origin - row[0]))
        self._held.clear()

    # --- original positions ---

    def _place(self, tiles: Tiles, row: Row) -> None:
        origin = self._origin(tiles, row)
        if origin is None and self._lost and self._far_searches < FAR_SEARCHES:
            origin = self._far_origin(tiles, row)
        self._lost = origin is None
        self._at.setdefault(row[0], []).append(_Placed(row, origin))
        if origin is not None:
            self._claimed.add(origin)

    def _origin(self, tiles: Tiles, row: Row) -> int | None:
        position = row[0]
        for shift in self._shifts:
            if self._was_at(tiles, row, position + shift):
                return position + shift
        if self._searches >= SEARCHES:
            return None
        self._searches += 1
        for distance in range(1, REACH + 1):
            for shift in (distance, -distance):
                if self._was_at(tiles, row, position + shift):
                    self._shifted(shift)
                    return position + shift
        return None

    def _far_origin(self, tiles: Tiles, row: Row) -> int | None:
        self._far_searches += 1
        position = row[0]
        for place in range(max(1, position - FAR_REACH), min(self._sealed, position + FAR_REACH) + 1):
            if self._was_at(tiles, row, place):
                self._shifted(place - position)
                # The rows before it may have moved by the same shift.
                for others in self._at.values():
                    for at, (other, origin) in enumerate(others):
                        if origin is None and self._was_at(tiles, other, other[0] + place - position):
                            others[at] = _Placed(other, other[0] + place - position)
                            self._claimed.add(other[0] + place - position)
                return place
        return None

    def _shifted(self, shift: int) -> None:
        self._shifts = [0, shift, *(each for each in self._shifts[1:3] if each != shift)]

    def _was_at(self, tiles: Tiles, row: Row, position: int, time: int | None = None) -> bool:
        if not 1 <= position <= self._sealed:
            return False
        recorded_at = row[4] if time is None else time
        try:
            (found,) = leaf_hashes([(position, row[1], row[2], row[3], recorded_at, row[5])])
        except UNREADABLE:
            return False
        return found == _sealed_at(tiles, position)

    def _swapped(self, tiles: Tiles, row: Row) -> int | None:
        """Return the row's original position if it was swapped with another unplaced row."""
        for other in self._held:
            for time in (row[4], other[4]):
                if other[0] != row[0] and self._was_at(tiles, row, other[0], time):
                    return other[0]
        return None

    # --- what happened at a position ---

    def _settle(self, tiles: Tiles, position: int) -> None:
        placed = self._at.pop(position, [])
        taken = position in self._claimed
        self._claimed.discard(position)
        if position > self._sealed:
            return
        for row, origin in placed:
            if origin is None:
                if self._run is not None and position + self._run.shift > self._sealed:
                    # It moved here from beyond the seal, where no hash identifies it.
                    continue
                if taken:
                    self._inserted(tiles, row)
                elif len(self._held) < HELD:
                    self._held.append(row)
                else:
                    self._altered(tiles, row)
                taken = True
            elif origin != position:
                self._run = self._follow(self._run, position, origin - position, self._moved, tiles)
        if not taken:
            self._gap = self._follow(self._gap, position, len(placed), self._missing, tiles)

    def _follow(
        self, run: _Run | None, position: int, shift: int, tell: Callable[[Tiles, _Run], None], tiles: Tiles
    ) -> _Run:
        if run is not None and (run.last, run.shift) == (position - 1, shift):
            return run._replace(last=position)
        if run is not None:
            tell(tiles, run)
        return _Run(position, position, shift)

    def _end_runs(self, tiles: Tiles) -> None:
        if self._run is not None:
            self._moved(tiles, self._run)
        if self._gap is not None:
            self._missing(tiles, self._gap)
        self._run = self._gap = None

    # --- findings ---

    def _altered(self, tiles: Tiles, row: Row) -> None:
        found = Finding("altered", f"event {row[0]}, {_described(row)}, is not the one that was sealed")
        self._report_at(tiles, _of(found, row), row[0], row[0])

    def _inserted(self, tiles: Tiles, row: Row) -> None:
        found = Finding("inserted", f"event {row[0]}, {_described(row)}, was put in after the sealing")
        self._report_at(tiles, _of(found, row), row[0], row[0])

    def _missing(self, tiles: Tiles, run: _Run) -> None:
        # An empty position is missing whatever its sealed hash; else the hash must be proved.
        first = self._first_unreported(tiles, run.first, run.last) if run.shift else run.first
        if first <= run.last:
            are = "is" if first == run.last else "are"
            found = Finding("missing", f"{span(first, run.last)} {are} missing: sealed, and no longer there")
            self._report_at(tiles, found, first, run.last, certain=not run.shift)

    def _moved(self, tiles: Tiles, run: _Run) -> None:
        last = run.last + run.shift
        first = self._first_unreported(tiles, run.first + run.shift, last)
        if first <= last:
            now = span(first - run.shift, run.last)
            found = Finding("moved", f"what was {span(first, last)} when it was sealed now is {now}")
            found.moved_from = first
            self._report_at(tiles, found, first - run.shift, run.last)

    def _first_unreported(self, tiles: Tiles, first: int, last: int) -> int:
        """Return the first position of the run not already covered by a reported range."""
        while first <= last and self._vouched_by(tiles, first) is None:
            told = [each.last for each in self._ranges if each.covers(first) and each.last is not None]
            if not told:
                break
            first = max(told) + 1
        return first

    def _report_at(
        self, tiles: Tiles, found: Finding, first: int, last: int, *, certain: bool = False
    ) -> None:
        found.first, found.last = first, last
        place = found.moved_from or first
        found.vouched_by = self._vouched_by(tiles, place)
        if found.vouched_by is not None:
            found.message += f"; the checkpoint of {found.vouched_by} events proves it"
        elif not certain and any(each.covers(place) for each in self._ranges):
            # The sealed hash was changed too, which the range around it reports.
            return
        else:
            found.message += "; no checkpoint proves it"
        self._report.add(found)

    def _vouched_by(self, tiles: Tiles, position: int) -> int | None:
        """Return the size of a checkpoint that proves the sealed hash of a position."""
        trusted = self._roots.vouching(tiles, 0, position - 1, _sealed_at(tiles, position))
        if trusted is not None:
            return trusted.size
        if position <= self._met and not any(each.affects(position) for each in self._ranges):
            # The tiles are incomplete, but this hash is one of those that led to the checkpoint.
            return self._met
        return None


def _sealed_at(tiles: Tiles, position: int) -> bytes:
    number, at = divmod(position - 1, WIDTH)
    size = merkle.HASH_BYTES
    return tiles.tile(0, number)[at * size : (at + 1) * size]


def _described(row: Row) -> str:
    name, stream = text_of(row[3]), text_of(row[1])
    return f"{name}, version {row[2]} of {stream}"


def _of(found: Finding, row: Row) -> Finding:
    found.stream, found.version, found.name = text_of(row[1]), row[2], text_of(row[3])
    return found
