"""What is known of a person as each language writes it: the birth date, the country, other names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from babel import Locale
from babel.core import UnknownLocaleError

from permits_engine.commands.nationality import alpha_2
from permits_engine.documents.dates import known_in_words, locale_of
from permits_engine.documents.language import package_yaml


@lru_cache(maxsize=2048)
def country_name(code: str, language: str) -> str:
    """Return the name of a nationality's country or status by its alpha-3 code, or the code if it has none."""
    special = package_yaml("documents", "pages", "nationalities.yaml")
    try:
        name = Locale.parse(locale_of(language).replace("-", "_")).territories.get(alpha_2(code) or "")
    except (UnknownLocaleError, ValueError):
        name = None
    own = special.get(language) or special["en"]
    return str(own.get(code) or name or code)


def full_name(name: dict[str, str]) -> str:
    """Return the given names and the family name of another name."""
    return " ".join(name[part] for part in ("given_names", "family_name") if name.get(part))


def in_words(field: str, value: Any, language: str) -> str | None:
    """Return a field about a person in words; none for a field that is shown as it is."""
    if value is None:
        return None
    match field:
        case "birth_date":
            return known_in_words(value, language)
        case "nationality":
            return country_name(value, language)
        case "also_known_as":
            return " · ".join(map(full_name, value))
    return None
