"""The languages of documents: which one is used, its words, and text that is safe to show."""

from __future__ import annotations

from collections.abc import Container
from functools import cache
from importlib import resources
from typing import Any

import yaml

from permits_engine.domain.errors import invalid

LANGUAGES = ("fr", "ar", "en")
DEFAULT = "fr"
LEFT_TO_RIGHT, FIRST_STRONG, POP = "\u2066", "\u2068", "\u2069"
"""Isolates around text that may run in the other direction: an offset; a name, code or title; and their end."""
LONGEST = 300
"""Characters: a longer value from outside is cut, so that it cannot take over a letter."""
_JOINERS = "\u200c\u200d"
"""Characters that do not print and that names in some scripts need."""
_BREAKS = "\t\n\v\f\r\x85\u2028\u2029"


def checked_language(wanted: str) -> str:
    """Return a language that phrases are translated into; raise ``input.invalid`` for any other."""
    if wanted not in LANGUAGES:
        raise invalid("--language", f"{wanted!r} is none of {', '.join(LANGUAGES)}")
    return wanted


def choose_language(wanted: str | None, offered: Container[str], default: str = DEFAULT) -> str:
    """Return the wanted language, without its region where only that is offered, else the default."""
    plain = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return next((each for each in (wanted, plain) if each and each in offered), default)


@cache
def package_yaml(*path: str) -> dict[str, Any]:
    """Return the content of a YAML file of the package; shared, not to be changed."""
    file = resources.files("permits_engine").joinpath(*path)
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def catalogue(language: str) -> dict[str, Any]:
    """Return the translations into a language other than English."""
    return package_yaml("documents", "phrases", f"{language}.yaml")


def without_isolates(text: str) -> str:
    """Return a text without its isolates, for output that cannot show them."""
    return text.replace(LEFT_TO_RIGHT, "").replace(FIRST_STRONG, "").replace(POP, "")


def sanitised(value: str) -> str:
    """Return a value from outside that can neither break a line nor turn the direction of the text around it.

    A line break becomes a space; other characters that do not print are dropped, except joiners.
    """
    if value.isprintable() and len(value) <= LONGEST:
        return value
    kept = []
    for c in value[:LONGEST]:
        if c.isprintable() or c in _JOINERS:
            kept.append(c)
        elif c in _BREAKS:
            kept.append(" ")
    return " ".join("".join(kept).split(" ")) + ("…" if len(value) > LONGEST else "")
