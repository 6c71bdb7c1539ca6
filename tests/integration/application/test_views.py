"""What the façade promises to readers: two time axes, corrections, and why an act was allowed."""

from datetime import UTC, date, datetime

import pytest

from permits_engine import PermitsError
from permits_engine.policies.loading import packaged
from tests.acts import ADVISED, REVOKED, correction
from tests.integration.application.conftest import COMMISSION, COURT, DECIDER, Office


def test_a_view_tells_what_was_known_at_a_moment(office: Office) -> None:
    """A notification recorded late is seen from its recording on, for the day on which it happened."""
    permit_id = office.title()
    office.do("revoke_permit", "2017-05-02", DECIDER, permit_id=permit_id, **REVOKED)
    office.at("2017-06-30")
    before = office.clock.instant
    office.at("2017-07-03")
    office.do("notify_decision", "2017-05-03", permit_id=permit_id, mode="written", proof="receipt")
    on = date(2017, 6, 1)
    assert office.engine.permit(permit_id, as_of=on).lawful_stay is False
    assert office.engine.permit(permit_id, as_of=on, known_at=before).lawful_stay is True


def test_an_annulment_works_back_for_those_who_know_of_it(office: Office) -> None:
    """Days since the annulled revocation are lawful with later knowledge, and were not before."""
    permit_id = office.title()
    office.do("revoke_permit", "2017-05-02", DECIDER, permit_id=permit_id, **REVOKED)
    office.do("notify_decision", "2017-05-03", permit_id=permit_id, mode="written", proof="receipt")
    office.do("lodge_appeal", "2017-05-10", permit_id=permit_id, body="administrative_tribunal")
    office.at("2017-09-01")
    then = office.clock.instant
    office.do(
        "decide_appeal", "2017-09-04", COURT, permit_id=permit_id, outcome="upheld", reasons="no notification"
    )
    on = date(2017, 7, 1)
    now, earlier = (
        office.engine.permit(permit_id, as_of=on),
        office.engine.permit(permit_id, as_of=on, known_at=then),
    )
    assert (now.title_status, now.lawful_stay) == ("active", True)
    assert (earlier.title_status, earlier.lawful_stay) == ("revoked", False)


def test_a_correction_is_appended_and_acts_from_the_fact(office: Office) -> None:
    """The wrong value stays in the history, the right one counts from then on and before."""
    permit_id = office.title()
    office.at("2017-04-01")
    then = office.clock.instant
    issued = next(e for e in office.engine.history(permit_id) if e["name"] == "permit.issued")
    office.do(
        "correct_record",
        "2017-04-03",
        DECIDER,
        permit_id=permit_id,
        **correction(issued["version"], "valid_until", "2018-01-30"),
    )
    assert office.engine.permit(permit_id, as_of=date(2017, 3, 1)).valid_until == date(2018, 1, 30)
    old = office.engine.permit(permit_id, as_of=date(2017, 3, 1), known_at=then)
    assert old.valid_until == date(2018, 1, 31)
    assert office.engine.history(permit_id)[issued["version"] - 1]["valid_until"] == "2018-01-31"
    assert office.engine.store.rebuild(check=True).differences == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("valid_until", "2016-01-01"), ("valid_until", "soon"), ("holder_id", "x"), ("valid_until", None)],
)
def test_a_correction_that_makes_no_sense_is_refused(office: Office, field: str, value: object) -> None:
    """A term that ends before it begins, no date, a field that may not be corrected."""
    permit_id = office.title()
    issued = next(e for e in office.engine.history(permit_id) if e["name"] == "permit.issued")
    with pytest.raises(PermitsError, match=r"input\.invalid"):
        office.do(
            "correct_record",
            "2017-04-03",
            DECIDER,
            permit_id=permit_id,
            **correction(issued["version"], field, value),
        )


