"""Kinds of title, relaxed criteria and what departs from the law, through the façade, on both databases."""

from datetime import date
from typing import Any

import pytest

from permits_engine import PermitsError
from tests.acts import REASONED, fact
from tests.integration.application.conftest import COMMISSION, DECIDER, Actor, Office

COURT = Actor(id="commission", role="national_commission")


def last(office: Office, permit_id: str) -> dict[str, Any]:
    """What the last event of a file says."""
    event = office.engine.history(permit_id)[-1]
    plain = {name: list(x) if isinstance(x, tuple) else x for name, x in event.items()}
    return {name: value for name, value in plain.items() if value not in (None, [])}


def refused(
    office: Office, category: str, criterion: str | None, on: str, decided: str, **person: Any
) -> str:
    """A file of a new holder, refused on a day."""
    office.at(on)
    permit_id = office.application(
        holder_id=office.holder(**person), category=category, criterion=criterion, on=on
    )
    office.do("refuse_application", decided, DECIDER, permit_id=permit_id, **REASONED)
    return permit_id


def test_a_refusal_of_a_woman_departs_from_july_2014_on(office: Office) -> None:
    """By the day of decision: the day before nothing is said, and a man's refusal never is."""
    before = refused(office, "regularisation-2014", "R5", "2014-06-02", "2014-06-30", sex="F")
    after = refused(office, "regularisation-2014", "R5", "2014-06-02", "2014-07-01", sex="F")
    his = refused(office, "regularisation-2014", "R5", "2014-06-02", "2014-07-01", sex="M")
    assert "departs_from" not in last(office, before)
    assert last(office, after)["relaxed"] == ["women"]
    assert "departs_from" not in last(office, his)
    assert "asks" not in last(office, his)  # of age, and so no unaccompanied minor
    young = refused(
        office, "regularisation-2014", "R5", "2014-06-02", "2014-07-01", sex="M", birth_date="1999-01-01"
    )
    assert last(office, young)["asks"] == ["unaccompanied_minors"]
    assert "relaxed for women" in office.engine.explain(after)["warning"]
    assert [row["permit_id"] for row in office.engine.queries.departures()] == [after]


def test_a_spouses_file_is_covered_when_it_is_examined_again(office: Office) -> None:
    """The relaxation of 26 October 2015 asks for a re-examination: a first decision after it is not covered."""
    first = refused(office, "regularisation-2014", "R1", "2014-12-01", "2015-11-02", sex="M")
    assert last(office, first).get("relaxed", []) == []
    office.do("lodge_appeal", "2015-11-03", permit_id=first, body="national_commission")
    office.do("decide_appeal", "2015-11-04", COURT, permit_id=first, outcome="dismissed", reasons="no")
    assert last(office, first)["relaxed"] == ["spouses"]
    assert "relaxed for spouses" in office.engine.explain(first)["warning"]


def test_a_file_that_was_given_back_is_covered_as_long_as_it_is_open(office: Office) -> None:
    """Reopened on or after the day of the relaxation, it is decided by it, whatever the day of the decision."""
    permit_id = refused(office, "regularisation-2016", "R5", "2017-09-04", "2017-10-03", sex="F")
    office.do("lodge_appeal", "2018-03-01", permit_id=permit_id, body="national_commission")
    office.do("decide_appeal", "2018-03-27", COURT, permit_id=permit_id, outcome="upheld", reasons="women")
    office.do("issue_permit", "2018-05-02", DECIDER, permit_id=permit_id)
    event = last(office, permit_id)
    assert event["relaxed"] == ["women"]
    rules = {rule["parameter"] for rule in office.engine.explain(permit_id)["basis"]["rules"]}
    assert "relaxation" in rules
    again = refused(office, "regularisation-2016", "R5", "2017-09-04", "2018-05-02", sex="F")
    assert last(office, again).get("relaxed", []) == []


def test_an_opinion_is_given_on_the_criteria_of_its_day(office: Office) -> None:
    """What the criteria asked for is dated data: two years of common life, and none from 26 October 2015."""
    office.at("2014-09-02")
    permit_id = office.application(category="regularisation-2014", criterion="R1", on="2014-09-02")
    for on, wanted in (("2014-10-01", "two years"), ("2015-11-02", "whatever duration")):
        office.do(
            "record_opinion",
            on,
            COMMISSION,
            permit_id=permit_id,
            body="local_commission",
            favourable=False,
            reasons="seen",
        )
        [shown] = [
            rule
            for rule in office.engine.explain(permit_id)["basis"]["rules"]
            if rule["parameter"] == "campaign.shown"
        ]
        assert wanted in shown["value"]["R1"]


def test_article_17_leaves_one_reason_to_refuse(office: Office) -> None:
    """A refusal of a card that is due as of right is flagged, unless a threat to public order is on record."""
    cases = []
    for facts in (
        ("spouse_of_moroccan",),
        ("spouse_of_moroccan", "public_order_threat"),
        ("lawful_residence",),
    ):
        office.at("2018-09-03")
        permit_id = office.application(
            holder_id=office.holder(), category="residence", criterion=None, on="2018-09-03"
        )
        for kind in facts:
            office.do("record_fact", "2018-09-03", permit_id=permit_id, **fact(kind, "2012-01-01"))
        office.do("refuse_application", "2018-10-01", DECIDER, permit_id=permit_id, **REASONED)
        cases.append(last(office, permit_id).get("departs_from"))
        if facts == ("spouse_of_moroccan",):
            assert "as of right" in office.engine.explain(permit_id)["warning"]
    assert [case is not None for case in cases] == [True, False, False]


