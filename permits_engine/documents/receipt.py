"""The receipt as a paper: text, a page that prints, or the QR code alone, in French, Arabic or English."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import segno
import yaml
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from permits_engine.documents.filing import Filed
from permits_engine.documents.language import day_in_words, harmless
from permits_engine.documents.letter_templates import Templates

DEFAULT = "fr"
WIDTH = 76
_ROOM = "permits_engine", "documents", "pages"


class Paper(msgspec.Struct):
    """A receipt ready to be handed over: what was filed, and its signed proof."""

    filed: Filed
    proof: str

    def __repr__(self) -> str:
        return "<Paper>"

    def told(self) -> dict[str, Any]:
        """Plain values, with the proof."""
        return {**self.filed.filing.told(), "category": self.filed.category, "proof": self.proof}

    def language(self, wanted: str | None = None) -> str:
        """The language asked for, else the holder's where there is a paper in it, else French."""
        plain = (wanted or self.filed.person.language or "").partition("-")[0].lower()
        return plain if plain in languages() else DEFAULT

    def text(self, language: str | None = None) -> str:
        """The receipt as plain text."""
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
        """The receipt as one page that prints and loads nothing."""
        used = self.language(language)
        # The drawing is ours alone: what the person wrote is not in it but as dots.
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
        """The QR code as a drawing."""
        return self._drawn("svg")

    def png(self) -> bytes:
        """The QR code as a picture."""
        return self._drawn("png")

    def _drawn(self, kind: str) -> bytes:
        out = io.BytesIO()
        self._code().save(out, kind=kind, scale=6, border=4)
        return out.getvalue()

    def _code(self) -> segno.QRCode:
        return segno.make_qr(self.proof, error="m")


def languages() -> list[str]:
    """The languages in which there is a paper."""
    return sorted(_words())


def _lines(filed: Filed, language: str) -> Iterator[tuple[str, str | list[str]]]:
    words, filing = _words()[language], filed.filing
    labels = words["labels"]

    def day(value: date | None) -> str | None:
        return None if value is None else day_in_words(value, language)

    names = Templates(filed.jurisdiction).documents(language)
    office = filed.office_names.get(language) or next(iter(filed.office_names.values()), filing.office)
    valid = None
    if filing.since is not None and filing.until is not None:
        since, until = day(date.fromordinal(filing.since)), day(date.fromordinal(filing.until))
        valid = words["between"].format(since=since, until=until)
    yes: dict[str, Any] = {
        "holder": filing.name,
        "birth_date": day(filed.person.birth_date),
        "office": f"{office} ({filing.office})",
        "file_number": filed.file_number,
        "card_number": filed.card_number,
        "permit_id": filing.told()["permit_id"],
        "filed": words["kinds"][filing.kind],
        "category": filed.category,
        "filed_on": day(date.fromordinal(filing.filed)),
        "state": words["incomplete" if filing.missing else "complete"],
        "missing": [names.get(code) or code.replace("-", " ") for code in filing.missing] or None,
        "documents_due": day(filed.documents_due),
        "valid": valid,
        "issued": None,
    }
    clean: Callable[[str], str] = harmless
    for name, value in yes.items():
        if isinstance(value, list):
            yield labels[name], [clean(each) for each in value]
        elif value is not None:
            yield labels[name], clean(value)
    yield words["issued"], day_in_words(date.fromordinal(filing.issued), language)


def _sentences(filed: Filed, language: str) -> Iterator[str]:
    words, filing = _words()[language], filed.filing
    yield words["timely" if filing.timely else "late"]
    yield words["stands" if filing.stands_for_title else "proves"]


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_file("receipt_words.yaml"))
    return found


@cache
def _page() -> Template:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        _file("receipt.html")
    )


def _file(name: str) -> str:
    place = resources.files(_ROOM[0]) / _ROOM[1] / _ROOM[2] / name
    return place.read_text(encoding="utf-8")
