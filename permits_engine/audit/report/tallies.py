"""What the annual account counts: sums only, so that its size does not grow with the history."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

OUTCOMES = ("granted", "granted_on_appeal", "refused", "open")
"""What became of a first application; ``open`` also counts those returned or answered by silence."""
CLOCKS = ("opinion", "decision", "expedited")
"""Opinion of the local commission; decision on a first application; decision on an expedited renewal."""


class Delays(msgspec.Struct):
    """How long acts took, in days, and how many came after their legal limit.

    ``days`` counts acts by their days; ``limited`` those that had a limit, ``late`` those after it; ``overdue``
    are not done and past it; ``limit`` is the usual limit in days.
    """

    days: dict[int, int] = msgspec.field(default_factory=dict)
    limited: int = 0
    late: int = 0
    overdue: int = 0
    limits: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, took: int, limit: int | None) -> None:
        """One more act; ``limit`` in days, none where the law sets none."""
        self.days[took] = self.days.get(took, 0) + 1
        if limit is not None:
            self.limited += 1
            self.late += took > limit
            self.limits[limit] = self.limits.get(limit, 0) + 1

    @property
    def count(self) -> int:
        """How many acts were done."""
        return sum(self.days.values())

    def quantile(self, share: float) -> int | None:
        """The days within which a share of the acts were done; none where there was none."""
        wanted, seen = share * self.count, 0
        for days in sorted(self.days):
            seen += self.days[days]
            if seen >= wanted:
                return days
        return None

    @property
    def limit(self) -> int | None:
        """The limit that most acts had."""
        return max(self.limits, key=lambda days: (self.limits[days], -days)) if self.limits else None

    def merge(self, other: Delays) -> None:
        """Count what another counted as well."""
        for mine, theirs in ((self.days, other.days), (self.limits, other.limits)):
            for days, count in theirs.items():
                mine[days] = mine.get(days, 0) + count
        self.limited += other.limited
        self.late += other.late
        self.overdue += other.overdue


Table = dict[str, dict[str, int]]
"""Counts by a group and, in it, by what is counted."""


class Account(msgspec.Struct):
    """The account of a period, or of the whole history; days are ISO texts.

    ``applications`` has a table for each of nationality, sex, office and category, by outcome.
    """

    origin: str
    position: int
    made_on: str
    first: str | None
    last: str
    permits: int = 0
    applications: dict[str, Table] = msgspec.field(default_factory=dict)
    ages: Table = msgspec.field(default_factory=dict)
    months: Table = msgspec.field(default_factory=dict)
    renewals: dict[str, int] = msgspec.field(default_factory=dict)
    delays: dict[str, dict[str, Delays]] = msgspec.field(default_factory=dict)
    appeals: Table = msgspec.field(default_factory=dict)
    ruling: dict[str, Delays] = msgspec.field(default_factory=dict)
    reminders: Table = msgspec.field(default_factory=dict)
    terms: dict[str, int] = msgspec.field(default_factory=dict)
    lapses: Table = msgspec.field(default_factory=dict)
    endings: Table = msgspec.field(default_factory=dict)
    departures: Table = msgspec.field(default_factory=dict)
    operations: dict[str, Table] = msgspec.field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, int]:
        """All first applications by outcome."""
        return total(self.applications.get("category", {}).values(), OUTCOMES)


def count(table: Table, group: str, what: str, number: int = 1) -> None:
    """Add to a table."""
    row = table.setdefault(group, {})
    row[what] = row.get(what, 0) + number


def total(rows: Iterable[dict[str, int]], names: Iterable[str]) -> dict[str, int]:
    """The sums of some rows, by the names given."""
    found = dict.fromkeys(names, 0)
    for row in rows:
        for name, number in row.items():
            found[name] = found.get(name, 0) + number
    return found