def test_a_notification_found_to_have_been_oral_starts_no_deadline(office: Office) -> None:
    """Correcting its mode takes its regularity with it, and the time to leave that depended on it."""
    permit_id = office.title()
    office.do("revoke_permit", "2017-05-02", DECIDER, permit_id=permit_id, **REVOKED)
    told = office.do("notify_decision", "2017-05-03", permit_id=permit_id, mode="written", proof="receipt")
    corrected = office.do(
        "correct_record",
        "2017-05-20",
        DECIDER,
        permit_id=permit_id,
        **correction(told.version, "mode", "oral"),
    )
    assert corrected.events == ("permit.corrected", "permit.corrected")
    view = office.engine.permit(permit_id)
    assert view.lawful_stay
    assert [d for d in view.deadlines if d["kind"] in {"departure_due", "appeal_closes"}] == []


def test_the_future_of_knowledge_is_beyond_the_head(office: Office) -> None:
    """Neither a moment that has not come nor a version that is not there is answered."""
    permit_id = office.title()
    with pytest.raises(PermitsError, match=r"position\.beyond_head"):
        office.engine.permit(permit_id, known_at=datetime(2030, 1, 1, tzinfo=UTC))
    with pytest.raises(PermitsError, match=r"position\.beyond_head"):
        office.engine.explain(permit_id, 99)


def test_a_decision_is_explained_by_the_rules_it_was_taken_under(office: Office) -> None:
    """Also after another policy was adopted: each rule with its norm, rank and dates, by the text's digest."""
    permit_id = office.title()
    before = office.engine.explain(permit_id)
    text = packaged("MA").replace("title: Morocco, stay", "title: Morocco anew, stay")
    [(_, digest, new)] = office.engine.policies.adopt(text)
    assert new
    after = office.engine.explain(permit_id)
    assert after["basis"] == before["basis"]
    assert after["basis"]["policy"] != digest
    rule = next(r for r in after["basis"]["rules"] if r["parameter"] == "term.first")
    assert (rule["value"], rule["rank"]) == ("P1Y", "circular")
    assert "circular of 16 December 2013" in rule["norm"]


def test_a_policy_counts_from_its_adoption_on(office: Office) -> None:
    """Decisions after it pin its digest, and who asks with earlier knowledge sees the old rules."""
    permit_id = office.title()
    office.at("2018-01-02")
    then = office.clock.instant
    office.at("2018-01-03")
    longer = packaged("MA").replace(
        "name: renewal.closes, value: P15D, from: 2010-04-19",
        "name: renewal.closes, value: P45D, from: 2010-04-19",
    )
    office.engine.policies.adopt(longer)
    on = date(2018, 1, 10)

    def closes(**known: datetime) -> str:
        view = office.engine.permit(permit_id, as_of=on, **known)  # type: ignore[arg-type]
        return next(str(d["due_on"]) for d in view.deadlines if d["kind"] == "renewal_window_closes")

    assert (closes(), closes(known_at=then)) == ("2018-03-17", "2018-02-15")
    office.do("request_renewal", "2018-03-10", permit_id=permit_id)


def test_adopting_the_same_text_twice_changes_nothing(office: Office) -> None:
    """A text that is in use already is not appended again."""
    end = office.position()
    [(_, _, new)] = office.engine.policies.adopt(packaged("MA"))
    assert (new, office.position()) == (False, end)


def test_deadlines_come_with_their_working(office: Office) -> None:
    """Each deadline says in words how its day was counted and which text it comes from."""
    permit_id = office.title()
    [closes] = [
        d
        for d in office.engine.deadlines(permit_id, on=date(2017, 6, 1))
        if d["kind"] == "renewal_window_closes"
    ]
    assert closes["explanation"] == (
        "the term ends on 31 January 2018; 15 days after: 15 February 2018; décret 2-09-607, article 8 (decree)"
    )


def test_a_corrected_number_counts_from_the_day_of_the_card(office: Office) -> None:
    """Years later, the view of that day shows the number that was printed, not the one that was typed."""
    permit_id = office.application()
    office.do("record_opinion", "2017-01-20", COMMISSION, permit_id=permit_id, **ADVISED)
    issued = office.do("issue_permit", "2017-02-01", DECIDER, permit_id=permit_id, card_number="X1")
    office.do(
        "correct_record",
        "2019-03-04",
        DECIDER,
        permit_id=permit_id,
        **correction(issued.version, "card_number", "X7"),
    )
    assert office.engine.permit(permit_id, as_of=date(2017, 6, 1)).card_number == "X7"
