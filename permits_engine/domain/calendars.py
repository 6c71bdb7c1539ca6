"""Calendars: working days, public holidays, and how a period is counted over them.

A feast that follows the sighting of the moon is only estimated until its date is official, and an exceptional day may
depend on one: each is a ``Doubt``, read in one of two ways. A ``Reading`` names the doubts that are read the other way.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from permits_engine.domain.periods import ONE_DAY, Period, add
from permits_engine.domain.phrases import Phrase

Reading = frozenset[str]
"""The keys of the doubts that are not read as estimated."""
AS_ESTIMATED: Reading = frozenset()
YEAR = "year"
"""The doubt about every day of a year whose feasts are not listed."""


class Holiday(msgspec.Struct, frozen=True):
    """A public holiday, with the day from which it was known and the day on which it was withdrawn.

    ``doubt`` is the key of what its day depends on until it is official.
    """

    day: date
    name: str
    known: date
    until_known: date | None = None
    estimated: bool = False
    doubt: str = ""


class Doubt(msgspec.Struct, frozen=True):
    """What is not certain about days off, from ``known`` until ``settled``, where it is known when that will be.

    ``estimated`` are the days off by the estimate, ``otherwise`` those by the other reading.
    """

    key: str
    name: str
    estimated: frozenset[date]
    otherwise: frozenset[date]
    known: date
    settled: date | None = None


class Covered(msgspec.Struct, frozen=True):
    """The days of the years whose feasts are listed; ``spread`` is by how many days others may move a last day."""

    first: date = date.min
    last: date = date.max
    spread: int = 0


class Calendar:
    """The public holidays of one jurisdiction; every question is answered as published by ``known``."""

    def __init__(
        self,
        weekend: Iterable[int],
        holidays: Iterable[Holiday],
        time_zone: str = "UTC",
        doubts: Iterable[Doubt] = (),
        covered: Covered | None = None,
    ) -> None:
        self.weekend = frozenset(weekend)
        self.time_zone = time_zone
        self.covered = covered or Covered()
        self._days: dict[date, list[Holiday]] = {}
        for each in holidays:
            self._days.setdefault(each.day, []).append(each)
        self._doubts: dict[date, list[Doubt]] = {}
        for doubt in doubts:
            for day in doubt.estimated | doubt.otherwise:
                self._doubts.setdefault(day, []).append(doubt)

    def holiday(self, day: date, known: date, reading: Reading = AS_ESTIMATED) -> Holiday | None:
        """Return the public holiday on ``day``, or none."""
        for each in self._days.get(day, ()):
            if each.known > known or (each.until_known is not None and each.until_known <= known):
                continue
            if not reading or not each.estimated or each.doubt not in reading:
                return each
        for doubt in self.doubts(day, known) if reading else ():
            if doubt.key in reading and day in doubt.otherwise:
                return Holiday(day, doubt.name, doubt.known, doubt.settled, estimated=True, doubt=doubt.key)
        return None

    def doubts(self, day: date, known: date) -> list[Doubt]:
        """Return what is not certain about a day."""
        found = self._doubts.get(day)
        if not found:
            return []
        return [
            each for each in found if each.known <= known and (each.settled is None or known < each.settled)
        ]

    def covers(self, day: date) -> bool:
        """Return whether the feasts of a day's year are listed."""
        return self.covered.first <= day <= self.covered.last

    def is_working(self, day: date, known: date, reading: Reading = AS_ESTIMATED) -> bool:
        """Return whether offices work on that day; of one that is not covered, whether they do but for a feast."""
        return day.isoweekday() not in self.weekend and self.holiday(day, known, reading) is None

    def next_working(
        self, day: date, known: date, words: list[str] | None = None, reading: Reading = AS_ESTIMATED
    ) -> date:
        """Return the first working day from ``day`` on; in a year that is not covered, the last that it may be."""
        first = day
        for _ in range(60):
            if self.is_working(day, known, reading):
                if YEAR in reading and not (self.covers(first) and self.covers(day)):
                    return self.next_working(
                        first + timedelta(days=self.covered.spread), known, words, reading - {YEAR}
                    )
                if words is not None:
                    words.append(Phrase("working_day" if self.covers(day) else "year_unknown", day=day))
                return day
            if words is not None:
                words.append(self._why_not(day, known, reading))
            day += ONE_DAY
        raise ValueError(f"no working day in the sixty days before {day}")

    def _why_not(self, day: date, known: date, reading: Reading) -> Phrase:
        feast = self.holiday(day, known, reading)
        if feast is None:
            return Phrase("weekend", day=day)
        return Phrase("feast.estimated" if feast.estimated else "feast", day=day, feast=feast.name)

    def days_of_change(self) -> set[date]:
        """Return the days on which something about a public holiday was published."""
        days = [day for each in self._days.values() for x in each for day in (x.known, x.until_known)]
        return {day for day in days if day is not None}

    def next_change(self, day: date, known: date) -> date | None:
        """Return the first day after ``known`` on which something else about ``day`` is published."""
        holidays, doubts = self._days.get(day, ()), self._doubts.get(day, ())
        if not holidays and not doubts:
            return None
        days = [each.known for each in holidays] + [each.until_known or known for each in holidays]
        days += [each.known for each in doubts] + [each.settled or known for each in doubts]
        return min((each for each in days if each > known), default=None)


class Count(msgspec.Struct, frozen=True):
    """How a period is counted: its length, the counting rule, and whether it rolls to a working day.

    ``counting`` is ``calendar`` (the last day counts) or ``franc`` (neither the first nor the last day counts: code of
    civil procedure, article 512).
    """

    length: Period
    counting: str = "calendar"
    roll: bool = False
    rule: str = ""

    def in_words(self) -> str:
        """Return the period in English, such as ``15 clear days``."""
        plain = self.length.in_words()
        return plain.replace(" day", " clear day") if self.counting == "franc" else plain


def unrolled(start: date, count: Count, extra_days: int = 0, words: list[str] | None = None) -> date:
    """Return the last day before any roll to a working day; ``extra_days`` are days of suspension."""
    due = add(start, count.length)
    if count.counting == "franc":
        due += ONE_DAY
    if words is not None:
        words.append(Phrase("delay", start=start, count=count))
        if count.counting == "franc":
            words.append(Phrase("clear", day=due))
        elif extra_days or count.roll:
            words.append(Phrase("last", day=due))
    if extra_days:
        due += timedelta(days=extra_days)
        if words is not None:
            words.append(Phrase("suspended", length=Period(days=extra_days), day=due))
    return due


def due(
    start: date,
    count: Count,
    calendar: Calendar,
    known: date,
    *,
    extra_days: int = 0,
    words: list[str] | None = None,
    reading: Reading = AS_ESTIMATED,
) -> date:
    """Return the last day of a period that starts on ``start`` (day 0)."""
    last = unrolled(start, count, extra_days, words)
    return calendar.next_working(last, known, words, reading) if count.roll else last
