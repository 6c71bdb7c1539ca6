"""Legal days and periods: adding, subtracting, and the last day of a term."""

import calendar as months
import re
from datetime import date, timedelta

import msgspec

ONE_DAY = timedelta(days=1)
_PERIOD = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,3})W)?(?:(\d{1,5})D)?(?:T(\d{1,4})H)?")


class Period(msgspec.Struct, frozen=True):
    """An ISO 8601 period of years, months, days or hours."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read ``P3M``, ``P1Y``, ``P15D``, ``P2W`` or ``PT48H``; raise ``ValueError`` for anything else."""
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
        """Return the period in English, such as ``3 months``."""
        parts = [(self.years, "year"), (self.months, "month"), (self.days, "day"), (self.hours, "hour")]
        return " and ".join(f"{n} {unit}{'s' if n != 1 else ''}" for n, unit in parts if n) or "0 days"


_CACHE: dict[str, Period] = {}


def add(day: date, period: Period, sign: int = 1) -> date:
    """Return the same day of the month ``period`` later (or earlier), clamped to the end of a shorter month."""
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
    """Return the last day of a term: the day before its anniversary.

    Where the anniversary does not exist, it is the last day of that month (2016-02-29 + P1Y ends 2017-02-28).
    """
    anniversary = add(valid_from, Period(period.years, period.months))
    if anniversary.day != valid_from.day and not period.days:
        return anniversary
    return anniversary + timedelta(days=period.days) - ONE_DAY


def before(day: date, period: Period) -> date:
    """Return the day ``period`` before ``day``."""
    return add(day, period, -1)


def ages(birth: date, on: date) -> int:
    """Return the full years between two days."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