def test_the_right_to_a_card_goes_before_the_four_years(office: Office) -> None:
    """The grant says its ground, and one as of right is named first."""
    office.at("2018-09-03")
    permit_id = office.application(category="residence", criterion=None, on="2018-09-03")
    for kind in ("lawful_residence", "spouse_of_moroccan"):
        office.do("record_fact", "2018-09-03", permit_id=permit_id, **fact(kind, "2010-01-01"))
    office.do("issue_permit", "2018-10-01", DECIDER, permit_id=permit_id)
    assert last(office, permit_id)["ground"] == "spouse_of_moroccan"


def test_a_refugees_card_without_the_recognition_says_what_is_not_established(office: Office) -> None:
    """Unknown is not satisfied, and not refuted either: the card is recorded, and it asks."""
    permit_id = office.application(category="refugee", criterion=None)
    office.do("issue_permit", "2017-02-01", DECIDER, permit_id=permit_id)
    assert last(office, permit_id)["asks"] == ["refugee_recognised", "family_of_refugee"]
    known = office.application(holder_id=office.holder(), category="refugee", criterion=None)
    office.do("record_fact", "2017-02-01", permit_id=known, **fact("refugee_recognised", "2017-01-01"))
    office.do("issue_permit", "2017-02-01", DECIDER, permit_id=known)
    assert last(office, known)["ground"] == "refugee_recognised"
    assert last(office, known).get("asks", []) == []


def test_a_card_for_a_minor_is_flagged_unless_they_work(office: Office) -> None:
    """The registration card is for adults; from sixteen on for salaried work."""
    told = []
    for works in (False, True):
        holder = office.holder(birth_date="2001-09-10")
        office.at("2018-09-03")
        permit_id = office.application(holder_id=holder, category="ordinary", criterion=None, on="2018-09-03")
        if works:
            office.do(
                "record_fact",
                "2018-09-03",
                permit_id=permit_id,
                **fact("salaried_from_sixteen", "2018-09-01"),
            )
        office.do("issue_permit", "2018-10-01", DECIDER, permit_id=permit_id)
        told.append(office.engine.explain(permit_id).get("warning"))
    assert "from the age of 18" in told[0]
    assert told[1] is None


def test_the_lesser_card_beside_the_greater_is_flagged(office: Office) -> None:
    """A residence card follows a registration card; the other way round it is recorded, with the rule."""
    holder = office.holder()
    office.at("2018-09-03")
    card = office.application(holder_id=holder, category="ordinary", criterion=None, on="2018-09-03")
    office.do("issue_permit", "2018-10-01", DECIDER, permit_id=card, term="P5Y")
    ten = office.application(holder_id=holder, category="residence", criterion=None, on="2018-10-01")
    office.do("record_fact", "2018-10-01", permit_id=ten, **fact("spouse_of_moroccan", "2016-01-01"))
    office.do("issue_permit", "2018-10-02", DECIDER, permit_id=ten)
    assert "departs_from" not in last(office, ten)
    office.do("close_permit", "2018-10-03", DECIDER, permit_id=card, reason="other_title")
    lesser = office.application(holder_id=holder, category="ordinary", criterion=None, on="2018-10-03")
    office.do("issue_permit", "2018-10-04", DECIDER, permit_id=lesser)
    assert "order of titles" in office.engine.explain(lesser)["warning"]


def test_departures_are_listed_by_office_and_period(office: Office) -> None:
    """The head of an office sees each decision with its rule, and how many there are."""
    for on in ("2016-02-01", "2017-02-01"):
        office.at(on)
        permit_id = office.application(holder_id=office.holder(), category="refugee", criterion=None, on=on)
        office.do("issue_permit", on, DECIDER, permit_id=permit_id, term="P1Y")
    rows = office.engine.queries.departures(
        first=date(2017, 1, 1), last=date(2017, 12, 31), prefecture="MA-RAB"
    )
    assert [(row["on"], row["rank"]) for row in rows] == [("2017-02-01", "law")]
    assert len(office.engine.queries.departures()) == 2
    assert office.engine.queries.departures(prefecture="MA-CAS") == []


def test_a_minors_document_is_no_title_for_an_adult(office: Office) -> None:
    """It needs the fact of minority with its last day, which the age alone does not give."""
    office.at("2018-09-03")
    holder = office.holder(birth_date="2003-05-05")
    permit_id = office.application(holder_id=holder, category="minor", criterion=None, on="2018-09-03")
    with pytest.raises(PermitsError) as caught:
        office.do("issue_permit", "2018-09-04", DECIDER, permit_id=permit_id)
    assert caught.value.code == "criterion.unknown"
    assert caught.value.details["criteria"] == ["minor"]
