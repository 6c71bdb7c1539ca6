"""The receipt of a filing: text, a page that prints, or the QR code alone, in French, Arabic or English."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import msgspec
import segno
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from permits_engine.documents.dates import day_in_words
from permits_engine.documents.filing import Filed
from permits_engine.documents.language import choose_language, package_yaml, sanitised
from permits_engine.documents.letter_templates import Templates

WIDTH = 76


class Paper(msgspec.Struct):
    """A receipt ready to be handed over: what was filed, and its signed proof."""

    filed: Filed
    proof: str

    def __repr__(self) -> str:
        return "<Paper>"

    def to_dict(self) -> dict[str, Any]:
        """Return what the receipt says as plain values, with the proof."""
        return {**self.filed.filing.to_dict(), "category": self.filed.category, "proof": self.proof}

    def language(self, wanted: str | None = None) -> str:
        """Return the language asked for, else the holder's, else French."""
        return choose_language(wanted or self.filed.person.language, _words())

    def text(self, language: str | None = None) -> str:
        """Return the receipt as plain text."""
        used = self.language(language)
        words = _words()[used]
        parts = [words["title"].upper(), ""]
        if self.filed.filing.specimen:
            parts += [words["specimen"], ""]
        for label, value in _lines(self.filed, used):
            if isinstance(value, str):
                parts.append(f"{label}: {value}")
            else:
                parts += [f"{label}:", *(f"  - {each}" for each in value)]
        parts += ["", *_sentences(self.filed, used), "", words["check"], ""]
        parts += [self.proof[at : at + WIDTH] for at in range(0, len(self.proof), WIDTH)]
        return "\n".join(parts) + "\n"

    def html(self, language: str | None = None) -> str:
        """Return the receipt as one page that prints and loads nothing."""
        used = self.language(language)
        # Safe: the drawing is made here, and the holder's data is in it as dots only.
        drawing = Markup(self._code().svg_inline(border=4, omitsize=True))  # noqa: S704
        return _page().render(
            language=used,
            w=_words()[used],
            specimen=self.filed.filing.specimen,
            lines=list(_lines(self.filed, used)),
            sentences=list(_sentences(self.filed, used)),
            qr=drawing,
            proof=self.proof,
        )

    def svg(self) -> bytes:
        """Return the QR code as a drawing."""
        return self._drawn("svg")

    def png(self) -> bytes:
        """Return the QR code as a picture."""
        return self._drawn("png")

    def _drawn(self, kind: str) -> bytes:
        out = io.BytesIO()
        self._code().save(out, kind=kind, scale=6, border=4)
        return out.getvalue()

    def _code(self) -> segno.QRCode:
        return segno.make_qr(self.proof, error="m")


def languages() -> list[str]:
    """Return the languages of receipts."""
    return sorted(_words())


def _lines(filed: Filed, language: str) -> Iterator[tuple[str, str | list[str]]]:
    words, filing = _words()[language], filed.filing

    def day(value: date | int | None) -> str | None:
        given = date.fromordinal(value) if isinstance(value, int) else value
        return None if given is None else day_in_words(given, language)

    names = Templates(filed.jurisdiction).documents(language)
    office = filed.office_names.get(language) or next(iter(filed.office_names.values()), filing.office)
    since, until = day(filing.since), day(filing.until)
    values: dict[str, str | list[str] | None] = {
        "holder": filing.name,
        "birth_date": day(filed.person.birth_date),
        "office": f"{office} ({filing.office})",
        "file_number": filed.file_number,
        "card_number": filed.card_number,
        "permit_id": filing.permit_id,
        "filed": words["kinds"][filing.kind],
        "category": filed.category,
        "filed_on": day(filing.filed),
        "state": words["incomplete" if filing.missing else "complete"],
        "missing": [names.get(code) or code.replace("-", " ") for code in filing.missing] or None,
        "documents_due": day(filed.documents_due),
        "valid": words["between"].format(since=since, until=until) if since and until else None,
    }
    for name, value in values.items():
        if isinstance(value, list):
            yield words["labels"][name], [sanitised(each) for each in value]
        elif value is not None:
            yield words["labels"][name], sanitised(value)
    yield words["issued"], day_in_words(date.fromordinal(filing.issued), language)


def _sentences(filed: Filed, language: str) -> Iterator[str]:
    words, filing = _words()[language], filed.filing
    yield words["timely" if filing.timely else "late"]
    yield words["stands" if filing.stands_for_title else "proves"]


def _words() -> dict[str, Any]:
    return package_yaml("documents", "pages", "receipt_words.yaml")


@cache
def _page() -> Template:
    loader = PackageLoader("permits_engine.documents", "pages")
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return env.get_template("receipt.html")
