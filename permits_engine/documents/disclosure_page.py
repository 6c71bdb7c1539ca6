"""The data held about a person as a page for them to read: in their language, in one file, loading nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from permits_engine.application.queries import views
from permits_engine.application.queries.disclosure import Disclosure
from permits_engine.documents.dates import day_in_words
from permits_engine.documents.language import choose_language, package_yaml
from permits_engine.documents.persons import in_words

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENVELOPE = views.ENVELOPE | {"changed"}


def languages() -> list[str]:
    """Return the languages of the page."""
    return sorted(_words())


def html(disclosure: Disclosure, language: str | None = None) -> str:
    """Return the page of a disclosure, in the holder's language unless another is asked for."""
    used = choose_language(language or disclosure["person"]["language"], _words())
    return _template(used).render(d=disclosure, w=_words()[used], language=used)


def _words() -> dict[str, Any]:
    return package_yaml("documents", "pages", "disclosure_words.yaml")


@cache
def _template(language: str) -> Template:
    loader = PackageLoader("permits_engine.documents", "pages")
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)

    def written(value: Any, field: str = "") -> str:
        if (words := in_words(field, value, language)) is not None:
            return words
        if value is None:
            return "–"
        if isinstance(value, str) and _DAY.fullmatch(value):
            return day_in_words(date.fromisoformat(value), language)
        if isinstance(value, bool):
            return "✓" if value else "✗"
        if isinstance(value, list | tuple):
            return ", ".join(map(written, value))
        if isinstance(value, dict):
            return ", ".join(f"{name}: {written(each)}" for name, each in value.items())
        return str(value)

    env.filters |= {"written": written, "details": _details, "pick": _pick, "readers": _readers}
    return env.get_template("disclosure.html")


def _details(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an event that are not part of its envelope."""
    return ((name, value) for name, value in event.items() if name not in _ENVELOPE and value is not None)


def _pick(file: dict[str, Any], names: list[str]) -> list[tuple[str, Any]]:
    return [(name, file.get(name)) for name in names]


def _readers(looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "on": each["on"],
            "purpose": each["purpose"],
            "reader": each["reader"]["id"],
            "role": each["reader"]["role"],
            "prefecture": each["reader"].get("prefecture"),
        }
        for each in looks
    ]
