"""A dossier as one page that prints well and loads nothing, in French, Arabic or English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from permits_engine.audit.dossier.gather import Dossier
from permits_engine.documents.dates import day_in_words, moment_in_words
from permits_engine.documents.language import (
    FIRST_STRONG,
    LEFT_TO_RIGHT,
    POP,
    checked_language,
    code_translator,
    package_yaml,
    phrase_translator,
    title_translator,
)
from permits_engine.domain.phrases import Phrase

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_ENVELOPE = frozenset(
    {
        *("version", "name", "type", "position", "recorded_at", "event_id", "effective_on", "actor", "basis"),
        *("operator", "correlation_id", "causation_id", "command_id", "sealed", "holder_id", "deadlines"),
        *("warning", "departs_from", "message_id", "template", "response", "channel"),
    }
)
_CODED = (
    "events",
    "notices",
    "deadlines",
    "roles",
    "ranks",
    "states",
    "values",
    "because",
    "gates",
    "categories",
    "fields",
)
_MARKS = {
    LEFT_TO_RIGHT: Markup('<bdi dir="ltr">'),
    FIRST_STRONG: Markup("<bdi>"),
    POP: Markup("</bdi>"),
}
"""What sets a name apart in a text, as elements."""
_LONGEST = 240
_NOTHING: tuple[Any, ...] = (None, [], (), "")


def html(dossier: Dossier, language: str) -> str:
    """The page of a dossier."""
    used = checked_language(language)
    return _template(used, dossier.permit["jurisdiction"]).render(d=dossier, w=_words(used), language=used)


@cache
def _words(language: str) -> dict[str, Any]:
    """The words of the page; events and fields are called as on a person's own page, categories as in the account."""
    own = package_yaml("audit", "dossier", "pages", "words.yaml")[language]
    names = package_yaml("documents", "pages", "names.yaml")[language]
    shared = package_yaml("documents", "pages", "disclosure_words.yaml")[language]
    account = package_yaml("audit", "report", "pages", "words.yaml")[language]
    return {
        **own,
        **names,
        "events": shared["events"],
        "categories": account["categories"],
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
    words = _words(language)
    say, call, title = (
        translator(language, jurisdiction)
        for translator in (phrase_translator, code_translator, title_translator)
    )

    def said(value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, bool):
            return str(words["yes"] if value else words["no"])
        if isinstance(value, str) and _DAY.fullmatch(value):
            return day_in_words(date.fromisoformat(value), language)
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            moment = datetime.fromisoformat(value)
            return f"{moment_in_words(moment, language, 'd MMMM y, HH:mm:ss')} UTC"
        if isinstance(value, list | tuple):
            return ", ".join(map(said, value)) or "–"
        if isinstance(value, dict):
            return ", ".join(f"{name}: {said(each)}" for name, each in value.items())
        return coded(str(value))

    def coded(code: str) -> str:
        """A code in words, where there are some."""
        for kind in _CODED:
            if code in words[kind]:
                return str(words[kind][code])
        return call(code)

    def spoken(text: str) -> Markup:
        """What the rules say, in the language of the page; what is no phrase is marked as the English that it is."""
        if language != "en" and not isinstance(text, Phrase):
            return Markup('<span lang="en" dir="ltr">{}</span>').format(text)
        said = Markup("{}").format(say(text))
        for mark, element in _MARKS.items():
            said = said.replace(mark, element)
        return said

    def ruled(value: Any) -> str:
        """What a rule says: its codes by their names, the texts in it by their titles."""
        if isinstance(value, dict):
            return ", ".join(f"{coded(name)}: {ruled(each)}" for name, each in value.items())
        if isinstance(value, list | tuple):
            return ", ".join(map(ruled, value)) or "–"
        text = said(value)
        return title(text) if text == value else text

    def short(value: Any) -> str:
        text = ruled(value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

    env.filters |= {
        "said": said,
        "coded": coded,
        "short": short,
        "spoken": spoken,
        "titled": title,
        "told": _told,
    }
    return env.get_template("dossier.html")


def _told(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an event says beside its envelope."""
    return (
        (name, value)
        for name, value in event.items()
        if name not in _ENVELOPE and value not in _NOTHING and not (name == "excluded" and value is False)
    )
