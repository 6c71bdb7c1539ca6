"""The receipt of a filing: text, a page that prints, or the QR code alone, in French, Arabic or English."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import msgspec
import segno
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.views import numbers_on
from permits_engine.documents import receipt_proof
from permits_engine.documents.dates import day_in_words, known_in_words
from permits_engine.documents.language import choose_language, package_yaml, sanitised
from permits_engine.documents.letter_templates import Templates
from permits_engine.documents.receipt_proof import Filing, Sign
from permits_engine.domain.errors import error
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.domain.permit import deadlines
from permits_engine.domain.permit.situation import Situation
from permits_engine.projections.holder import Person
from permits_engine.store.events.application import Placed
from permits_engine.store.log import leaf

WIDTH = 76
LONGEST_NAME = 100


class Paper(msgspec.Struct):
    """A receipt ready to be handed over: a filing, its signed proof, and what only the printed receipt says."""

    filing: Filing
    proof: str
    person: Person
    jurisdiction: str
    category: str
    office_names: dict[str, str]
    file_number: str | None
    card_number: str | None
    documents_due: date | None
    later: str | None = None

    def __repr__(self) -> str:
        return "<Paper>"

    def to_dict(self) -> dict[str, Any]:
        """Return what the receipt says as plain values, with the proof."""
        return {**self.filing.to_dict(), "category": self.category, "proof": self.proof}

    def language(self, wanted: str | None = None) -> str:
        """Return the language asked for, else the holder's, else French."""
        return choose_language(wanted or self.person.language, _words())

    def text(self, language: str | None = None) -> str:
        """Return the receipt as plain text."""
        used = self.language(language)
        words = _words()[used]
        parts = [words["title"].upper(), ""]
        if self.filing.specimen:
            parts += [words["specimen"], ""]
        for label, value in _lines(self, used):
            if isinstance(value, str):
                parts.append(f"{label}: {value}")
            else:
                parts += [f"{label}:", *(f"  - {each}" for each in value)]
        parts += ["", *_sentences(self.filing, used), "", words["check"], ""]
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
            specimen=self.filing.specimen,
            lines=list(_lines(self, used)),
            sentences=list(_sentences(self.filing, used)),
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


def issue(file: PermitFile, origin: str, sign: Sign) -> Paper:
    """Return the receipt of a permit's latest filing as of today; raise ``holder.erased``."""
    s, records = file.situation(), file.records
    uow = file.context.begin(file.tx)
    cipher, person = uow.cipher(s.permit.holder_id), uow.person(s.permit.holder_id)
    if s.request is None:
        raise error(
            "transition.not_allowed",
            "nothing is filed on this permit on that day; there is no receipt",
            state=s.application_status,
            command="receipt",
            allowed=[],
        )
    office = s.rules.policy.offices.get(s.prefecture)
    due = [d for d in deadlines.deadlines(s) if d.kind == "documents_due" and d.earliest is not None]
    filing = _filing(s, person, records, specimen=file.tx.simulated)
    return Paper(
        filing=filing,
        proof=receipt_proof.issue(filing, origin, sign),
        person=person,
        jurisdiction=s.permit.jurisdiction,
        category=s.permit.category,
        office_names=office.names if office is not None else {},
        documents_due=due[0].earliest if due else None,
        later=due[0].later if due else None,
        **numbers_on(records, s.permit, s.day, cipher),
    )


def _filing(s: Situation, person: Person, records: list[Placed], *, specimen: bool) -> Filing:
    request, receipt = s.request, s.receipt
    paper = s.paper if receipt is not None else None
    assert request is not None
    record = records[request.version - 1].stored
    assert record is not None
    fields = leaf.leaf_bytes(
        record.position, record.stream, record.version, record.name, record.recorded_at, record.payload
    )
    stands = receipt is not None and s.rules.get("receipt.stands_for_title", s.day, s.scope()) is True
    return Filing(
        permit=uuid.UUID(s.permit.permit_id).bytes,
        kind=request.kind,
        filed=request.filed_on.toordinal(),
        timely=request.kind != "renewal" or s.is_timely(request),
        missing=tuple(sorted(s.outstanding(request))),
        serial=paper.version if paper is not None else 0,
        since=paper.on.toordinal() if paper is not None else None,
        until=receipt.until.toordinal() if receipt is not None else None,
        stands_for_title=stands,
        office=s.prefecture,
        issued=s.day.toordinal(),
        name=person.name[:LONGEST_NAME],
        born=_born(person.born),
        position=record.position,
        leaf=leaf.leaf_hash(fields),
        specimen=specimen,
    )


def _born(known: PartialDate | None) -> int | str | None:
    if known is None:
        return None
    return known.whole.toordinal() if known.whole is not None else str(known)


def languages() -> list[str]:
    """Return the languages of receipts."""
    return sorted(_words())


def _lines(paper: Paper, language: str) -> Iterator[tuple[str, str | list[str]]]:
    words, filing = _words()[language], paper.filing

    def day(value: date | int | None) -> str | None:
        given = date.fromordinal(value) if isinstance(value, int) else value
        return None if given is None else day_in_words(given, language)

    names = Templates(paper.jurisdiction).documents(language)
    office = paper.office_names.get(language) or next(iter(paper.office_names.values()), filing.office)
    since, until = day(filing.since), day(filing.until)
    values: dict[str, str | list[str] | None] = {
        "holder": filing.name,
        "birth_date": known_in_words(born, language) if (born := paper.person.birth_date) else None,
        "office": f"{office} ({filing.office})",
        "file_number": paper.file_number,
        "card_number": paper.card_number,
        "permit_id": filing.permit_id,
        "filed": words["kinds"][filing.kind],
        "category": paper.category,
        "filed_on": day(filing.filed),
        "state": words["incomplete" if filing.missing else "complete"],
        "missing": [names.get(code) or code.replace("-", " ") for code in filing.missing] or None,
        "documents_due": _with_doubt(day(paper.documents_due), paper.later and words["later"][paper.later]),
        "valid": words["between"].format(since=since, until=until) if since and until else None,
    }
    for name, value in values.items():
        if isinstance(value, list):
            yield words["labels"][name], [sanitised(each) for each in value]
        elif value is not None:
            yield words["labels"][name], sanitised(value)
    yield words["issued"], day_in_words(date.fromordinal(filing.issued), language)


def _with_doubt(day: str | None, clause: str | None) -> str | None:
    return f"{day} ({clause})" if day and clause else day


def _sentences(filing: Filing, language: str) -> Iterator[str]:
    words = _words()[language]
    yield words["timely" if filing.timely else "late"]
    yield words["stands" if filing.stands_for_title else "proves"]


def _words() -> dict[str, Any]:
    return package_yaml("documents", "pages", "receipt_words.yaml")


@cache
def _page() -> Template:
    loader = PackageLoader("permits_engine.documents", "pages")
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return env.get_template("receipt.html")
