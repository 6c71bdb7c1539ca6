"""A dossier as one printable HTML page without external resources, in French, Arabic or English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from permits_engine.application.queries import views
from permits_engine.audit.dossier.gather import Dossier
from permits_engine.documents.dates import day_in_words, moment_in_words
from permits_engine.documents.language import FIRST_STRONG, LEFT_TO_RIGHT, POP, checked_language, package_yaml
from permits_engine.documents.persons import in_words
from permits_engine.documents.wording import code_translator, phrase_translator, title_translator
from permits_engine.domain.phrases import Phrase

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_ENVELOPE = views.ENVELOPE | {
    *("deadlines", "warning", "departs_from", "message_id", "template", "response", "channel"),
}
_TABLES = (
    *("events", "notices", "deadlines", "roles", "ranks", "states", "values", "because", "gates"),
    *("categories", "fields"),
)
"""The tables of words in which a code is looked up, in this order."""
_ISOLATES = {LEFT_TO_RIGHT: Markup('<bdi dir="ltr">'), FIRST_STRONG: Markup("<bdi>"), POP: Markup("</bdi>")}
_LONGEST = 240
"""Characters of a rule's value that are shown."""
_NOTHING: tuple[Any, ...] = (None, [], (), "")


def html(dossier: Dossier, language: str) -> str:
    """Return the page of a dossier; raises ``input.invalid`` for an unknown language."""
    used = checked_language(language)
    return _template(used, dossier.permit["jurisdiction"]).render(d=dossier, w=_words(used), language=used)


@cache
def _words(language: str) -> dict[str, Any]:
    """Return the words of the page; names of events and fields are shared with the disclosure's page."""
    own = package_yaml("audit", "dossier", "pages", "words.yaml")[language]
    names = package_yaml("documents", "pages", "names.yaml")[language]
    shared = package_yaml("documents", "pages", "disclosure_words.yaml")[language]
    report = package_yaml("audit", "report", "pages", "words.yaml")[language]
    return {
        **own,
        **names,
        "events": shared["events"],
        "categories": report["categories"],
        "fields": {**shared["fields"], **own["fields"]},
    }


@cache
def _template(language: str, jurisdiction: str) -> Template:
    env = Environment(
        loader=PackageLoader("permits_engine.audit.dossier", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written = _Written(language, jurisdiction)
    env.filters |= {
        "value": written.value,
        "code": written.code,
        "rule_value": written.rule_value,
        "phrase": written.phrase,
        "title": written.title,
        "details": _details,
    }
    return env.get_template("dossier.html")


class _Written:
    """Values as a language writes them, with the names that a jurisdiction uses."""

    def __init__(self, language: str, jurisdiction: str) -> None:
        self.language = language
        self.words = _words(language)
        self.title = title_translator(language, jurisdiction)
        self._phrase = phrase_translator(language, jurisdiction)
        self._code = code_translator(language, jurisdiction)

    def value(self, value: Any, field: str = "") -> str:
        """Return a value of an event or a row, of that field."""
        if (words := in_words(field, value, self.language)) is not None:
            return words
        if value is None:
            return "–"
        if isinstance(value, bool):
            return str(self.words["yes"] if value else self.words["no"])
        if isinstance(value, str) and _DAY.fullmatch(value):
            return day_in_words(date.fromisoformat(value), self.language)
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            moment = datetime.fromisoformat(value)
            return f"{moment_in_words(moment, self.language, 'd MMMM y, HH:mm:ss')} UTC"
        if isinstance(value, list | tuple):
            return ", ".join(map(self.value, value)) or "–"
        if isinstance(value, dict):
            return ", ".join(f"{name}: {self.value(each)}" for name, each in value.items())
        return self.code(str(value))

    def code(self, code: str) -> str:
        """Return the name of a code, if it has one."""
        for table in _TABLES:
            if code in self.words[table]:
                return str(self.words[table][code])
        return self._code(code)

    def phrase(self, text: str) -> Markup:
        """Return a phrase of the rules translated; any other text is marked as English."""
        if self.language != "en" and not isinstance(text, Phrase):
            return Markup('<span lang="en" dir="ltr">{}</span>').format(text)
        written = Markup("{}").format(self._phrase(text))
        for mark, element in _ISOLATES.items():
            written = written.replace(mark, element)
        return written

    def rule_value(self, value: Any) -> str:
        """Return the value of a rule, shortened: codes by their names, texts by their titles."""
        text = self._rule_value(value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

    def _rule_value(self, value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{self.code(name)}: {self._rule_value(each)}" for name, each in value.items())
        if isinstance(value, list | tuple):
            return ", ".join(map(self._rule_value, value)) or "–"
        text = self.value(value)
        return self.title(text) if text == value else text


def _details(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an event that are not part of its envelope."""
    return (
        (name, value)
        for name, value in event.items()
        if name not in _ENVELOPE and value not in _NOTHING and not (name == "excluded" and value is False)
    )
