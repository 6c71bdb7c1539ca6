"""Checks of order: positions without gaps, recorded times that never decrease, consecutive versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from permits_engine.audit.integrity.findings import MOST, Finding, VerificationReport, span, text_of
from permits_engine.domain.errors import StoreError, error
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.log.leaf import Row

_ENDS = Statement("SELECT count(*), coalesce(max(position), 0) FROM events")
_NEXT = Statement("SELECT min(position) FROM events WHERE position > :after")
_LAST = Statement("SELECT recorded_at FROM events WHERE position = :position")
# Ordered as a unique index, so that nothing is sorted. Read as bytes: see ``tiles``.
_VERSIONS = Statement(
    {
        "sqlite": "SELECT CAST(stream AS BLOB), version, position FROM events ORDER BY stream, version",
        "postgresql": """SELECT convert_to(stream, 'UTF8'), version, position FROM events
            WHERE position IS NOT NULL ORDER BY stream, version""",
    }
)


class HistoryEnds(NamedTuple):
    """The end of a history according to its head, and according to its rows."""

    head: history.Head
    rows: int
    last: int
    recorded_at: Any

    @classmethod
    def read(cls, tx: Transaction) -> HistoryEnds:
        """Read both ends; raises ``integrity.broken`` without a head."""
        try:
            head = history.head(tx)
        except StoreError:
            message = "the history's head is gone, and the store's name with it: restore a backup"
            raise error("integrity.broken", message) from None
        counted, last = tx.one(_ENDS) or (0, 0)
        row = tx.one(_LAST, {"position": last})
        return cls(head, counted, last, row[0] if row else 0)

    def check(self, report: VerificationReport, seen: int) -> None:
        """Report where head and rows disagree; ``seen`` is the number of rows with a position."""
        message = ""
        if self.head.position != self.last:
            message = f"the head is at {self.head.position}, the last event at {self.last}"
        elif self.head.recorded_at != self.recorded_at:
            message = f"the head's time is not that of the last event, {self.last}"
        if message:
            report.add(Finding("head", message, self.last, self.last))
        if self.rows > seen:
            message = f"rows that have no place in the order: {self.rows - seen}"
            report.add(Finding("unplaced", message))


def following(tx: Transaction, after: int) -> int | None:
    """Return the position of the first event after another, None at the end."""
    row = tx.one(_NEXT, {"after": after})
    return None if row is None else row[0]


class OrderCheck:
    """Checks positions and times of unsealed events; sealed ones are checked by their hashes."""

    def __init__(self, report: VerificationReport, sealed: int) -> None:
        self.seen = 0
        self.times: list[Finding] = []
        self._report = report
        self._sealed = sealed
        self._place = self._time = 0

    def rows(self, rows: Sequence[Row]) -> None:
        """Check the next events; gaps between calls count."""
        self.seen += len(rows)
        for position, *_, stored, _ in rows:
            time: Any = stored  # on SQLite a column may hold anything
            if position != self._place + 1:
                self._gap(position)
            self._place = position
            goes_on = isinstance(time, int) and time >= self._time
            if not goes_on and len(self.times) < MOST:
                message = f"event {position} was recorded before the one before it"
                self.times.append(Finding("recorded_at", message, position, position))
            self._time = time if isinstance(time, int) else self._time

    def _gap(self, position: int) -> None:
        if position == self._place and position > self._sealed:
            message = f"there are several events at position {position}"
            self._report.add(Finding("duplicate", message, position, position))
        first = max(self._place, self._sealed) + 1
        if first < position:
            message = f"{span(first, position - 1)} missing: the positions have a gap"
            self._report.add(Finding("missing", message, first, position - 1))


def versions(tx: Transaction, report: VerificationReport) -> None:
    """Report streams whose versions are not 1, 2, 3 and so on, in the order of their positions."""
    current, before, place = b"", 0, 0
    for stream, version, position in tx.stream(_VERSIONS):
        if stream != current:
            current, before, place = stream, 0, 0
        if version != before + 1:
            message = f"stream {text_of(stream)} goes from version {before} to {version}, at event {position}"
        elif position <= place:
            message = (
                f"version {version} of stream {text_of(stream)}, event {position}, comes before event {place}"
            )
        else:
            before, place = version, position
            continue
        report.add(Finding("version", message, position, position, text_of(stream), version))
        before, place = version if isinstance(version, int) else before, position
