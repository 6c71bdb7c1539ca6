"""The holder's receipt: what it says, in which language, and what its signed proof is worth to a stranger."""

import io
import random
from collections.abc import Callable
from datetime import date
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from permits_engine import Actor, PermitsError
from permits_engine.documents import receipt as papers
from permits_engine.documents import receipt_proof, receipt_status_list
from permits_engine.documents.receipt import Paper
from permits_engine.store.log.signed_note import Signer, Verifier
from permits_engine.testing import Office
from tests.acts import ADVISED

DAY = date(2017, 1, 10)


def given(office: Office, permit_id: str) -> Paper:
    """The receipt that the counter hands over."""
    made: Paper = office.engine.as_(office.actor("counter")).documents.receipt(permit_id)
    return made


def keys(office: Office) -> list[Verifier]:
    """The office's public keys, which is all that a stranger has."""
    return office.engine.context.signing.verifiers(office.engine.audit.origin)


def listed(office: Office) -> Callable[[str, receipt_proof.Filing], bool]:
    """The list of superseded receipts as of today, read back from its text."""
    return receipt_status_list.read(
        office.engine.documents.receipt_status().encode(), keys(office)
    ).superseded


def test_it_says_what_was_filed_when_and_how_long_it_counts(office: Office) -> None:
    """Filed on 20 December 2016, complete: it stands for the title until 20 March 2017."""
    permit_id = office.application(file_number="F-77")
    said = given(office, permit_id).to_dict()
    wanted = {
        "permit_id": permit_id,
        "kind": "application",
        "filed_on": "2016-12-20",
        "timely": True,
        "complete": True,
        "missing": [],
        "valid_from": "2016-12-20",
        "valid_until": "2017-03-20",
        "stands_for_title": True,
        "office": "MA-RAB",
        "holder": "Aminata Diallo",
        "birth_date": "1990-04-01",
        "specimen": True,
    }
    assert {name: said[name] for name in wanted} == wanted


def test_the_look_at_the_person_is_noted_and_rules_on_reading_hold(office: Office) -> None:
    """A receipt names the person: anyone who may not see them gets none, and anyone who gets one leaves the trace."""
    permit_id = office.application()
    for actor in (Actor("root", "administrator"), office.actor("counter", "MA-FES"), office.actor("auditor")):
        with pytest.raises(PermitsError) as caught:
            office.engine.as_(actor).documents.receipt(permit_id)
        assert caught.value.family == "actor"
    given(office, permit_id)
    [look] = office.engine.subscribe(timeout=0, names=("holder.accessed",))
    assert look["actor"]["id"] == "counter-1"


def test_the_proof_names_the_event_in_the_signed_history(office: Office) -> None:
    """Its leaf hash is that of the event which the store proves against a checkpoint."""
    permit_id = office.application()
    filing = given(office, permit_id).filing
    office.engine.audit.checkpoint()
    leaf = office.engine.audit.prove(permit_id, 1).check(keys(office))
    from permits_engine.store.log.leaf import leaf_bytes, leaf_hash

    assert filing.position == leaf.position
    assert filing.leaf == leaf_hash(leaf_bytes(*leaf))


@pytest.mark.parametrize("language", ["fr", "ar", "en"])
def test_every_paper_holds_the_whole_in_its_language(office: Office, language: str) -> None:
    """Text and page, with the documents that are missing in words, and the proof found again in both."""
    holder_id = office.holder(family_name="<b>Diallo</b>", language=language)
    office.at("2021-03-01")
    permit_id = office.application(
        holder_id, category="ordinary", criterion=None, on="2021-03-01", missing=["photos", "means"]
    )
    made = given(office, permit_id)
    assert made.language() == language
    text, page = made.text(), unescape(made.html())
    names = papers.Templates("MA").documents(language)
    for said in (names["photos"], names["means"], permit_id):
        assert said in text
        assert said in page
    assert "<b>Diallo" not in made.html()
    assert f'lang="{language}"' in page
    assert "src=" not in page
    assert receipt_proof.found_in(text) == receipt_proof.found_in(page) == made.proof
    assert made.filing.missing == ("means", "photos")
    assert made.documents_due is not None
    HTMLParser().feed(page)


@pytest.mark.parametrize("name", ["Aminata Diallo", "أمينة بنت عبد القادر الفاسي الفهري", "N" * 150])
def test_the_code_is_read_again_from_the_rendered_picture(office: Office, name: str) -> None:
    """From the picture, and from one that was turned, blurred and stained as a photograph of a paper is."""
    made = given(office, office.application(office.holder(family_name=name)))
    picture = Image.open(io.BytesIO(made.png())).convert("L")
    assert zxingcpp.read_barcode(picture).text == made.proof
    worn = picture.rotate(7, expand=True, fillcolor=255).filter(ImageFilter.GaussianBlur(1.2))
    draw, chance = ImageDraw.Draw(worn), random.Random(7)
    for _ in range(25):
        x, y = chance.randrange(worn.width), chance.randrange(worn.height)
        draw.ellipse((x, y, x + 5, y + 5), fill=128)
    assert zxingcpp.read_barcode(worn).text == made.proof
    [verdict] = [receipt_proof.check(zxingcpp.read_barcode(worn).text, keys(office), on=DAY)]
    assert verdict.status == "good"


