"""What is held about a person as a page that they can read: in their language, in one file, loading nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import yaml
from babel.dates import format_date
from jinja2 import Environment, StrictUndefined, Template

DEFAULT = "fr"
_LOCALES = {"ar": "ar_MA", "en": "en_GB"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENVELOPE = frozenset(
    {
        *("version", "name", "type", "position", "recorded_at", "event_id", "effective_on", "actor", "basis"),
        *("operator", "correlation_id", "causation_id", "command_id", "sealed", "changed", "holder_id"),
    }
)


def languages() -> list[str]:
    """The languages in which there is a page."""
    return sorted(_words())


def language_for(wanted: str | None) -> str:
    """The language of a person's page: theirs without its region, else French."""
    plain = (wanted or "").partition("-")[0].lower()
    return plain if plain in _words() else DEFAULT


def html(disclosure: dict[str, Any], language: str | None = None) -> str:
    """The page of a disclosure, in the holder's language unless another is asked for."""
    used = language_for(language or disclosure["person"]["language"])
    return _template(used).render(d=disclosure, w=_words()[used], language=used)


@cache
def _words() -> dict[str, Any]:
    folder = resources.files("permits_engine") / "documents" / "pages"
    found: dict[str, Any] = yaml.safe_load((folder / "disclosure_words.yaml").read_text(encoding="utf-8"))
    return found


@cache
def _template(language: str) -> Template:
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    locale = _LOCALES.get(language, language)

    def said(value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, str) and _DAY.fullmatch(value):
            return format_date(date.fromisoformat(value), "long", locale=locale)
        if isinstance(value, bool):
            return "✓" if value else "✗"
        if isinstance(value, list | tuple):
            return ", ".join(map(said, value))
        if isinstance(value, dict):
            return ", ".join(f"{name}: {said(each)}" for name, each in value.items())
        return str(value)

    env.filters |= {"said": said, "told": _told, "some": _some, "readers": _readers}
    source = resources.files("permits_engine") / "documents" / "pages" / "disclosure.html"
    return env.from_string(source.read_text(encoding="utf-8"))


def _told(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an event says beside its envelope."""
    return ((name, value) for name, value in event.items() if name not in _ENVELOPE and value is not None)


def _some(file: dict[str, Any], names: list[str]) -> list[tuple[str, Any]]:
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
