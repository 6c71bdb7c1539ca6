"""Phrases in another language: days, periods and names as it writes them, its sentences from its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import yaml
from babel.dates import format_date

from permits_engine.domain.calendars import Count
from permits_engine.domain.errors import invalid
from permits_engine.domain.periods import Period
from permits_engine.domain.phrases import Phrase, filled

LANGUAGES = ("fr", "ar", "en")
LEFT_TO_RIGHT, FIRST_STRONG, POP = "\u2066", "\u2068", "\u2069"
"""Around what may run in the other direction: an offset; a name, a code, the title of a text; and its end."""
_FIRST_OF_MONTH = "1er"
_ENGLISH = re.compile(r"\b(?:the|by|with|for|from|at|is|not)\b")
_PERIOD = re.compile(r"P(?:\d+[YMWD])*(?:T\d+H)?(?: franc)?")
_ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_MONTHS = re.compile(rf"\b(?:{'|'.join(_ENGLISH_MONTHS)})\b")


def language_of(wanted: str) -> str:
    """A language in which there are phrases; raises ``input.invalid``."""
    if wanted not in LANGUAGES:
        raise invalid("--language", f"{wanted!r} is none of {', '.join(LANGUAGES)}")
    return wanted


def kept(text: str) -> str:
    """A phrase as it is, for whoever says it later."""
    return text


def undirected(text: str) -> str:
    """A text without the marks that set its names apart, for where they cannot be shown."""
    return text.replace(LEFT_TO_RIGHT, "").replace(FIRST_STRONG, "").replace(POP, "")


def saying(language: str) -> Callable[[str], str]:
    """Puts phrases into a language; a text that is no phrase stays as it is. Raises ``input.invalid``."""
    return str if language_of(language) == "en" else _speech(language).say


def calling(language: str) -> Callable[[str], str]:
    """Says codes and periods of rules in a language, those that it has a name for."""
    return str if language_of(language) == "en" else _speech(language).called


def titling(language: str) -> Callable[[str], str]:
    """Says the titles of texts as a language does, as far as its file knows them."""
    return str if language_of(language) == "en" else _speech(language).title


class _Speech:
    """One language and its file."""

    def __init__(self, file: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> None:
        self._phrases: dict[str, str] = file["phrases"]
        self._counts: dict[str, dict[str, str]] = file["counts"]
        self._names = names
        self._texts = [(re.compile(pattern), instead) for pattern, instead in file["texts"]]
        from babel import Locale, dates  # English needs neither, and each command would load them

        self._dates = dates
        self._locale = Locale.parse(file["locale"])
        self._months: Mapping[int, str] = self._locale.months["format"]["wide"]
        self._comma, self._and, self._nothing = (str(file[name]) for name in ("comma", "and", "nothing"))
        self._isolates = file["direction"] == "rtl"

    def say(self, text: str) -> str:
        """A phrase in this language."""
        if not isinstance(text, Phrase):
            return text
        return filled(self._phrases[text.id], text.values, self._written)

    def _written(self, value: Any, spec: str) -> str:
        if value is None:
            return self._nothing
        if isinstance(value, Phrase):
            return self.say(value)
        if isinstance(value, datetime):
            written = str(self._dates.format_datetime(value, spec, locale=self._locale))
            return self._isolated(written, LEFT_TO_RIGHT) if spec == "xxx" else written
        if isinstance(value, date):
            return self._day(value, spec)
        if isinstance(value, Period | Count):
            return self._period(value)
        if isinstance(value, tuple):
            between = self._comma if spec in self._names else spec
            return between.join(self._written(each, spec) for each in value)
        return str(value) if isinstance(value, int) else self._name(str(value), spec)

    def _day(self, day: date, pattern: str) -> str:
        written = str(self._dates.format_date(day, pattern or "long", locale=self._locale))
        # The first of a month is an ordinal in French, which the locale data leaves out.
        first = self._locale.language == "fr" and day.day == 1 and not pattern
        return f"{_FIRST_OF_MONTH}{written[1:]}" if first else written

    def _period(self, value: Period | Count) -> str:
        length, days = value, "days"
        if isinstance(value, Count):
            length, days = value.length, "clear_days" if value.counting == "franc" else "days"
        assert isinstance(length, Period)
        parts = {"years": length.years, "months": length.months, days: length.days, "hours": length.hours}
        said = [self._counted(tx, number) for tx, number in parts.items() if number]
        return self._and.join(said) or self._counted("days", 0)

    def _counted(self, tx: str, number: int) -> str:
        forms = self._counts[tx]
        return forms.get(self._locale.plural_form(number), forms["other"]).format(n=number)

    def _name(self, code: str, spec: str) -> str:
        """What a code is called; one that nobody has named, and the title of a text, stand as they are."""
        if spec == "period" and code.startswith("P"):
            return self._period(Period.parse(code))
        if spec == "texts":
            return self._isolated(self.title(code))
        if spec == "language":
            return str(self._locale.languages.get(code, code))
        return self._names.get(spec, {}).get(code) or self._isolated(code)

    def title(self, text: str) -> str:
        """The title of a text as the rule book has it, in this language."""
        said = text
        for pattern, instead in self._texts:
            said = pattern.sub(instead, said)
        if _ENGLISH.search(said):  # known in part only: better whole than in two languages
            return text
        return _MONTHS.sub(lambda month: self._months[_ENGLISH_MONTHS.index(month[0]) + 1], said)

    def called(self, code: str) -> str:
        """A code of a rule, a fact, a document or a day off by its name, a period in words; others as they are."""
        if _PERIOD.fullmatch(code):
            length, _, counting = code.partition(" ")
            return self._period(Count(Period.parse(length), counting or "calendar"))
        return next((names[code] for names in self._names.values() if code in names), code)

    def _isolated(self, text: str, start: str = FIRST_STRONG) -> str:
        return f"{start}{text}{POP}" if self._isolates else text


@cache
def _speech(language: str) -> _Speech:
    file = catalogue(language)
    pages = _read("audit", "dossier", "pages", "words.yaml")[language]
    # What stands on other pages already has the same name here; a country's own facts are those of its paper.
    own: dict[str, dict[str, str]] = file["names"]
    names = {
        **own,
        "roles": pages["roles"],
        "ranks": pages["ranks"],
        "facts": {
            **_read("jurisdictions", "ma", "attestation", f"{language}.yaml")["because"],
            **own["facts"],
        },
        "documents": _read("jurisdictions", "ma", "notices", f"{language}.yaml")["words"]["documents"],
    }
    return _Speech(file, names)


def catalogue(language: str) -> dict[str, Any]:
    """The file of a language other than English."""
    return _read("documents", "phrases", f"{language}.yaml")


def _read(*path: str) -> dict[str, Any]:
    file = resources.files("permits_engine").joinpath(*path)
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


LONGEST = 300
"""Characters: a value from outside is cut there, so that nobody's name becomes the letter."""


