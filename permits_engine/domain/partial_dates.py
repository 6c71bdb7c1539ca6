"""Dates known to the day, the month or the year, such as births: a range of days, and never a day made up.

Where the law asks for an age, what protects takes the latest day, what opens a right the earliest, and what obliges
the latest.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from permits_engine.domain.periods import ONE_DAY, ages

_FORM = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_UNKNOWN = frozenset({None, 0})


class PartialDate(NamedTuple):
    """A day, a month (``day`` none) or a year (``month`` none as well)."""

    year: int
    month: int | None = None
    day: int | None = None

    @classmethod
    def of(cls, value: date | str) -> PartialDate:
        """Return the date of a day or of a text such as ``1990``, ``1990-05`` and ``1990-05-01``; raise ``ValueError``.

        A zero is an unknown part: ``1990-05-00``, ``1990-00-00``.
        """
        if isinstance(value, date):
            return cls(value.year, value.month, value.day)
        match = _FORM.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is no date")
        return cls.known(*(int(part) if part else None for part in match.groups()))

    @classmethod
    def known(cls, year: int | None, month: int | None = None, day: int | None = None) -> PartialDate:
        """Return the date of its parts, unknown ones none or zero; raise ``ValueError`` for a day without a month."""
        if year in _UNKNOWN or (month in _UNKNOWN and day not in _UNKNOWN):
            raise ValueError("a day needs its month, and a month its year")
        assert year is not None
        found = cls(year, month or None, day or None)
        date(found.year, found.month or 1, found.day or 1)
        return found

    def __str__(self) -> str:
        """Return what is known, as ISO 8601 writes it."""
        return "-".join(f"{part:0{width}}" for part, width in zip(self, (4, 2, 2), strict=True) if part)

    @property
    def whole(self) -> date | None:
        """The day, where it is known."""
        return self.earliest if self.day else None

    @property
    def earliest(self) -> date:
        """The first day that it can be."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """The last day that it can be."""
        month = self.month or 12
        return date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])

    def compatible(self) -> Iterator[PartialDate]:
        """Yield every date, known to the day or less, that may be the same as this one."""
        yield self
        if self.day:
            yield self._replace(day=None)
        if self.month:
            yield PartialDate(self.year)
            months = [self.month] if not self.day else []
        else:
            months = list(range(1, 13))
        for month in months:
            if not self.month:
                yield PartialDate(self.year, month)
            days = calendar.monthrange(self.year, month)[1]
            yield from (PartialDate(self.year, month, day) for day in range(1, days + 1))

    def may_be(self, other: PartialDate) -> bool:
        """Return whether both may be the same day, by what is known."""
        return all(a is None or b is None or a == b for a, b in zip(self, other, strict=True))


def age_on(birth: PartialDate, on: date) -> tuple[int, int | None]:
    """Return the age on a day in full years, and the greatest that it can be where that is another."""
    least, most = max(youngest(birth, on), 0), eldest(birth, on)
    return least, most if most > least else None


def youngest(birth: PartialDate, on: date) -> int:
    """Return the age on a day that a person has reached for certain; negative where they may not be born yet.

    Someone born on 29 February comes of an age on 1 March of a common year.
    """
    return ages(birth.latest, on)


def eldest(birth: PartialDate, on: date) -> int:
    """Return the greatest age on a day that a person may have reached, as it counts for what opens a right.

    Someone born on 29 February may ask from 28 February of a common year.
    """
    born = birth.earliest
    leap_day = (born.month, born.day) == (2, 29) and not calendar.isleap(on.year)
    return ages(born, on + ONE_DAY if leap_day and (on.month, on.day) == (2, 28) else on)
