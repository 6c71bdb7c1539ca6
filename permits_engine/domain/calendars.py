"""Calendars: working days, public holidays, and how a period is counted over them."""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from permits_engine.domain.periods import ONE_DAY, Period, add
from permits_engine.domain.phrases import Phrase


class Holiday(msgspec.Struct, frozen=True):
    """A public holiday, with the day from which it was known and the day on which it was withdrawn."""

    day: date
    name: str
    known: date
    until_known: date | None = None
    estimated: bool = False


class Calendar:
    """The public holidays of one jurisdiction; every question is answered as published by ``known``."""

    def __init__(self, weekend: Iterable[int], holidays: Iterable[Holiday], time_zone: str = "UTC") -> None:
        self.weekend = frozenset(weekend)
        self.time_zone = time_zone
        self._days: dict[date, list[Holiday]] = {}
        for each in holidays:
            self._days.setdefault(each.day, []).append(each)

    def holiday(self, day: date, known: date) -> Holiday | None:
        """Return the public holiday on ``day``, or none."""
        for each in self._days.get(day, ()):
            if each.known <= known and (each.until_known is None or known < each.until_known):
                return each
        return None

    def is_working(self, day: date, known: date) -> bool:
        """Return whether offices work on that day."""
        return day.isoweekday() not in self.weekend and self.holiday(day, known) is None

    def next_working(self, day: date, known: date, words: list[str] | None = None) -> date:
        """Return the first working day from ``day`` on."""
        for _ in range(60):
            if self.is_working(day, known):
                if words is not None:
                    words.append(Phrase("working_day", day=day))
                return day
            if words is not None:
                words.append(self._why_not(day, known))
            day += ONE_DAY
        raise ValueError(f"no working day in the sixty days before {day}")

    def _why_not(self, day: date, known: date) -> Phrase:
        feast = self.holiday(day, known)
        if feast is None:
            return Phrase("weekend", day=day)
        return Phrase("feast.estimated" if feast.estimated else "feast", day=day, feast=feast.name)

    def days_of_change(self) -> set[date]:
        """Return the days on which something about a public holiday was published."""
        days = [day for each in self._days.values() for x in each for day in (x.known, x.until_known)]
        return {day for day in days if day is not None}

    def next_change(self, day: date, known: date) -> date | None:
        """Return the first day after ``known`` on which something else about ``day`` is published."""
        holidays = self._days.get(day)
        if not holidays:
            return None
        days = [each.known for each in holidays] + [each.until_known or known for each in holidays]
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
) -> date:
    """Return the last day of a period that starts on ``start`` (day 0)."""
    last = unrolled(start, count, extra_days, words)
    return calendar.next_working(last, known, words) if count.roll else last
