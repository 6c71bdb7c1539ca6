"""People of whom not everything is known: one name, a birth date in part, other names."""

import pytest

from permits_engine import UpdateHolder
from permits_engine.documents import disclosure_page
from permits_engine.documents.persons import country_name
from permits_engine.store.database.transactions import Statement
from permits_engine.testing import Office
from tests.integration.application.conftest import COUNTER
from tests.integration.embedding.conftest import refused


def test_one_name_is_printed_alone(office: Office) -> None:
    """No filler and no None is on any paper; given names can be added and emptied."""
    holder_id = office.holder(family_name="Suharto", given_names=None, birth_date="1990", language="en")
    permit_id = office.application(holder_id)
    documents = office.engine.as_(COUNTER).documents
    papers = [
        documents.receipt(permit_id).text("en"),
        documents.attestation(permit_id, language="en").content,
    ]
    for paper in papers:
        assert "Suharto" in paper
        assert "None" not in paper
    for given in ("Haji", None):
        office.engine.execute(UpdateHolder(holder_id=holder_id, given_names=given), actor=COUNTER)
        assert office.engine.as_(COUNTER).queries.holder(holder_id).given_names == given


@pytest.mark.parametrize(
    ("known", "language", "shown"),
    [
        ("1990", "fr", "1990"),
        ("1990-05", "fr", "mai 1990"),
        ("1990-05", "ar", "ماي 1990"),
        ("1990-05-00", "en", "May 1990"),
    ],
)
def test_a_birth_date_is_shown_as_it_is_known(office: Office, known: str, language: str, shown: str) -> None:
    """No paper has a first of January that no one knows of."""
    holder_id = office.holder(birth_date=known)
    permit_id = office.application(holder_id)
    documents = office.engine.as_(COUNTER).documents
    receipt = documents.receipt(permit_id)
    papers = [receipt.text(language), documents.attestation(permit_id, language=language).content]
    for paper in papers:
        [line] = [each for each in paper.splitlines() if shown in each]
        assert not any(first in line for first in ("janvier", "January", "01-01", "يناير", " 1 "))
    assert receipt.to_dict()["birth_date"] == known.removesuffix("-00")


def test_an_age_is_told_as_a_range(office: Office) -> None:
    """26 or 27 on the day of filing; one number where the day is known."""
    in_part, whole = office.application(office.holder(birth_date="1990")), office.application()
    [lodged, *_] = office.engine.history(in_part)
    assert (lodged["age"], lodged["age_at_most"]) == (25, 26)
    assert office.engine.history(whole)[0].get("age_at_most") is None


def test_a_possible_minor_is_not_removed(office: Office) -> None:
    """Born in 1999: on 2017-03-01 not surely of age, and no fact settles it."""
    removal = {"ground": "overstay", "notified_at": "2017-03-01T10:00:00Z"}
    permit_id = office.application(office.holder(birth_date="1999"))
    told = refused(
        "removal.protected", lambda: office.do("order_removal", "2017-03-01", permit_id=permit_id, **removal)
    )
    assert told.details["protection"] == "minor"


def test_a_birth_after_today_is_refused_by_its_first_possible_day(office: Office) -> None:
    """This year may lie behind; the next one does not."""
    office.at("2017-03-01")
    office.holder(birth_date="2017")
    refused("input.invalid", lambda: office.holder(birth_date="2018"))
    refused("input.invalid", lambda: office.holder(birth_date="2017-04"))


def test_other_names_are_disclosed_and_erased_with_the_holder(office: Office) -> None:
    """What is kept about a person is told to them, in their words, and is gone with their key."""
    holder_id = office.holder(also_known_as=[{"family_name": "Ndiaye", "given_names": "Awa"}])
    permit_id = office.application(holder_id)
    assert permit_id
    found = office.engine.as_(COUNTER).documents.disclosure(holder_id)
    for language in ("fr", "ar", "en"):
        assert "Awa Ndiaye" in disclosure_page.html(found, language)
    assert country_name("SEN", "ar") in disclosure_page.html(found, "ar")
    with office.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM holder_keys WHERE holder_id = :id"), {"id": holder_id})
    assert office.engine.as_(COUNTER).find(name="Awa Ndiaye", birth_date="1990-04-01") == []
    with office.engine.database.read() as tx:
        assert office.engine.context.person(tx, holder_id).names == ()