# English dates are written day first: the letters are read in Morocco, France and Spain.
_LOCALES = {"ar": "ar_MA", "en": "en_GB"}


# A line break inside a value becomes a space; other characters that do not print, which include the marks
# that turn the direction of text, go. Joiners stay: names in some scripts need them.
_JOINERS = "\u200c\u200d"


_BREAKS = "\t\n\v\f\r\x85\u2028\u2029"


def day_in_words(day: date, language: str) -> str:
    """A day as letters write it in a language."""
    return _day(day, _LOCALES.get(language, language))


def harmless(value: str) -> str:
    """A value from outside that can neither break a line nor turn the direction of the text around it."""
    if value.isprintable() and len(value) <= LONGEST:
        return value
    kept = []
    for c in value[:LONGEST]:
        if c.isprintable() or c in _JOINERS:
            kept.append(c)
        elif c in _BREAKS:
            kept.append(" ")
    return " ".join("".join(kept).split(" ")) + ("…" if len(value) > LONGEST else "")


@lru_cache(maxsize=16_384)
def _day(day: date, locale: str) -> str:
    written = format_date(day, "long", locale=locale)
    # The first of a month is an ordinal in French, which the locale data leaves out.
    return f"1er{written[1:]}" if locale == "fr" and day.day == 1 else written
