"""Phrases, codes and titles in the words of a language; the translator is loaded when one is needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from permits_engine.documents.language import checked_language

if TYPE_CHECKING:
    from permits_engine.documents.translator import Translator


def untranslated(text: str) -> str:
    """Return a phrase as it is, to be translated later."""
    return text


def phrase_translator(language: str, jurisdiction: str) -> Callable[[str], str]:
    """Return a function that translates phrases and keeps other text; raise ``input.invalid``.

    The names of documents and facts are those of the jurisdiction's own letters and attestation.
    """
    return str if checked_language(language) == "en" else _translator(language, jurisdiction).phrase


def code_translator(language: str, jurisdiction: str) -> Callable[[str], str]:
    """Return a function that puts codes and periods of rules into words, as far as the language names them."""
    return str if checked_language(language) == "en" else _translator(language, jurisdiction).code


def title_translator(language: str, jurisdiction: str) -> Callable[[str], str]:
    """Return a function that translates titles of legal texts, as far as the language's file knows them."""
    return str if checked_language(language) == "en" else _translator(language, jurisdiction).title


@cache
def _translator(language: str, jurisdiction: str) -> Translator:
    from permits_engine.documents.translator import Translator  # Babel costs a tenth of a second to load

    return Translator(language, jurisdiction)
