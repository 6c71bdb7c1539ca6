"""Which event was altered, inserted, removed or moved, where events and sealed hashes differ.

A leaf holds its own place. So that a row stood elsewhere when it was sealed is proved by the hash that it
would have had there: the places nearby are tried, and those that an insertion or a removal explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from permits_engine.audit.integrity.findings import Finding, Report, span
from permits_engine.audit.integrity.trusted_roots import Marks
from permits_engine.store.database.transactions import Database
from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import Row, leaf_hashes
from permits_engine.store.log.tiles import ROWS, UNREADABLE, WIDTH, Tiles

REACH = WIDTH
"""How far a row is looked for from where it stands."""
SEARCHES = 300
"""Rows that are looked for so; the others are tried at the shifts found by then."""
FAR_REACH = 1 << 16
FAR_SEARCHES = 3
"""After two rows in a row without a place, one is looked for this far: a block may have been taken out."""
HELD = 64
"""Rows without a place that are tried at each other's places, wherever those are."""
CHUNK = 4 * WIDTH


class _Placed(NamedTuple):
    row: Row
    origin: int | None


class _Run(NamedTuple):
    """Positions of the same kind one after another: moved by as much, or empty of as many rows."""

    first: int
    last: int
    shift: int


class Diagnosis:
    """Goes through the ranges of positions where events and sealed hashes differ.

    ``sealed`` is the number of sealed leaves, ``met`` that of leaves under a checkpoint that they meet.
    """

    def __init__(self, database: Database, marks: Marks, report: Report, *, sealed: int, met: int) -> None:
        self._database = database
        self._marks = marks
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
        """Look into the events from ``first`` to ``last``."""
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
        """Tell of the rows that are still without a place."""
        with self._database.read() as tx:
            tiles = Tiles(tx)
            for row in self._held:
                origin = self._exchanged(tiles, row)
                if origin is None:
                    self._altered(tiles, row)
                else:
                    self._moved(tiles, _Run(row[0], row[0], origin - row[0]))
        self._held.clear()

    # --- where a row stood ---

    def _place(self, tiles: Tiles, row: Row) -> None:
        origin = self._origin(tiles, row)
        if origin is None and self._lost and self._far_searches < FAR_SEARCHES:
            origin = self._from_afar(tiles, row)
        self._lost = origin is None
        self._at.setdefault(row[0], []).append(_Placed(row, origin))
        if origin is not None:
            self._claimed.add(origin)

    def _origin(self, tiles: Tiles, row: Row) -> int | None:
        position = row[0]
        for shift in self._shifts:
            if self._stood(tiles, row, position + shift):
                return position + shift
        if self._searches >= SEARCHES:
            return None
        self._searches += 1
        for distance in range(1, REACH + 1):
            for shift in (distance, -distance):
                if self._stood(tiles, row, position + shift):
                    self._shifted(shift)
                    return position + shift
        return None

    def _from_afar(self, tiles: Tiles, row: Row) -> int | None:
        self._far_searches += 1
        position = row[0]
        for place in range(max(1, position - FAR_REACH), min(self._sealed, position + FAR_REACH) + 1):
            if self._stood(tiles, row, place):
                self._shifted(place - position)
                # Those before it were not found for the same reason.
                for others in self._at.values():
                    for at, (other, origin) in enumerate(others):
                        if origin is None and self._stood(tiles, other, other[0] + place - position):
                            others[at] = _Placed(other, other[0] + place - position)
                            self._claimed.add(other[0] + place - position)
                return place
        return None

    def _shifted(self, shift: int) -> None:
        self._shifts = [0, shift, *(each for each in self._shifts[1:3] if each != shift)]

    def _stood(self, tiles: Tiles, row: Row, position: int, time: int | None = None) -> bool:
        if not 1 <= position <= self._sealed:
            return False
        recorded_at = row[4] if time is None else time
        try:
            (found,) = leaf_hashes([(position, row[1], row[2], row[3], recorded_at, row[5])])
        except UNREADABLE:
            return False
        return found == _sealed_at(tiles, position)

    def _exchanged(self, tiles: Tiles, row: Row) -> int | None:
        """Where a row stood, if it was exchanged with another held one, their times left in place or not."""
        for other in self._held:
            for time in (row[4], other[4]):
                if other[0] != row[0] and self._stood(tiles, row, other[0], time):
                    return other[0]
        return None

    # --- what that means for a position ---

    def _settle(self, tiles: Tiles, position: int) -> None:
        placed = self._at.pop(position, [])
        taken = position in self._claimed
        self._claimed.discard(position)
        if position > self._sealed:
            return
        for row, origin in placed:
            if origin is None:
                if self._run is not None and position + self._run.shift > self._sealed:
                    # It moved up from behind the seal: there is nothing to know it by.
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
        self,
        run: _Run | None,
        position: int,
        shift: int,
        tell: Callable[[Tiles, _Run], None],
        tiles: Tiles,
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
        found = Finding("altered", f"event {row[0]}, {_told(row)}, is not the one that was sealed")
        self._tell(tiles, _of(found, row), row[0], row[0])

    def _inserted(self, tiles: Tiles, row: Row) -> None:
        found = Finding("inserted", f"event {row[0]}, {_told(row)}, was put in after the sealing")
        self._tell(tiles, _of(found, row), row[0], row[0])

    def _missing(self, tiles: Tiles, run: _Run) -> None:
        # Where nothing stands it is missing, whatever its sealed hash; else that has to be a good one.
        first = self._not_told(tiles, run.first, run.last) if run.shift else run.first
        if first <= run.last:
            are = "is" if first == run.last else "are"
            found = Finding("missing", f"{span(first, run.last)} {are} missing: sealed, and no longer there")
            self._tell(tiles, found, first, run.last, certain=not run.shift)

    def _moved(self, tiles: Tiles, run: _Run) -> None:
        last = run.last + run.shift
        first = self._not_told(tiles, run.first + run.shift, last)
        if first <= last:
            now = span(first - run.shift, run.last)
            found = Finding("moved", f"what was {span(first, last)} when it was sealed now is {now}")
            found.moved_from = first
            self._tell(tiles, found, first - run.shift, run.last)

    def _not_told(self, tiles: Tiles, first: int, last: int) -> int:
        """The first place of a run of which no range around it says all that can be said."""
        while first <= last and self._vouched_by(tiles, first) is None:
            told = [each.last for each in self._ranges if each.covers(first) and each.last is not None]
            if not told:
                break
            first = max(told) + 1
        return first

    def _tell(self, tiles: Tiles, found: Finding, first: int, last: int, *, certain: bool = False) -> None:
        found.first, found.last = first, last
        place = found.moved_from or first
        found.vouched_by = self._vouched_by(tiles, place)
        if found.vouched_by is not None:
            found.message += f"; the checkpoint of {found.vouched_by} events proves it"
        elif not certain and any(each.covers(place) for each in self._ranges):
            # The sealed hash was changed too: the range around it says what can be said.
            return
        else:
            found.message += "; no checkpoint proves it"
        self._report.add(found)

    def _vouched_by(self, tiles: Tiles, position: int) -> int | None:
        """The size of a checkpoint that proves the sealed hash of a place."""
        mark = self._marks.vouching(tiles, 0, position - 1, _sealed_at(tiles, position))
        if mark is not None:
            return mark.size
        if position <= self._met and not any(each.clouds(position) for each in self._ranges):
            # No proof by way of the tiles, which are not whole; but this hash is one of those that led there.
            return self._met
        return None


def _sealed_at(tiles: Tiles, position: int) -> bytes:
    number, at = divmod(position - 1, WIDTH)
    size = merkle.HASH_BYTES
    return tiles.tile(0, number)[at * size : (at + 1) * size]


def _told(row: Row) -> str:
    name, stream = _text(row[3]), _text(row[1])
    return f"{name}, version {row[2]} of {stream}"


def _of(found: Finding, row: Row) -> Finding:
    found.stream, found.version, found.name = _text(row[1]), row[2], _text(row[3])
    return found


def _text(data: Any) -> str:
    return data.decode("utf-8", errors="replace") if isinstance(data, bytes) else str(data)
