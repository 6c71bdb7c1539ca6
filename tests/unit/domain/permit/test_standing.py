"""Each ground of lawful stay by itself: because of what, by which rule, and whether that is beyond dispute."""

from datetime import UTC, date, datetime

import pytest

from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.standing import Standing, standing
from permits_engine.domain.rules.policy import Policy, Source, Value
from tests.model.lives import a_life
from tests.model.world import POLICIES, REASONS, State


def stands(state: State, day: str) -> Standing:
    """The standing on a day, with the names of the parameters in place of the rules' ids."""
    found = standing(state.at(date.fromisoformat(day)))
    names = tuple(POLICIES[state.jurisdiction].by_id[rule].name for rule in found.basis)
    return Standing(found.lawful, found.because, names, found.certain)


GRANTED = ("2019-02-04", "issue_permit", {})  # until 2020-02-03, the window until 2020-02-18
TOLD = {"mode": "written", "proof": "signed"}
ASKED = ("2020-01-06", "request_renewal", {"missing": ()})
LODGED = (
    ("2019-02-11", "refuse_application", REASONS),
    ("2019-02-12", "notify_decision", TOLD),
    ("2019-02-13", "lodge_appeal", {"body": "administrative_tribunal"}),
)
REVOKED = ("2019-05-06", "revoke_permit", {"ground": "judicial-ban", **REASONS})


def test_a_receipt_stands_for_the_title_and_goes_on_until_a_decision() -> None:
    """Law 02-03 article 8, decree 2-09-607 article 5; a first request needs no title before it."""
    state = a_life()
    assert stands(state, "2019-04-07") == Standing(True, "receipt", ("receipt.stands_for_title",))
    assert stands(state, "2019-04-08") == Standing(True, "receipt", ("receipt.stands_for_title",))
    assert stands(state, "2021-04-08") == Standing(True, "receipt", ("receipt.stands_for_title",))
    assert stands(state, "2019-01-06") == Standing(False, "no_ground", ())


def test_a_title_is_a_ground_until_its_last_day_and_then_the_window_is_a_contested_one() -> None:
    """Decree 2-09-607 article 8: fifteen days in which no one is removable, and nothing is certain."""
    state = a_life(GRANTED)
    assert stands(state, "2020-02-03") == Standing(True, "title", ())
    assert stands(state, "2020-02-04") == Standing(True, "renewal_window", ("renewal.closes",), certain=False)
    assert stands(state, "2020-02-18") == Standing(True, "renewal_window", ("renewal.closes",), certain=False)
    assert stands(state, "2020-02-19") == Standing(False, "no_ground", ())


def test_a_filing_in_the_window_makes_the_days_before_it_certain() -> None:
    """From the first day after the term; the day of filing has the receipt."""
    state = a_life(GRANTED, ("2020-02-10", "request_renewal", {"missing": ()}))
    assert stands(state, "2020-02-04") == Standing(True, "pending_request", ("filing.effect",))
    assert stands(state, "2020-02-09") == Standing(True, "pending_request", ("filing.effect",))
    assert stands(state, "2020-02-10") == Standing(True, "receipt", ("receipt.stands_for_title",))
    assert stands(state, "2020-02-03") == Standing(True, "title", ())


def test_a_refusal_acts_from_its_regular_notification_and_leaves_fifteen_days() -> None:
    """Law 02-03 article 11, law 03-01; until then the receipt stands as before."""
    state = a_life(
        GRANTED, ASKED, ("2020-03-02", "refuse_renewal", REASONS), ("2020-05-04", "notify_decision", TOLD)
    )
    assert stands(state, "2020-05-03") == Standing(True, "receipt", ("receipt.stands_for_title",))
    assert stands(state, "2020-05-04") == Standing(True, "departure_period", ("departure.limit",))
    assert stands(state, "2020-05-19") == Standing(True, "departure_period", ("departure.limit",))
    assert stands(state, "2020-05-20") == Standing(False, "no_ground", ())
    oral = a_life(
        GRANTED,
        ASKED,
        ("2020-03-02", "refuse_renewal", REASONS),
        ("2020-05-04", "notify_decision", {"mode": "oral"}),
    )
    assert stands(oral, "2020-07-20") == Standing(True, "receipt", ("receipt.stands_for_title",))


def test_a_refused_renewal_leaves_the_old_title_its_term() -> None:
    """And where the days to leave end later, they count after it."""
    state = a_life(
        GRANTED, ASKED, ("2020-01-20", "refuse_renewal", REASONS), ("2020-01-27", "notify_decision", TOLD)
    )
    assert stands(state, "2020-02-03") == Standing(True, "title", ())
    assert stands(state, "2020-02-11") == Standing(True, "departure_period", ("departure.limit",))
    assert stands(state, "2020-02-12") == Standing(False, "no_ground", ())


