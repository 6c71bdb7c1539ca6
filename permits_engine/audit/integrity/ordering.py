"""Whether the history is in order: positions without gaps, times that never go back, versions one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from permits_engine.audit.integrity.findings import MOST, Finding, Report, span
from permits_engine.domain.errors import StoreError, error
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.log.leaf import Row

_ENDS = Statement("SELECT count(*), coalesce(max(position), 0) FROM events")
_NEXT = Statement("SELECT min(position) FROM events WHERE position > :after")
_LAST = Statement("SELECT recorded_at FROM events WHERE position = :position")
# In the order of a unique index, so that nothing is sorted where that is still there. As bytes: see ``tiles``.
_VERSIONS = Statement(
    {
        "sqlite": "SELECT CAST(stream AS BLOB), version, position FROM events ORDER BY stream, version",
        "postgresql": """SELECT convert_to(stream, 'UTF8'), version, position FROM events
            WHERE position IS NOT NULL ORDER BY stream, version""",
    }
)


class Ends(NamedTuple):
    """Where a history ends: as its head says, and as its rows say."""

    head: history.Head
    rows: int
    last: int
    recorded_at: Any

    @classmethod
    def read(cls, tx: Transaction) -> Ends:
        """The ends of one view of the store."""
        try:
            head = history.head(tx)
        except StoreError:
            message = "the history's head is gone, and the store's name with it: restore a backup"
            raise error("integrity.broken", message) from None
        counted, last = tx.one(_ENDS) or (0, 0)
        row = tx.one(_LAST, {"position": last})
        return cls(head, counted, last, row[0] if row else 0)

    def check(self, report: Report, seen: int) -> None:
        """That head and rows agree, ``seen`` being the rows that have a place in the order."""
        head = self.head
        if head.position != self.last:
            message = f"the head stands at {head.position}, the last event at {self.last}"
            report.add(Finding("head", message, self.last, self.last))
        elif head.recorded_at != self.recorded_at:
            message = f"the head's time is not that of the last event, {self.last}"
            report.add(Finding("head", message, self.last, self.last))
        if self.rows > seen:
            message = f"rows that have no place in the order: {self.rows - seen}"
            report.add(Finding("unplaced", message))


def following(tx: Transaction, after: int) -> int | None:
    """The place of the first event after a position; none where there is none."""
    row = tx.one(_NEXT, {"after": after})
    return None if row is None else row[0]


class Order:
    """Goes through the events in order; what a seal can tell better is left to it."""

    def __init__(self, report: Report, sealed: int) -> None:
        self.seen = 0
        self.times: list[Finding] = []
        self._report = report
        self._sealed = sealed
        self._place = self._time = 0

    def rows(self, rows: Sequence[Row], after: int, until: int) -> bool:
        """Whether positions are those after ``after`` and up to ``until``, each once.

        What is left out between two calls counts as a gap.
        """
        self.seen += len(rows)
        positions = [row[0] for row in rows]
        whole = positions == list(range(after + 1, until + 1))
        if not whole or self._place != after:
            self._gaps(positions)
        self._place = positions[-1] if positions else self._place
        self._recorded(rows)
        return whole

    def _gaps(self, positions: list[int]) -> None:
        before = self._place
        for position in positions:
            if position == before and position > self._sealed:
                message = f"there are several events at position {position}"
                self._report.add(Finding("duplicate", message, position, position))
            first = max(before + 1, self._sealed + 1)
            if first < position:
                message = f"{span(first, position - 1)} missing: the positions have a gap"
                self._report.add(Finding("missing", message, first, position - 1))
            before = position

    def _recorded(self, rows: Sequence[Row]) -> None:
        times: list[Any] = [row[4] for row in rows]
        if not times:
            return
        try:
            if self._time <= times[0] and times == sorted(times):
                self._time = times[-1]
                return
        except TypeError:
            pass
        for (position, *_), time in zip(rows, times, strict=True):
            if isinstance(time, int) and time >= self._time:
                self._time = time
                continue
            if len(self.times) < MOST:
                message = f"event {position} was recorded before the one before it"
                self.times.append(Finding("recorded_at", message, position, position))


def versions(tx: Transaction, report: Report) -> None:
    """That every stream's versions are 1, 2, 3 and so on, each later than the one before."""
    current, before, place = b"", 0, 0
    for stream, version, position in tx.stream(_VERSIONS):
        if stream != current:
            current, before, place = stream, 0, 0
        if version != before + 1:
            message = f"stream {_text(stream)} goes from version {before} to {version}, at event {position}"
        elif position <= place:
            message = (
                f"version {version} of stream {_text(stream)}, event {position}, stands before event {place}"
            )
        else:
            before, place = version, position
            continue
        report.add(Finding("version", message, position, position, _text(stream), version))
        before, place = version if isinstance(version, int) else before, position


def _text(stream: object) -> str:
    return stream.decode("utf-8", errors="replace") if isinstance(stream, bytes) else str(stream)
