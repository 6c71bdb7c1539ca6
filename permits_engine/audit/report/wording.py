"""The words of a page in one language: sentences from its file, numbers, days and names as the language writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal, format_percent

from permits_engine.domain.errors import invalid

LANGUAGES = ("en", "fr", "ar")
_LOCALES = {"en": "en_GB", "fr": "fr_MA", "ar": "ar_MA"}


class Speech:
    """One language; raises ``input.invalid`` for one that there are no words of."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise invalid("--language", f"{language!r} is none of {', '.join(LANGUAGES)}")
        self.language = language
        self.words = _words()[language]
        self._locale = Locale.parse(_LOCALES[language])

    def say(self, *path: str, **figures: Any) -> str:
        """A sentence by its place in the file, its braces filled."""
        found: Any = self.words
        for name in path:
            found = found[name]
        return str(found).format(**{name: self.plain(value) for name, value in figures.items()})

    def plain(self, value: Any) -> str:
        """A number or a day as the language writes it; a text as it is."""
        if isinstance(value, bool) or value is None:
            return "–" if not value else "✓"
        if isinstance(value, int | float):
            return str(format_decimal(value, locale=self._locale))
        if isinstance(value, date):
            return str(format_date(value, "long", locale=self._locale))
        return str(value)

    def share(self, part: float, whole: float) -> str:
        """A percentage, of a small share with one decimal; a dash of nothing."""
        if not whole:
            return "–"
        value = part / whole
        small = round(value, 3) if value < 0.1 else round(value, 2)
        return str(format_percent(small, locale=self._locale, decimal_quantization=False))

    def month(self, text: str) -> str:
        """A month such as ``2014-03``."""
        return str(format_skeleton("yMMM", date.fromisoformat(f"{text}-01"), locale=self._locale))

    def country(self, code: str) -> str:
        """A country by its alpha-3 code; the code itself where it is none."""
        import pycountry

        found = pycountry.countries.get(alpha_3=code)
        name = self._locale.territories.get(found.alpha_2) if found is not None else None
        return str(name or (self.words["unknown"] if code == "?" else code))

    def office(self, code: str, names: Mapping[str, Mapping[str, str]]) -> str:
        """An office by its code, in the language or as it can be had."""
        found = names.get(code, {})
        return str(found.get(self.language) or found.get("fr") or code)


@cache
def _words() -> dict[str, Any]:
    file = resources.files("permits_engine") / "audit" / "report" / "pages" / "words.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
