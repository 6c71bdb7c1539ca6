"""The right of access: all that is held about a person, and who looked at it."""

import json
from html.parser import HTMLParser

import pytest

from permits_engine import Actor, PermitsError
from permits_engine.documents import disclosure_page
from permits_engine.domain.events import EVENTS, PERSONAL
from permits_engine.testing import Office
from tests.integration.application.privacy.conftest import ADMINISTRATOR, MARKED, SECRETS, ended, holder_of

AUDITOR = Actor("inspector-1", "auditor")


class Page(HTMLParser):
    """A page's text, what it would load, and whether every element is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.said = ""
        self.attributes: dict[str, str | None] = {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.attributes = dict(attributes)
        self.loads += [value or "" for name, value in attributes if name in {"src", "href"}]
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def test_everything_personal_that_is_held_is_in_it(office: Office) -> None:
    """Every marked word that is encrypted anywhere about the person: their data, their numbers, reasons in words."""
    permit_id = ended(office)
    holder_id = holder_of(office, permit_id)
    office.run_scheduler("2017-05-03")
    found = office.engine.as_(office.actor("counter")).documents.disclosure(holder_id)
    whole = json.dumps(found, ensure_ascii=False)
    for secret in (*SECRETS, "C-MARK-88", *MARKED.values()):
        assert secret in whole, secret
    assert '"sealed"' not in whole
    [file] = found["files"]
    assert [each["name"] for each in file["history"]] == [
        each["name"] for each in office.engine.history(permit_id)
    ]
    assert {each["notice_id"] for each in file["messages"]} == {
        each["notice_id"] for each in office.engine.notices.list(permit_id=permit_id)
    }
    assert {(each["data"], each["ceiling"]) for each in found["retention"]} == {
        ("person", "P5Y"),
        ("file", "unlimited"),
        ("letter", "P2Y"),
    }
    assert found["retention"][0]["ceiling_on"] == "2022-05-02"


def test_who_looked_is_in_it_this_reader_too(office: Office) -> None:
    """Each look with reader, role, day and purpose; the asking itself is noted."""
    holder_id = holder_of(office, ended(office))
    office.engine.as_(AUDITOR, "audit 7").queries.holder(holder_id)
    found = office.engine.as_(office.actor("counter")).documents.disclosure(holder_id)
    looks = [(each["reader"]["id"], each["purpose"]) for each in found["looks"]]
    assert looks == [("counter-1", None), ("inspector-1", "audit 7")]


def test_who_may_not_see_the_person_gets_nothing(office: Office) -> None:
    """The policy's rules on reading hold here too."""
    holder_id = holder_of(office, ended(office))
    for actor in (ADMINISTRATOR, AUDITOR, office.actor("counter", "MA-FES")):
        with pytest.raises(PermitsError) as caught:
            office.engine.as_(actor).documents.disclosure(holder_id)
        assert caught.value.family == "actor"


def test_a_rectification_appends_and_both_are_shown(office: Office) -> None:
    """What was wrong stays in the history, and the person sees that it was put right."""
    holder_id = holder_of(office, ended(office))
    office.do("update_holder", "2017-05-03", holder_id=holder_id, given_names="Rightname")
    found = office.engine.as_(office.actor("counter")).documents.disclosure(holder_id)
    assert found["person"]["given_names"] == "Rightname"
    names = [each.get("given_names") for each in found["said_about_the_person"]]
    assert names == [MARKED["given_names"], "Rightname"]


@pytest.mark.parametrize(
    ("language", "used", "direction"),
    [("fr", "fr", "ltr"), ("ar-MA", "ar", "rtl"), ("wo", "fr", "ltr"), ("en", "en", "ltr")],
)
def test_the_page_is_in_the_holders_language(
    office: Office, language: str, used: str, direction: str
) -> None:
    """Complete, well formed, nothing loaded from outside, and what a person wrote cannot become markup."""
    holder_id = office.holder(**{**MARKED, "address": "<script>alert(1)</script>"}, language=language)
    ended(office, holder_id)
    found = office.engine.as_(office.actor("counter")).documents.disclosure(holder_id)
    text = disclosure_page.html(found)
    read = Page(text)
    assert (read.attributes["lang"], read.attributes["dir"]) == (used, direction)
    assert read.loads == []
    assert "<script>" not in text
    assert "<script>alert(1)</script>" in read.said
    for said in ("Zzmarkername", "F-MARK-77", "C-MARK-88", "REASONMARK"):
        assert said in read.said


def test_every_language_has_a_word_for_every_event() -> None:
    """No event of the registry, and no field of a person, is shown by its bare name."""
    names = {each.NAME for each in EVENTS.values()} - {"policy.adopted"}
    for language in disclosure_page.languages():
        words = disclosure_page._words()[language]
        assert set(words["events"]) == names, language
        assert set(words["fields"]) == set(disclosure_page._words()["en"]["fields"]) >= set(PERSONAL)
        assert set(words) == set(disclosure_page._words()["en"])


def test_of_an_erased_person_the_facts_are_left(office: Office) -> None:
    """The page says that the data were erased, and holds nothing that had been encrypted."""
    holder_id = holder_of(office, ended(office))
    office.engine.privacy.erase(holder_id, reason="asked for", actor=ADMINISTRATOR)
    found = office.engine.as_(office.actor("counter")).documents.disclosure(holder_id)
    assert found["erased"]
    text = json.dumps(found) + disclosure_page.html(found)
    for secret in (*SECRETS, "C-MARK-88"):
        assert secret not in text
    assert "effacées" in text
