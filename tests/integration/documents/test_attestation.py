"""The attestation of rights: what it says, in which language, to whom, and the trace that it leaves."""

from datetime import date
from html import unescape
from html.parser import HTMLParser

import pytest

from permits_engine import Actor, PermitsError
from permits_engine.documents.attestation import languages
from permits_engine.domain.permit.rights import RIGHTS
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.application.conftest import COUNTER, Office

ON = date(2017, 1, 15)


class _Balance(HTMLParser):
    """Whether every element that was opened was closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.direction: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.direction = dict(attrs).get("dir", self.direction)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def test_the_attestation_names_what_the_receipt_opens(office: Office) -> None:
    """On a receipt work is open, and the paper says that the receipt stands for the title."""
    permit_id = office.application()
    office.at("2017-01-15")
    paper = office.engine.as_(COUNTER).documents.attestation(permit_id, on=ON)
    assert (paper.language, paper.direction, paper.version) == ("fr", "ltr", 2)
    assert "Aminata" in paper.content
    assert "article 8" in paper.content
    assert "Travail" in paper.content
    assert "20 mars 2017" in paper.content
    assert "Registre national" not in paper.content  # not open in 2017


@pytest.mark.parametrize(("language", "direction"), [("fr", "ltr"), ("en", "ltr"), ("ar", "rtl")])
def test_every_language_prints_a_whole_page(office: Office, language: str, direction: str) -> None:
    """The page is well formed, runs in its language's direction and holds every open right."""
    permit_id = office.application()
    office.at("2017-01-15")
    reader = office.engine.as_(COUNTER)
    paper = reader.documents.attestation(permit_id, on=ON, language=language, form="html")
    page = _Balance()
    page.feed(paper.content)
    assert (page.open, page.faults, page.direction) == ([], [], direction)
    names = languages("MA")[language].rights
    opened = [each["right"] for each in office.engine.queries.rights(permit_id, on=ON) if each["open"]]
    assert all(names[right] in unescape(paper.content) for right in opened)
    text = reader.documents.attestation(permit_id, on=ON, language=language).content
    assert all(names[right] in text for right in opened)


def test_languages_have_the_same_words() -> None:
    """Each language says all that the others say, and names every right."""
    found = languages("MA")
    assert list(found) == ["fr", "ar", "en"]
    for each in found.values():
        assert set(each.rights) == set(RIGHTS)
        assert set(each.words) == set(found["fr"].words)
        assert set(each.because) == set(found["fr"].because)


def test_a_name_cannot_become_a_page(office: Office) -> None:
    """What a person is called is escaped."""
    holder = office.holder(family_name="<script>alert(1)</script>", given_names="A&B")
    permit_id = office.application(holder_id=holder)
    paper = office.engine.as_(COUNTER).documents.attestation(permit_id, form="html")
    assert "<script>" not in paper.content
    assert "A&amp;B" in paper.content


def test_the_look_is_noted_and_only_the_files_office_has_it(office: Office) -> None:
    """The paper names the holder: anyone who asks for it is on record, and another office gets none."""
    permit_id = office.application()
    holder_id = office.engine.permit(permit_id).holder_id
    with pytest.raises(PermitsError) as caught:
        office.engine.as_(Actor(id="c", role="counter", prefecture="MA-CAS")).documents.attestation(permit_id)
    assert caught.value.code == "actor.wrong_prefecture"
    office.engine.as_(COUNTER).documents.attestation(permit_id)
    with office.engine.database.read() as tx:
        names = [record.name for record in TransactionRecorder(tx).select_events(holder_id)]
    assert names[-1] == "holder.accessed@1"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"language": "de"}, "language"),
        ({"form": "pdf"}, "format"),
        ({"on": date(2030, 1, 1)}, "on"),
    ],
)
def test_what_cannot_be_attested_is_said(office: Office, asked: dict[str, object], field: str) -> None:
    """A language or form that there is not, and a day to come, are refused with the field."""
    permit_id = office.application()
    with pytest.raises(PermitsError) as caught:
        office.engine.as_(COUNTER).documents.attestation(permit_id, **asked)  # type: ignore[arg-type]
    assert caught.value.code == "input.invalid"
    assert caught.value.details["fields"][0]["path"] == field
