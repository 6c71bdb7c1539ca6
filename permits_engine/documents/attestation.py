"""A printable attestation of a holder's rights on one day, for a counter that refuses them.

Words and layouts are data of the jurisdiction (its folder ``attestation``): another language is another file.
Layouts run in Jinja's sandbox. Values are escaped, and cannot break a line or turn the direction of the text.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal

import msgspec
import yaml
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from permits_engine.application.queries import views
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.documents.dates import day_in_words, known_in_words
from permits_engine.documents.language import choose_language, sanitised
from permits_engine.documents.persons import country_name
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.permit import rights
from permits_engine.domain.permit.situation import Situation
from permits_engine.projections.holder import Person
from permits_engine.projections.search_entries import NUMBERS

FORMATS = ("text", "html")
_LAYOUTS = {"text": "layout.txt.j2", "html": "layout.html.j2"}


class Attestation(msgspec.Struct, frozen=True):
    """A printable attestation: of which permit on which day, in which language and format."""

    permit_id: str
    on: date
    version: int
    language: str
    direction: str
    format: str
    content: str

    def __repr__(self) -> str:
        return f"<Attestation of {self.permit_id}>"


class _Words(BaseModel):
    """One language's words: for the layout, for each right, and for what opens it.

    ``norms`` are pairs of words in a rule's source and their translation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str = Field(pattern=r"^[a-z]{2,3}$")
    default: bool = False
    direction: Literal["ltr", "rtl"]
    words: dict[str, str] = Field(min_length=1)
    rights: dict[str, str] = Field(min_length=1)
    because: dict[str, str] = Field(min_length=1)
    norms: list[tuple[str, str]] = Field(default_factory=list)

    def norm(self, source: str | None) -> str | None:
        """Return the source of a rule in this language."""
        for original, translation in self.norms if source else ():
            source = str(source).replace(original, translation)
        return source

    def reason(self, code: str) -> str:
        """Return what opens a right; a code that only a local list defines is made readable."""
        return self.because.get(code) or code.replace("_", " ")


@lru_cache(maxsize=8)
def languages(jurisdiction: str) -> dict[str, _Words]:
    """Return the languages of a jurisdiction's attestation, the default first; empty where it has none."""
    folder = _folder(jurisdiction)
    if not folder.is_dir():
        return {}
    files = [f for f in folder.iterdir() if f.name.endswith(".yaml")]
    found = [_Words.model_validate(yaml.safe_load(f.read_text(encoding="utf-8"))) for f in files]
    return {each.language: each for each in sorted(found, key=lambda x: (not x.default, x.language))}


def attest(
    file: PermitFile,
    *,
    on: date | None = None,
    language: str | None = None,
    form: str = "text",
) -> Attestation:
    """Return the attestation of what is open on a day (default: today), in a language (default: the holder's).

    Raises ``input.invalid`` for an unknown language or format, or a day after today; ``holder.erased``;
    ``policy.none_in_force`` where the country has no attestation.
    """
    if form not in FORMATS:
        raise invalid("format", f"{form!r} is none of {', '.join(FORMATS)}")
    context, s = file.context, file.situation(on)
    today = context.today(s.rules.policy)
    if s.day > today:
        raise invalid("on", f"{s.day} lies after today ({today}); a day in the future cannot be attested")
    person = context.person(file.tx, s.permit.holder_id)
    if person.birth_date is None:
        raise error(
            "holder.erased",
            "the holder's personal data were erased: an attestation could not name them",
            holder_id=person.holder_id,
        )
    words = _words(s.permit.jurisdiction, language, person.language)
    numbers = views.numbers_on(file.records, s.permit, s.day, file.cipher())
    values = _values(s, person, words) | {
        name: sanitised(value) if (value := numbers[name]) else None for name in NUMBERS
    }
    content = _layout(s.permit.jurisdiction, form).render(values)
    return Attestation(
        file.permit_id, s.day, s.permit.version, words.language, words.direction, form, content
    )


def _values(s: Situation, person: Person, words: _Words) -> dict[str, Any]:
    assert person.birth_date is not None
    return {
        "holder_name": sanitised(person.name),
        "birth_date": known_in_words(person.birth_date, words.language),
        "nationality": country_name(person.nationality or "XXX", words.language),
        "permit_id": s.permit.permit_id,
        "version": s.permit.version,
        "office_name": s.rules.policy.offices[s.prefecture].name(words.language),
        "on": day_in_words(s.day, words.language),
        "on_receipt": rights.holds(s, "receipt") and not rights.holds(s, "title"),
        "rights": _open_rights(s, words),
        "words": words.words,
        "language": words.language,
        "direction": words.direction,
    }


def _open_rights(s: Situation, words: _Words) -> list[dict[str, Any]]:
    return [
        {
            "name": words.rights[right.right],
            "because": " + ".join(words.reason(code) for code in right.because.split("+")),
            "until": day_in_words(until, words.language) if until else None,
            "basis": words.norm(right.basis),
        }
        for right in rights.rights(s)
        if right.open
        for until in (right.until or _end_of_receipt(s, right),)
    ]


def _end_of_receipt(s: Situation, right: rights.Right) -> date | None:
    """Return the present end of the receipt that opens a right: it goes on, but a paper says what is sure today."""
    by_receipt = s.receipt is not None and "receipt" in right.because.split("+")
    return s.receipt.until if s.receipt is not None and by_receipt else None


def _words(jurisdiction: str, wanted: str | None, spoken: str | None) -> _Words:
    found = languages(jurisdiction)
    if not found:
        raise error(
            "policy.none_in_force",
            f"{jurisdiction} has no attestation of rights among its data; permits rights lists them",
            jurisdiction=jurisdiction,
        )
    if wanted is not None and wanted not in found:
        raise invalid("language", f"{wanted!r} is none of {', '.join(found)}")
    return found[choose_language(wanted or spoken, found, next(iter(found)))]


@lru_cache(maxsize=16)
def _layout(jurisdiction: str, form: str) -> Template:
    env = SandboxedEnvironment(
        autoescape=form == "html", undefined=StrictUndefined, keep_trailing_newline=True
    )
    return env.from_string((_folder(jurisdiction) / _LAYOUTS[form]).read_text(encoding="utf-8"))


def _folder(jurisdiction: str) -> Traversable:
    return resources.files("permits_engine") / "jurisdictions" / jurisdiction.lower() / "attestation"
