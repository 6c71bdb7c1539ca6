"""The counts of the annual report: sums only, so that its size does not grow with the history."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from permits_engine.audit.sums import add_up, tally

OUTCOMES = ("granted", "granted_on_appeal", "refused", "open")
"""Outcomes of a first application; ``open`` includes those returned or answered by silence."""
TIME_LIMITS = ("opinion", "decision", "expedited")
"""Opinion of the local commission; decision on a first application; decision on an expedited renewal."""

Table = dict[str, dict[str, int]]
"""Counts by a group and, in it, by what is counted."""


class Delays(msgspec.Struct):
    """How many days acts took, and how many passed their legal limit.

    ``days`` counts acts by the days they took; ``limits`` counts the limits they had, in days; ``late`` acts were done
    after their limit, ``overdue`` ones not yet.
    """

    days: dict[int, int] = msgspec.field(default_factory=dict)
    limited: int = 0
    late: int = 0
    overdue: int = 0
    limits: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, took: int, limit: int | None) -> None:
        """Count an act; ``limit`` in days, None where the law sets none."""
        tally(self.days, took)
        if limit is not None:
            self.limited += 1
            self.late += took > limit
            tally(self.limits, limit)

    @property
    def count(self) -> int:
        """How many acts were done."""
        return sum(self.days.values())

    def quantile(self, share: float) -> int | None:
        """Return the days within which a share of the acts were done, None if there were none."""
        wanted, seen = share * self.count, 0
        for days in sorted(self.days):
            seen += self.days[days]
            if seen >= wanted:
                return days
        return None

    @property
    def limit(self) -> int | None:
        """The most frequent limit."""
        return max(self.limits, key=lambda days: (self.limits[days], -days)) if self.limits else None

    @classmethod
    def merged(cls, several: Iterable[Delays]) -> Delays:
        """Return the sums of several."""
        whole = cls()
        for each in several:
            add_up(whole, each)
        return whole


class AnnualReport(msgspec.Struct):
    """The counts of a period or of the whole history; days are ISO texts.

    ``applications`` has a table by outcome for each of nationality, sex, office and category.
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


def count(table: Table, group: str, what: str) -> None:
    """Add one to a table."""
    tally(table.setdefault(group, {}), what)


def total(rows: Iterable[dict[str, int]], names: Iterable[str]) -> dict[str, int]:
    """Return the sums of rows by name; each of ``names`` is there even if nothing was counted."""
    found = dict.fromkeys(names, 0)
    for row in rows:
        for name, number in row.items():
            tally(found, name, number)
    return found