def test_good_expired_and_superseded_are_told_apart(office: Office) -> None:
    """Good to its last day, expired the day after; superseded once extended, and once decided upon."""
    permit_id = office.application()
    first = given(office, permit_id).proof
    verdict = receipt_proof.check(first, keys(office), on=date(2017, 3, 20), superseded=listed(office))
    assert (verdict.status, verdict.origin) == ("good", office.engine.audit.origin)
    assert receipt_proof.check(first, keys(office), on=date(2017, 3, 21)).status == "expired"
    office.run_scheduler("2017-03-15")
    assert receipt_proof.check(first, keys(office), on=date(2017, 3, 15)).status == "good"
    assert (
        receipt_proof.check(first, keys(office), on=date(2017, 3, 15), superseded=listed(office)).status
        == "superseded"
    )
    second = given(office, permit_id).proof
    assert (
        receipt_proof.check(second, keys(office), on=date(2017, 6, 20), superseded=listed(office)).status
        == "good"
    )
    office.do("record_opinion", "2017-04-20", permit_id=permit_id, **ADVISED)
    office.do("issue_permit", "2017-05-02", permit_id=permit_id)
    verdict = receipt_proof.check(second, keys(office), on=date(2017, 5, 2), superseded=listed(office))
    assert verdict.status == "superseded"
    assert verdict.filing is not None
    third = given(office, permit_id)
    assert third.to_dict()["valid_until"] is None
    verdict = receipt_proof.check(third.proof, keys(office), on=date(2030, 1, 1), superseded=listed(office))
    assert (verdict.status, verdict.because) == ("good", "it proves the filing, and replaces no title")


def test_an_expired_receipt_leaves_the_list(office: Office) -> None:
    """The list stays small: it holds what would still look valid, and nothing else."""
    permit_id = office.application()
    office.run_scheduler("2017-03-15")
    assert office.engine.documents.receipt_status().splitlines()[2] == "1"
    office.at("2017-03-21")
    assert office.engine.documents.receipt_status().splitlines()[2] == "0"
    assert permit_id not in office.engine.documents.receipt_status()


def test_any_changed_letter_is_forged_or_names_no_known_key(office: Office) -> None:
    """Every letter of the proof changed in turn, and cut at every length: never good, never an error."""
    text = given(office, office.application()).proof
    changed = [
        text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :] for at in range(0, len(text), 3)
    ]
    cut = [text[:length] for length in range(0, len(text), 5)]
    for each in (*changed, *cut, text + "A", "", "x" * 5000, "permits-receipt:1:é"):
        verdict = receipt_proof.check(each, keys(office), on=DAY)
        assert verdict.status in {"forged", "unknown_key"}, each
        assert verdict.filing is None


def test_another_key_is_unknown_and_another_store_is_no_proof(office: Office) -> None:
    """Signed by anyone who makes their own key, under any name: unknown. The right key over another store: forged."""
    made = given(office, office.application())
    stranger = Signer.new(office.engine.audit.origin)
    false = receipt_proof.issue(made.filing, office.engine.audit.origin, stranger.signature)
    assert receipt_proof.check(false, keys(office), on=DAY).status == "unknown_key"
    assert receipt_proof.check(false, [stranger.verifier], on=DAY).status == "good"
    assert receipt_proof.check(made.proof, [], on=DAY).status == "unknown_key"
    signer = office.engine.context.signing.signer(office.engine.audit.origin)
    elsewhere = receipt_proof.issue(made.filing, "permits-engine/elsewhere", signer.signature)
    assert receipt_proof.check(elsewhere, keys(office), on=DAY).status == "forged"
    token = receipt_proof.PREFIX + "AAAA"
    assert receipt_proof.check(token, keys(office), on=DAY).status == "forged"


@pytest.mark.parametrize("spoil", ["mark", "day", "signature", "nothing", "cut"])
def test_a_list_that_was_changed_is_not_believed(office: Office, spoil: str) -> None:
    """``integrity.broken``; a list of another store is told as such."""
    office.application()
    office.run_scheduler("2017-03-15")
    text = office.engine.documents.receipt_status()
    lines = text.splitlines()
    changed: dict[str, Any] = {
        "mark": text.replace(lines[3], "A" * 11 + "="),
        "day": text.replace("2017-03-15", "2018-03-15"),
        "signature": text[:-9] + "AAAAAAAA\n",
        "nothing": "",
        "cut": text[: len(text) // 2],
    }
    with pytest.raises(PermitsError) as caught:
        receipt_status_list.read(changed[spoil].encode(), keys(office))
    assert caught.value.code == "integrity.broken"
    found = receipt_status_list.StatusList("permits-engine/elsewhere", DAY, frozenset())
    with pytest.raises(PermitsError) as caught:
        found.superseded(office.engine.audit.origin, given(office, office.application()).filing)
    assert caught.value.code == "input.invalid"


def test_of_an_erased_person_there_is_no_receipt(office: Office) -> None:
    """No one's name is left to put on it; a paper handed over before stays what it is."""
    permit_id = office.application()
    before = given(office, permit_id).proof
    office.do("close_permit", "2017-01-05", permit_id=permit_id, reason="departed")
    holder_id = office.engine.permit(permit_id).holder_id
    office.engine.privacy.erase(holder_id, reason="asked for", actor=Actor("root", "administrator"))
    with pytest.raises(PermitsError) as caught:
        given(office, permit_id)
    assert caught.value.code == "holder.erased"
    assert receipt_proof.check(before, keys(office), on=DAY).status == "good"


def test_every_language_has_the_same_words() -> None:
    """No paper lacks a word that another has."""
    words = papers._words()
    for each in words.values():
        assert set(each) == set(words["fr"])
        assert set(each["labels"]) == set(words["fr"]["labels"])
        assert set(each["kinds"]) == {"application", "renewal"}
