"""The words of the annual report in one language: sentences, numbers, days and names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel import Locale
from babel.dates import format_skeleton
from babel.numbers import format_decimal, format_percent

from permits_engine.documents.dates import day_in_words, locale_of
from permits_engine.documents.language import checked_language, package_yaml
from permits_engine.documents.persons import country_name
from permits_engine.domain.rules.policy import Office


class Wording:
    """One language of the report; raises ``input.invalid`` for an unknown one."""

    def __init__(self, language: str) -> None:
        self.language = checked_language(language)
        self.words: dict[str, Any] = package_yaml("audit", "report", "pages", "words.yaml")[language]
        self._locale = Locale.parse(locale_of(language))

    def say(self, *path: str, **figures: Any) -> str:
        """Return a sentence by its path in the language's file, with figures filled in."""
        found: Any = self.words
        for name in path:
            found = found[name]
        return str(found).format(**{name: self.plain(value) for name, value in figures.items()})

    def plain(self, value: Any) -> str:
        """Return a number or a day as the language writes it, and a text as it is."""
        if isinstance(value, bool) or value is None:
            return "–" if not value else "✓"
        if isinstance(value, int | float):
            return str(format_decimal(value, locale=self._locale))
        if isinstance(value, date):
            return day_in_words(value, self.language)
        return str(value)

    def share(self, part: float, whole: float) -> str:
        """Return a percentage, with one decimal below a tenth, or a dash for nothing."""
        if not whole:
            return "–"
        value = part / whole
        rounded = round(value, 3) if value < 0.1 else round(value, 2)
        return str(format_percent(rounded, locale=self._locale, decimal_quantization=False))

    def month(self, text: str) -> str:
        """Return a month such as ``2014-03`` in words."""
        return str(format_skeleton("yMMM", date.fromisoformat(f"{text}-01"), locale=self._locale))

    def country(self, code: str) -> str:
        """Return a country's name by its alpha-3 code, or the code if it has none."""
        return str(self.words["unknown"]) if code == "?" else country_name(code, self.language)

    def office(self, code: str, offices: Mapping[str, Office]) -> str:
        """Return an office's name in the language, else in its first one, else its code."""
        return offices[code].name(self.language) if code in offices else code
