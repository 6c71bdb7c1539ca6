"""Phrases in another language than English: days, periods and names as it writes them, sentences from its file."""

from __future__ import annotations

import re
from datetime import date, datetime
from importlib import resources
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime

from permits_engine.documents.dates import day_in_words, locale_of
from permits_engine.documents.language import FIRST_STRONG, LEFT_TO_RIGHT, POP, catalogue, package_yaml
from permits_engine.domain.calendars import Count
from permits_engine.domain.periods import Period
from permits_engine.domain.phrases import Phrase, filled

_ENGLISH = re.compile(r"\b(?:the|by|with|for|from|at|is|not)\b")
_PERIOD = re.compile(r"P(?:\d+[YMWD])*(?:T\d+H)?(?: franc)?")
_ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_MONTHS = re.compile(rf"\b(?:{'|'.join(_ENGLISH_MONTHS)})\b")


class Translator:
    """One language and its file, with the names that a jurisdiction gives to documents and facts."""

    def __init__(self, language: str, jurisdiction: str) -> None:
        file = catalogue(language)
        self._language = language
        self._phrases: dict[str, str] = file["phrases"]
        self._counts: dict[str, dict[str, str]] = file["counts"]
        self._names = _names(language, jurisdiction)
        self._texts = [(re.compile(pattern), replacement) for pattern, replacement in file["texts"]]
        self._locale = Locale.parse(locale_of(language))
        self._comma, self._and, self._nothing = (str(file[name]) for name in ("comma", "and", "nothing"))
        self._isolates = file["direction"] == "rtl"

    def phrase(self, text: str) -> str:
        """Translate a phrase; return any other text as it is."""
        if not isinstance(text, Phrase):
            return text
        return filled(self._phrases[text.id], text.values, self._written)

    def title(self, text: str) -> str:
        """Translate the title of a legal text; one known only in part stays whole in English."""
        translated = text
        for pattern, replacement in self._texts:
            translated = pattern.sub(replacement, translated)
        if _ENGLISH.search(translated):
            return text
        months = self._locale.months["format"]["wide"]
        return _MONTHS.sub(lambda month: months[_ENGLISH_MONTHS.index(month[0]) + 1], translated)

    def code(self, code: str) -> str:
        """Return the name of a code of a rule, fact, document or day off, or a period in words."""
        if _PERIOD.fullmatch(code):
            length, _, counting = code.partition(" ")
            return self._period(Count(Period.parse(length), counting or "calendar"))
        return next((names[code] for names in self._names.values() if code in names), code)

    def _written(self, value: Any, spec: str) -> str:
        if value is None:
            return self._nothing
        if isinstance(value, Phrase):
            return self.phrase(value)
        if isinstance(value, datetime):
            written = str(format_datetime(value, spec, locale=self._locale))
            return self._isolated(written, LEFT_TO_RIGHT) if spec == "xxx" else written
        if isinstance(value, date):
            day = (
                format_date(value, spec, locale=self._locale) if spec else day_in_words(value, self._language)
            )
            return str(day)
        if isinstance(value, Period | Count):
            return self._period(value)
        if isinstance(value, tuple):
            between = self._comma if spec in self._names else spec
            return between.join(self._written(each, spec) for each in value)
        return str(value) if isinstance(value, int) else self._name(str(value), spec)

    def _period(self, value: Period | Count) -> str:
        length, days = value, "days"
        if isinstance(value, Count):
            length, days = value.length, "clear_days" if value.counting == "franc" else "days"
        assert isinstance(length, Period)
        parts = {"years": length.years, "months": length.months, days: length.days, "hours": length.hours}
        counted = [self._counted(unit, number) for unit, number in parts.items() if number]
        return self._and.join(counted) or self._counted("days", 0)

    def _counted(self, unit: str, number: int) -> str:
        forms = self._counts[unit]
        return forms.get(self._locale.plural_form(number), forms["other"]).format(n=number)

    def _name(self, code: str, spec: str) -> str:
        """Return the name of a code; a code without a name, and the title of a text, are set apart."""
        if spec == "period" and code.startswith("P"):
            return self._period(Period.parse(code))
        if spec == "texts":
            return self._isolated(self.title(code))
        if spec == "language":
            return str(self._locale.languages.get(code, code))
        return self._names.get(spec, {}).get(code) or self._isolated(code)

    def _isolated(self, text: str, start: str = FIRST_STRONG) -> str:
        return f"{start}{text}{POP}" if self._isolates else text


def _names(language: str, jurisdiction: str) -> dict[str, dict[str, str]]:
    """Return the names of codes by table: the language's own, and those of the jurisdiction."""
    own: dict[str, dict[str, str]] = catalogue(language)["names"]
    shared: dict[str, dict[str, str]] = package_yaml("documents", "pages", "names.yaml")[language]
    attestation = _of_country(jurisdiction, "attestation", language).get("because", {})
    letters = _of_country(jurisdiction, "notices", language).get("words", {})
    return {
        **own,
        **shared,
        "facts": {**attestation, **own["facts"]},
        "documents": letters.get("documents", {}),
    }


def _of_country(jurisdiction: str, folder: str, language: str) -> dict[str, Any]:
    path = ("jurisdictions", jurisdiction.lower(), folder, f"{language}.yaml")
    there = resources.files("permits_engine").joinpath(*path).is_file()
    return package_yaml(*path) if there else {}
