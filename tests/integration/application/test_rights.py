"""What a permit opens and whom the law protects, through the façade and the command line, on both databases."""

from datetime import date
from typing import Any

import pytest

from permits_engine import Engine, PermitsError
from permits_engine.commands import parse
from tests.acts import REASONED, correction, fact, removal
from tests.integration.application.conftest import COUNTER, DECIDER, Office


def told(office: Office, permit_id: str, on: str) -> dict[str, dict[str, Any]]:
    """The rights on a day by their names."""
    return {
        each["right"]: each for each in office.engine.queries.rights(permit_id, on=date.fromisoformat(on))
    }


def test_rights_that_need_a_title_are_open_on_a_receipt(office: Office) -> None:
    """The receipt stands for the title; without either, work is closed and school stays open."""
    permit_id = office.application()
    on_receipt = told(office, permit_id, "2017-01-15")
    assert (on_receipt["work"]["open"], on_receipt["work"]["because"]) == (True, "receipt")
    assert on_receipt["work"]["until"] is None  # it goes on until a decision (decree 2-09-607, article 5)
    assert told(office, permit_id, "2017-12-15")["work"]["because"] == "receipt"
    assert on_receipt["schooling"]["basis"] == "circular 13-487 of 9 October 2013"
    assert on_receipt["population_register"] == {
        "right": "population_register",
        "open": False,
        "basis": None,
        "because": "none",
        "rule": None,
        "since": None,
        "until": None,
        "would_open": [],
        "asks": [],
    }
    lapsed = office.title(holder_id=office.holder())
    after = told(office, lapsed, "2018-03-01")
    assert (after["work"]["open"], after["work"]["would_open"]) == (False, ["title", "receipt"])
    assert (after["stay"]["open"], after["schooling"]["open"]) == (False, True)


def test_a_hearing_receipt_protects_and_opens_no_work(office: Office) -> None:
    """An asylum seeker who was heard may not be removed, and may not work on that paper."""
    permit_id = office.title()
    office.do("record_fact", "2018-06-01", permit_id=permit_id, **fact("hearing_receipt", "2018-05-30"))
    rights = told(office, permit_id, "2018-07-01")
    assert rights["protection_from_removal"]["because"] == "hearing_receipt"
    assert "article 33" in rights["protection_from_removal"]["basis"]
    assert not rights["work"]["open"]


def test_a_fact_recorded_through_one_file_protects_on_another(office: Office) -> None:
    """Facts belong to the person: the other file's office is stopped too, with the article."""
    holder_id = office.holder()
    first = office.title(holder_id=holder_id)
    office.at("2018-03-01")
    second = office.application(holder_id=holder_id, category="ordinary", criterion=None, on="2018-03-01")
    office.do("refuse_application", "2018-03-02", DECIDER, permit_id=second, **REASONED)
    office.do("notify_decision", "2018-03-03", permit_id=second, mode="written", proof="p")
    office.do(
        "record_fact",
        "2018-04-02",
        permit_id=first,
        kind="pregnant",
        since="2018-03-20",
        until="2018-12-20",
        evidence="MARKED-CERTIFICATE",
    )
    office.at("2018-05-02")
    with pytest.raises(PermitsError) as caught:
        office.do("order_removal", "2018-05-02", DECIDER, permit_id=second, **removal("2018-05-02"))
    assert caught.value.code == "removal.protected"
    assert caught.value.details == {"article": "loi 02-03, articles 26(7) and 29", "protection": "pregnant"}
    assert told(office, second, "2018-05-02")["protection_from_removal"]["because"] == "pregnant"
    assert office.engine.store.rebuild(check=True).differences == []


def test_a_removal_says_what_was_not_looked_into(office: Office) -> None:
    """Unknown protections neither protect nor are refuted: the order names them, and minority in doubt stops it."""
    permit_id = office.title()
    outcome = office.do("order_removal", "2018-06-01", DECIDER, permit_id=permit_id, **removal("2018-06-01"))
    assert outcome.events == ("permit.removal_ordered",)
    event = office.engine.history(permit_id)[-1]
    assert {"pregnant", "spouse_of_moroccan", "risk_in_destination"} <= set(event["asks"])
    assert "minor" not in event["asks"]  # 28 years old on the day
    assert office.engine.permit(permit_id).removal_status == "ordered"


