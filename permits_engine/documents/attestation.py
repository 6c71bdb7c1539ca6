"""A printable attestation of the rights of one holder on one day, for the counter that refuses them.

Words and layouts are data of the jurisdiction (``jurisdictions/ma/attestation``): a language more is a file more.
Layouts run in Jinja's sandbox; the page escapes every value, and both take away what would turn the text around it.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import msgspec
import yaml
from babel.dates import format_date
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from permits_engine.application.context import Context
from permits_engine.application.queries import views
from permits_engine.documents.language import harmless
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.permit import rights
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.transactions import Transaction

FORMATS = ("text", "html")
_LOCALES = {"ar": "ar_MA", "en": "en_GB"}
_LAYOUTS = {"text": "layout.txt.j2", "html": "layout.html.j2"}


class Attestation(msgspec.Struct, frozen=True):
    """The attestation as it is to be printed: of which file on which day, in which language and form."""

    permit_id: str
    on: date
    version: int
    language: str
    direction: str
    format: str
    content: str

    def __repr__(self) -> str:
        return f"<Attestation of {self.permit_id}>"


class _Language(BaseModel):
    """One language's words: for the frame, for each right, and for what opens it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str = Field(pattern=r"^[a-z]{2,3}$")
    default: bool = False
    direction: Literal["ltr", "rtl"]
    words: dict[str, str] = Field(min_length=1)
    rights: dict[str, str] = Field(min_length=1)
    because: dict[str, str] = Field(min_length=1)
    norms: list[tuple[str, str]] = Field(default_factory=list)
    """Words of the policy's sources, each with what stands for it here."""

    def norm(self, source: str | None) -> str | None:
        """The source of a rule as this language says it."""
        for said, instead in self.norms if source else ():
            source = str(source).replace(said, instead)
        return source


@lru_cache(maxsize=8)
def languages(jurisdiction: str) -> dict[str, _Language]:
    """The languages of a jurisdiction's attestation, the default first; empty where it has none."""
    folder = resources.files("permits_engine") / "jurisdictions" / jurisdiction.lower() / "attestation"
    if not folder.is_dir():
        return {}
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    read = [_Language.model_validate(yaml.safe_load(f.read_text(encoding="utf-8"))) for f in files]
    return {each.language: each for each in sorted(read, key=lambda x: (not x.default, x.language))}


@lru_cache(maxsize=16)
def _layout(jurisdiction: str, form: str) -> Template:
    folder = resources.files("permits_engine") / "jurisdictions" / jurisdiction.lower() / "attestation"
    env = SandboxedEnvironment(
        autoescape=form == "html", undefined=StrictUndefined, keep_trailing_newline=True
    )
    return env.from_string((folder / _LAYOUTS[form]).read_text(encoding="utf-8"))


def made(
    context: Context,
    tx: Transaction,
    permit_id: str,
    *,
    on: date | None = None,
    language: str | None = None,
    form: str = "text",
) -> Attestation:
    """The attestation of what is open on a day (default: today), in a language (default: the holder's).

    Only what is open stands in it. Raises ``input.invalid`` for a language or form that there is not, or a day
    to come; ``holder.erased`` where nobody is left to be named; ``policy.none_in_force`` where the country has
    no attestation.
    """
    if form not in FORMATS:
        raise invalid("format", f"{form!r} is none of {', '.join(FORMATS)}")
    s, records = views.situation(context, tx, permit_id, on, None)
    today = context.today(s.rules.policy)
    if s.day > today:
        raise invalid("on", f"{s.day} lies after today ({today}); what is to come cannot be attested")
    person = context.person(tx, s.permit.holder_id)
    if person.birth_date is None:
        raise error(
            "holder.erased",
            "the holder's personal data were erased: there is nobody left to name in an attestation",
            holder_id=person.holder_id,
        )
    shelf = _shelf(s.permit.jurisdiction, language, person.language)
    cipher = context.keyring.load(tx, s.permit.holder_id)
    values = {
        "holder_name": harmless(person.name),
        "birth_date": _day(person.birth_date, shelf.language),
        "nationality": person.nationality,
        "permit_id": permit_id,
        "version": s.permit.version,
        "office_name": s.rules.policy.offices[s.prefecture].name(shelf.language),
        "on": _day(s.day, shelf.language),
        "on_receipt": rights.holds(s, "receipt") and not rights.holds(s, "title"),
        "rights": _open(s, shelf),
        "words": shelf.words,
        "language": shelf.language,
        "direction": shelf.direction,
        **{
            name: harmless(value) if value else None
            for name, value in views.numbers_on(records, s.permit, s.day, cipher).items()
        },
    }
    content = _layout(s.permit.jurisdiction, form).render(values)
    return Attestation(permit_id, s.day, s.permit.version, shelf.language, shelf.direction, form, content)


def _shelf(jurisdiction: str, wanted: str | None, spoken: str | None) -> _Language:
    found = languages(jurisdiction)
    if not found:
        raise error(
            "policy.none_in_force",
            f"{jurisdiction} has no attestation of rights among its data; permits rights lists them",
            jurisdiction=jurisdiction,
        )
    if wanted is not None and wanted not in found:
        raise invalid("language", f"{wanted!r} is none of {', '.join(found)}")
    plain = (wanted or spoken or "").partition("-")[0].lower()
    return found.get(plain) or next(iter(found.values()))


def _open(s: Situation, shelf: _Language) -> list[dict[str, Any]]:
    return [
        {
            "name": shelf.rights[right.right],
            "because": " + ".join(_because(part, shelf) for part in right.because.split("+")),
            "until": _day(right.until, shelf.language) if right.until else None,
            "basis": shelf.norm(right.basis),
        }
        for right in rights.rights(s)
        if right.open
    ]


def _because(code: str, shelf: _Language) -> str:
    # A fact that only a local list knows: its code, readable, is better than no attestation.
    return shelf.because.get(code) or code.replace("_", " ")


def _day(day: date, language: str) -> str:
    written = format_date(day, "long", locale=_LOCALES.get(language, language))
    return f"1er{written[1:]}" if language == "fr" and day.day == 1 else written