def test_a_revocation_ends_the_stay_once_it_is_regularly_notified() -> None:
    """Until then the title counts, and after its term its window; a pending request counts beside it."""
    state = a_life(GRANTED, REVOKED)
    assert stands(state, "2020-02-03") == Standing(True, "title", ())
    assert stands(state, "2020-02-18") == Standing(True, "renewal_window", ("renewal.closes",), certain=False)
    assert stands(state, "2020-02-19") == Standing(False, "no_ground", ())
    told = a_life(GRANTED, REVOKED, ("2019-05-07", "notify_decision", TOLD))
    assert stands(told, "2019-05-06") == Standing(True, "title", ())
    assert stands(told, "2019-05-07") == Standing(True, "departure_period", ("departure.limit",))
    assert stands(told, "2019-05-23") == Standing(False, "no_ground", ())
    assert stands(told, "2020-02-10") == Standing(False, "no_ground", ())
    asked = a_life(
        GRANTED,
        ASKED,
        ("2020-01-07", "revoke_permit", {"ground": "judicial-ban", **REASONS}),
        ("2020-01-08", "notify_decision", TOLD),
    )
    assert stands(asked, "2020-02-03") == Standing(True, "receipt", ("receipt.stands_for_title",))


def test_a_title_given_back_counts_from_the_day_it_was_taken() -> None:
    """Also the days after its term; then it has a window of its own (policy decisions)."""
    state = a_life(
        GRANTED,
        REVOKED,
        ("2019-05-07", "notify_decision", TOLD),
        ("2019-05-08", "lodge_appeal", {"body": "administrative_tribunal"}),
        ("2020-03-02", "decide_appeal", {"outcome": "upheld", "reasons": "no ban"}),
    )
    assert stands(state, "2019-06-10") == Standing(True, "title", ())
    assert stands(state, "2020-02-20") == Standing(True, "title_given_back", ("renewal.given_back",))
    assert stands(state, "2020-03-02") == Standing(True, "title_given_back", ("renewal.given_back",))
    assert stands(state, "2020-03-17") == Standing(True, "renewal_window", ("renewal.closes",), certain=False)
    assert stands(state, "2020-03-18") == Standing(False, "no_ground", ())


@pytest.mark.parametrize(
    ("reason", "lawful"),
    [("naturalised", True), ("other_title", True), ("departed", False), ("deceased", False)],
)
def test_a_closed_file_says_whether_its_holder_may_stay(reason: str, lawful: bool) -> None:
    """From the day of the closure, whatever else would be a ground."""
    state = a_life(GRANTED, ("2019-05-06", "close_permit", {"reason": reason}))
    assert stands(state, "2019-05-05") == Standing(True, "title", ())
    assert stands(state, "2019-05-06") == Standing(lawful, "closed", ())


def test_an_absence_ends_title_and_window_alike() -> None:
    """Decree 2-09-607 article 19; a request already made is a ground of its own."""
    state = a_life(GRANTED, ("2019-03-04", "record_exit", {}))
    assert stands(state, "2019-09-04") == Standing(True, "title", ())
    assert stands(state, "2019-09-05") == Standing(False, "no_ground", ())
    assert stands(state, "2020-02-10") == Standing(False, "no_ground", ())


def test_a_contested_removal_lets_its_holder_stay_and_an_annulled_one_gives_a_provisional_stay() -> None:
    """Law 02-03 articles 23 and 24."""
    told = datetime(2020, 2, 19, 8, 30, tzinfo=UTC)
    order = ("2020-02-19", "order_removal", {"ground": "overstay", "notified_at": told})
    against = {"body": "administrative_tribunal", "against": "removal", "at": told}
    ruling = {"outcome": "upheld", "reasons": "because", "against": "removal"}
    ordered = a_life(GRANTED, order)
    assert stands(ordered, "2020-02-19") == Standing(False, "no_ground", ())
    contested = a_life(GRANTED, order, ("2020-02-19", "lodge_appeal", against))
    assert stands(contested, "2020-02-19") == Standing(True, "suspensive_appeal", ("removal.appeal",))
    annulled = a_life(
        GRANTED, order, ("2020-02-19", "lodge_appeal", against), ("2020-02-20", "decide_appeal", ruling)
    )
    assert stands(annulled, "2020-02-20") == Standing(True, "provisional_stay", ("removal.annulment",))