def test_a_refugees_shorter_card_is_recorded_as_departing_from_the_law(office: Office) -> None:
    """The office is not stopped, and anyone who asks later reads which article gives more."""
    permit_id = office.application(category="refugee", criterion=None)
    office.do("issue_permit", "2017-02-01", DECIDER, permit_id=permit_id, term="P1Y")
    told = office.engine.explain(permit_id)
    assert told["departs_from"]["value"] == "P10Y"
    assert told["departs_from"]["rank"] == "law"
    assert "article 17" in told["warning"]
    whole = office.application(holder_id=office.holder(), category="refugee", criterion=None)
    office.do("issue_permit", "2017-02-01", DECIDER, permit_id=whole)
    assert "departs_from" not in {k for k, v in office.engine.explain(whole).items() if v}
    assert office.engine.permit(whole).valid_until == date(2027, 1, 31)


def test_a_corrected_fact_counts_as_corrected_on_every_file(office: Office) -> None:
    """Put right through the file that recorded it, in its last day or its first, it no longer holds as it was."""
    holder_id = office.holder()
    first = office.title(holder_id=holder_id)
    office.at("2018-03-01")
    second = office.application(holder_id=holder_id, category="ordinary", criterion=None, on="2018-03-01")
    office.do("record_fact", "2018-03-02", permit_id=first, **fact("pregnant", "2018-03-01", "2019-12-01"))
    version = office.engine.permit(first).version

    def because(on: str) -> str:
        return str(told(office, second, on)["protection_from_removal"]["because"])

    assert because("2019-06-01") == "pregnant"
    for field, value in (("until", "2018-12-01"), ("since", "2018-04-01")):
        office.do(
            "correct_record", "2018-03-05", DECIDER, permit_id=first, **correction(version, field, value)
        )
    assert because("2019-06-01") != "pregnant"
    assert because("2018-03-15") != "pregnant"
    assert because("2018-06-01") == "pregnant"
    assert office.engine.store.rebuild(check=True).differences == []
    assert office.engine.replays.replay().differences == []


def test_a_fact_protects_under_every_record_of_the_person(office: Office) -> None:
    """Who was registered twice is one person, once someone has said so, and two again when it is taken back."""
    first, second = office.holder(), office.holder()
    expired = office.title(holder_id=first)
    office.at("2018-03-01")
    other = office.application(holder_id=second, category="ordinary", criterion=None, on="2018-03-01")
    office.do("record_fact", "2018-06-01", permit_id=other, **fact("pregnant", "2018-05-01", "2019-01-15"))
    order = {
        "permit_id": expired,
        "ground": "after-expiry",
        "notified_at": "2018-06-04T09:00:00Z",
    }
    office.at("2018-06-04")
    assert office.engine.check(parse("order_removal", {"on": "2018-06-04", **order}), actor=DECIDER)
    link = {"holder_id": first, "other_id": second, "reason": "the same passport"}
    office.do("link_holders", "2018-06-04", **link)
    with pytest.raises(PermitsError) as caught:
        office.do("order_removal", "2018-06-04", DECIDER, **order)
    assert caught.value.details["protection"] == "pregnant"
    assert told(office, expired, "2018-06-04")["protection_from_removal"]["because"] == "pregnant"
    office.do("unlink_holders", "2018-06-05", **{**link, "reason": "a mistake"})
    office.do("order_removal", "2018-06-05", DECIDER, **order)
    assert "pregnant" in office.engine.history(expired)[-1]["asks"]
    assert office.engine.replays.replay().differences == []


def test_no_protection_is_recorded_while_a_removal_is_being_ordered(office: Office) -> None:
    """Through another file of the person: the second one decides anew, and sees what the first has done."""
    if office.engine.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer: nobody can come in between")
    holder_id = office.holder()
    permit_id = office.title(holder_id=holder_id)
    office.at("2018-06-04")
    other = office.application(holder_id=holder_id, category="ordinary", criterion=None, on="2018-06-04")
    office.do(
        "close_permit", "2018-06-04", DECIDER, permit_id=other, reason="departed"
    )  # it protects no more
    fact = {"permit_id": other, "kind": "pregnant", "since": "2018-05-01", "evidence": "certificate"}
    order = {"permit_id": permit_id, "ground": "after-expiry", "notified_at": "2018-06-04T09:00:00Z"}
    executor = office.engine.executor
    with pytest.raises(PermitsError) as caught, office.engine.database.write() as tx:
        uow = office.engine.context.begin(tx)
        executor.run(uow, parse("order_removal", {"on": "2018-06-04", **order}), DECIDER)
        source, key = office.engine.database.source, office.engine.context.keyring._master_keys
        with Engine.open(source.address, keys=key, clock=office.clock) as meanwhile:  # type: ignore[union-attr]
            meanwhile.execute(parse("record_fact", {"on": "2018-06-04", **fact}), actor=COUNTER)
        uow.write()
    assert caught.value.code == "concurrency.conflict"
    with pytest.raises(PermitsError) as caught:
        office.do("order_removal", "2018-06-04", DECIDER, **order)
    assert caught.value.code == "removal.protected"
