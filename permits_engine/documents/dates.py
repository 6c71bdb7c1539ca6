"""Dates as each language writes them in letters, papers and pages."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from babel.dates import format_date, format_datetime, format_skeleton

from permits_engine.documents.language import package_yaml
from permits_engine.domain.partial_dates import PartialDate


def locale_of(language: str) -> str:
    """Return the CLDR locale of a language; a language without one of its own is its own locale."""
    locale: str = _format(language).get("locale", language)
    return locale


@lru_cache(maxsize=16_384)
def day_in_words(day: date, language: str) -> str:
    """Return a day in the long form of a language."""
    return _with_ordinal(format_date(day, "long", locale=locale_of(language)), day, language)


def known_in_words(text: str, language: str) -> str:
    """Return a date of which perhaps only the month or the year is known, with nothing that is not known."""
    known = PartialDate.of(text)
    if known.whole is not None:
        return day_in_words(known.whole, language)
    if known.month is None:
        return format_date(known.earliest, "y", locale=locale_of(language))
    return str(format_skeleton("yMMMM", known.earliest, locale=locale_of(language)))


def moment_in_words(moment: datetime, language: str, pattern: str) -> str:
    """Return a moment in a CLDR pattern that begins with the day of the month."""
    return _with_ordinal(format_datetime(moment, pattern, locale=locale_of(language)), moment, language)


def _with_ordinal(written: str, day: date, language: str) -> str:
    first_day = _format(language).get("first_day")
    return f"{first_day}{written[1:]}" if first_day and day.day == 1 else written


def _format(language: str) -> dict[str, str]:
    found: dict[str, str] = package_yaml("documents", "languages.yaml").get(language, {})
    return found
