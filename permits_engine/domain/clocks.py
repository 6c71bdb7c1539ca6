"""Terms, windows, délais francs, working days and suspension: legal days with their worked explanation.

A legal day is a ``date``. Every count can be asked for its working in words by passing a list to ``words``.
"""

from __future__ import annotations

import calendar as months
import re
from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from permits_engine.domain.phrases import Phrase

ONE_DAY = timedelta(days=1)
_PERIOD = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,3})W)?(?:(\d{1,5})D)?(?:T(\d{1,4})H)?")


class Period(msgspec.Struct, frozen=True):
    """An ISO 8601 period of years, months, days or hours."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read ``P3M``, ``P1Y``, ``P15D``, ``P2W`` or ``PT48H``; raises ``ValueError`` for anything else."""
        known = _CACHE.get(text)
        if known is not None:
            return known
        match = _PERIOD.fullmatch(text)
        if match is None or not any(match.groups()):
            raise ValueError(f"{text!r} is not an ISO 8601 period such as P1Y, P3M, P15D or PT48H")
        years, months_, weeks, days, hours = (int(group or 0) for group in match.groups())
        period = cls(years, months_, weeks * 7 + days, hours)
        if len(_CACHE) < 1000:
            _CACHE[text] = period
        return period

    def __str__(self) -> str:
        parts = [(self.years, "Y"), (self.months, "M"), (self.days, "D")]
        head = "".join(f"{n}{unit}" for n, unit in parts if n)
        return f"P{head}{f'T{self.hours}H' if self.hours else ''}" if head or self.hours else "P0D"

    def in_words(self) -> str:
        """The period in English, such as ``3 months``."""
        parts = [(self.years, "year"), (self.months, "month"), (self.days, "day"), (self.hours, "hour")]
        return " and ".join(f"{n} {unit}{'s' if n != 1 else ''}" for n, unit in parts if n) or "0 days"


_CACHE: dict[str, Period] = {}


def add(day: date, period: Period, sign: int = 1) -> date:
    """The same day of the month ``period`` later (or earlier), clamped to the end of a shorter month."""
    if not period.years and not period.months:
        return day + timedelta(days=sign * period.days)
    count = day.year * 12 + day.month - 1 + sign * (period.years * 12 + period.months)
    year, month = divmod(count, 12)
    if not 1 <= year <= 9998:
        raise ValueError(f"{day} {'+' if sign > 0 else '-'} {period} lies outside the calendar")
    last = day.day if day.day < 29 else min(day.day, months.monthrange(year, month + 1)[1])
    clamped = date(year, month + 1, last)
    return clamped + timedelta(days=sign * period.days)


def term_end(valid_from: date, period: Period) -> date:
    """The last day of a term: the day before its anniversary.

    Where the anniversary day does not exist the term ends on the last day of that month
    (2016-02-29 + P1Y ends 2017-02-28).
    """
    anniversary = add(valid_from, Period(period.years, period.months))
    if anniversary.day != valid_from.day and not period.days:
        return anniversary
    return anniversary + timedelta(days=period.days) - ONE_DAY


class Holiday(msgspec.Struct, frozen=True):
    """One day off, with the days from which it was known and until which it was believed."""

    day: date
    name: str
    known: date
    until_known: date | None = None
    estimated: bool = False


class Calendar:
    """Days off of one jurisdiction as they were known on a date.

    ``holiday(day, known)`` and ``is_working(day, known)`` answer for what had been published by ``known``.
    """

    def __init__(self, weekend: Iterable[int], holidays: Iterable[Holiday], time_zone: str = "UTC") -> None:
        self.weekend = frozenset(weekend)
        self.time_zone = time_zone
        self._days: dict[date, list[Holiday]] = {}
        for each in holidays:
            self._days.setdefault(each.day, []).append(each)

    def holiday(self, day: date, known: date) -> Holiday | None:
        """The holiday that ``day`` is, as known on ``known``; none where it is not one."""
        for each in self._days.get(day, ()):
            if each.known <= known and (each.until_known is None or known < each.until_known):
                return each
        return None

    def is_working(self, day: date, known: date) -> bool:
        """Whether offices work on that day."""
        return day.isoweekday() not in self.weekend and self.holiday(day, known) is None

    def next_working(self, day: date, known: date, words: list[str] | None = None) -> date:
        """The day itself if offices work on it, else the first later one on which they do."""
        for _ in range(60):
            if self.is_working(day, known):
                if words is not None:
                    words.append(Phrase("working_day", day=day))
                return day
            if words is not None:
                feast = self.holiday(day, known)
                if feast is None:
                    words.append(Phrase("weekend", day=day))
                else:
                    words.append(
                        Phrase("feast.estimated" if feast.estimated else "feast", day=day, feast=feast.name)
                    )
            day += ONE_DAY
        raise ValueError(f"no working day in the sixty days before {day}")

    def news(self) -> set[date]:
        """The days on which something became known about a day off."""
        days = [day for each in self._days.values() for x in each for day in (x.known, x.until_known)]
        return {day for day in days if day is not None}

    def next_news(self, day: date, known: date) -> date | None:
        """The first day after ``known`` on which something else becomes known about ``day``."""
        holidays = self._days.get(day)
        if not holidays:
            return None
        days = [each.known for each in holidays] + [each.until_known or known for each in holidays]
        return min((each for each in days if each > known), default=None)


class Count(msgspec.Struct, frozen=True):
    """How a delay is counted: its length, the counting rule and whether it rolls to a working day.

    ``counting`` is ``calendar`` (the last day counts) or ``franc`` (neither the first nor the last day
    counts: code of civil procedure, article 512).
    """

    length: Period
    counting: str = "calendar"
    roll: bool = False
    rule: str = ""

    def in_words(self) -> str:
        """Such as ``15 clear days``."""
        plain = self.length.in_words()
        return plain.replace(" day", " clear day") if self.counting == "franc" else plain


def unrolled(start: date, count: Count, extra_days: int = 0, words: list[str] | None = None) -> date:
    """The last day of a delay before it rolls; ``extra_days`` are days of suspension."""
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
    """The last useful day of a delay that starts on ``start`` (day 0)."""
    last = unrolled(start, count, extra_days, words)
    if count.roll:
        last = calendar.next_working(last, known, words)
    return last


def before(day: date, period: Period) -> date:
    """The day that lies ``period`` before ``day``."""
    return add(day, period, -1)