def test_an_ordinary_appeal_adds_no_day() -> None:
    """Law 02-03 article 20: it is not suspensive."""
    state = a_life(*LODGED)
    assert stands(state, "2019-02-27") == Standing(True, "departure_period", ("departure.limit",))
    assert stands(state, "2019-02-28") == Standing(False, "no_ground", ())


def test_in_spain_filing_extends_the_title_itself() -> None:
    """While the request is pending the title counts, by the rule on the effect of filing."""
    state = a_life(
        ("2024-03-01", "issue_permit", {}),
        ("2025-02-03", "request_renewal", {"missing": ()}),
        filed="2024-02-29",
        where="ES",
    )
    ends = state.permit.terms[0].valid_until
    assert stands(state, ends.isoformat()) == Standing(True, "title", ("filing.effect",))
    assert stands(state, date.fromordinal(ends.toordinal() + 1).isoformat()) == Standing(
        True, "title", ("filing.effect",)
    )


def test_in_france_a_late_request_is_no_ground() -> None:
    """It is receivable, gives no receipt, and the stay ends with the title."""
    state = a_life(
        ("2024-01-15", "issue_permit", {}),
        ("2024-12-20", "request_renewal", {"missing": ()}),
        filed="2024-01-02",
        where="FR",
    )
    assert stands(state, "2025-01-14") == Standing(True, "title", ())
    assert stands(state, "2025-01-15") == Standing(False, "no_ground", ())


def test_where_the_law_makes_an_appeal_suspensive_it_is_a_ground_while_it_is_pending() -> None:
    """No packaged country does for a refusal; the rule is data, by the body that is seized."""
    state = a_life(*LODGED)
    ma = POLICIES["MA"]
    rule = Value(
        id="made-up", name="appeal.suspensive", value=True, since=date(2000, 1, 1), known=date(2000, 1, 1),
        rank="constitution", source=Source("made up"), confidence="low",
        applies=(("body", frozenset({"administrative_tribunal"})), ("against", frozenset({"refusal"}))),
    )  # fmt: skip
    values = {**ma.parameters, "appeal.suspensive": (rule,)}
    other = Policy("MA", ma.title, "other", values, ma.calendar, ma.offices)
    day = date(2019, 3, 20)
    found = standing(situation_on(state.permit, day, other.at(day)))
    assert found == Standing(True, "suspensive_appeal", ("made-up",))
    ruled = ("2019-03-18", "decide_appeal", {"outcome": "dismissed", "reasons": "lawful"})
    over = a_life(*LODGED, ruled)
    assert not standing(situation_on(over.permit, day, other.at(day))).lawful
    assert not standing(situation_on(a_life(*LODGED[:2]).permit, day, other.at(day))).lawful


def test_a_fact_that_the_law_lets_stay_is_a_ground_as_long_as_it_holds() -> None:
    """Code of criminal procedure article 82-5-1: a victim of trafficking, while it is authorised."""
    fact = {
        "kind": "trafficking_victim",
        "since": date(2020, 3, 1),
        "until": date(2020, 9, 1),
        "evidence": "order",
    }
    state = a_life(GRANTED, ("2020-03-01", "record_fact", fact))
    assert stands(state, "2020-02-29") == Standing(False, "no_ground", ())
    assert stands(state, "2020-03-01") == Standing(True, "trafficking_victim", ("stay.facts",))
    assert stands(state, "2020-09-01") == Standing(True, "trafficking_victim", ("stay.facts",))
    assert stands(state, "2020-09-02") == Standing(False, "no_ground", ())


MINOR = (
    "2019-02-05",
    "record_fact",
    {"kind": "minor", "since": date(2019, 1, 1), "until": date(2020, 2, 29), "evidence": "birth"},
)


def test_the_months_after_coming_of_age_are_a_contested_ground_with_a_right_to_ask() -> None:
    """Decree 2-09-607 article 2; not after a revocation, a loss by absence or a decision since."""
    free = a_life(GRANTED, MINOR)
    majority = Standing(True, "majority_period", ("majority.filing",), certain=False)
    found = [stands(free, day) for day in ("2020-03-10", "2020-08-20")]
    assert found == [majority, majority]
    assert stands(free, "2020-02-25") == Standing(False, "no_ground", ())  # not of age yet, the title over
    assert stands(free, "2020-09-15") == Standing(False, "no_ground", ())
    revoked = a_life(GRANTED, MINOR, REVOKED, ("2019-05-07", "notify_decision", TOLD))
    assert stands(revoked, "2020-03-10") == Standing(False, "no_ground", ())
    lost = a_life(GRANTED, MINOR, ("2019-03-04", "record_exit", {}))
    assert stands(lost, "2020-03-10") == Standing(False, "no_ground", ())
