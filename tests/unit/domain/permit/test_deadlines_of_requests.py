"""The deadlines of a request that only some have: the opinion, the expedited target, the missing documents."""

from datetime import date

from permits_engine.domain.calendars import Count
from permits_engine.domain.periods import Period
from permits_engine.domain.permit.appeal_periods import appeal_rule, closing
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.explanations import explained
from permits_engine.domain.rules.policy import Policy, Source, Value
from tests.model.lives import a_life, kinds, rules
from tests.model.world import POLICIES, lodged, waited


def test_the_commission_is_expected_to_give_its_opinion_while_it_has_not() -> None:
    """Two months from filing, also on a file that is not complete; not once it is given or the file decided."""
    for missing in ((), ("photos",)):
        state = lodged("MA", "regularisation-2014", date(2014, 3, 3), missing)
        clock = next(c for c in explained(state.at(date(2014, 3, 4))) if c["kind"] == "opinion_due")
        assert (clock["due_on"], clock["anchor"]) == ("2014-05-03", 1)
        assert clock["explanation"].startswith("filed 3 March 2014; 2 months; ")
        assert rules(state, "2014-05-03")["opinion_due"] == "opinion.limit"
        assert "opinion_due" not in kinds(state, "2014-05-04")
    opinion = (
        "2014-03-10",
        "record_opinion",
        {"body": "local_commission", "favourable": True, "reasons": "seen"},
    )
    given = a_life(opinion, filed="2014-03-03", category="regularisation-2014")
    assert "opinion_due" in kinds(given, "2014-03-09")
    assert "opinion_due" not in kinds(given, "2014-03-10")


def test_an_expedited_request_has_its_target_until_it_is_decided() -> None:
    """Fifteen days for the campaigns' renewals from 2017; no deadline of the law's."""
    opinion = (
        "2016-12-21",
        "record_opinion",
        {"body": "local_commission", "favourable": True, "reasons": "seen"},
    )
    life = [opinion, ("2017-02-01", "issue_permit", {}), ("2018-01-10", "request_renewal", {"missing": ()})]
    state = a_life(*life, filed="2016-12-20", category="regularisation-2016")
    clock = next(c for c in explained(state.at(date(2018, 1, 11))) if c["kind"] == "expedited_target")
    assert clock["due_on"] == "2018-01-25"
    assert clock["explanation"].startswith("filed 10 January 2018; 15 days")
    assert rules(state, "2018-01-11")["expedited_target"] == "expedited.target"
    assert "expedited_target" in kinds(state, "2018-01-25")
    assert "expedited_target" not in kinds(state, "2018-01-26")
    decided = a_life(
        *life, ("2018-01-12", "renew_permit", {}), filed="2016-12-20", category="regularisation-2016"
    )
    assert "expedited_target" not in kinds(decided, "2018-01-12")


def test_an_incomplete_file_has_thirty_clear_days_and_no_time_to_decide() -> None:
    """Law 55-19 article 10; the office's clock starts with the complete file."""
    state = lodged("MA", "ordinary", date(2021, 2, 22), ("means",))
    clock = next(c for c in explained(state.at(date(2021, 2, 23))) if c["kind"] == "documents_due")
    assert (clock["due_on"], clock["anchor"]) == ("2021-03-25", 1)
    assert clock["explanation"].startswith(
        "filed incomplete 22 February 2021; 30 clear days; first and last day excluded"
    )
    assert rules(state, "2021-03-25")["documents_due"] == "documents.completion"
    assert kinds(state, "2021-03-26") == set()
    assert "decision_due" not in kinds(state, "2021-02-23")


def _limits(*values: tuple[str, str]) -> Policy:
    """Morocco with other times to appeal: each from a day, a period, for the tribunal."""
    ma = POLICIES["MA"]
    limits = tuple(
        Value(
            id=f"made-up@{since}", name="appeal.limit", value=Count(Period.parse(length)),
            since=date.fromisoformat(since), known=date(2000, 1, 1), rank="law", source=Source("made up"),
            confidence="low", applies=(("body", frozenset({"administrative_tribunal"})),),
        )
        for since, length in values
    )  # fmt: skip
    return Policy("MA", ma.title, "other", {**ma.parameters, "appeal.limit": limits}, ma.calendar, ma.offices)


def test_the_time_to_appeal_is_that_of_the_day_on_which_it_starts() -> None:
    """The regular notification, or the day on which silence became a refusal, also once a pass recorded that."""
    policy = _limits(("2003-01-01", "P15D"), ("2019-07-01", "P30D"), ("2021-05-05", "P90D"))
    refused = ("2019-02-11", "refuse_application", {"reasons_in_fact": "x", "reasons_in_law": "y"})
    told = {"mode": "written", "proof": "signed"}
    for notified, ends in (("2019-06-28", date(2019, 7, 13)), ("2019-07-16", date(2019, 8, 15))):
        state = a_life(refused, (notified, "notify_decision", told))
        day = date.fromisoformat(notified)
        until = closing(situation_on(state.permit, day, policy.at(day)), "administrative_tribunal")
        assert until is not None
        assert until.first == ends
    untold = a_life(refused)
    early, late = (situation_on(untold.permit, d, policy.at(d)) for d in (date(2019, 6, 1), date(2019, 8, 1)))
    assert closing(early, "administrative_tribunal") is None
    found = [appeal_rule(s, "administrative_tribunal") for s in (early, late)]
    assert [rule.id if rule else None for rule in found] == ["made-up@2003-01-01", "made-up@2019-07-01"]
    for passes in ((), (("2021-05-10", "run_clock", {}),)):
        silent = a_life(*passes, filed="2021-03-01")  # a refusal from 4 May 2021
        s = situation_on(silent.permit, date(2021, 5, 10), policy.at(date(2021, 5, 10)))
        until = closing(s, "administrative_tribunal")
        assert until is not None
        assert until.first == date(2021, 6, 3)
    first = a_life(filed="2021-03-01")
    assert (
        appeal_rule(situation_on(first.permit, date(2021, 3, 2), policy.at(date(2021, 3, 2))), "gracious")
        is None
    )


def test_a_body_that_ruled_on_one_refusal_may_be_seized_of_the_next_one() -> None:
    """It has ruled on that decision only."""
    refused = {"reasons_in_fact": "x", "reasons_in_law": "y"}
    state = a_life(
        ("2019-02-11", "refuse_application", refused),
        ("2019-02-13", "lodge_appeal", {"body": "gracious"}),
        ("2019-02-14", "decide_appeal", {"outcome": "dismissed", "reasons": "lawful"}),
        ("2019-02-15", "lodge_appeal", {"body": "administrative_tribunal"}),
        ("2019-02-18", "decide_appeal", {"outcome": "upheld", "reasons": "no delegation"}),
        ("2019-02-19", "refuse_application", refused),
        ("2019-02-20", "notify_decision", {"mode": "written", "proof": "signed"}),
    )
    bodies = {clock.get("body") for clock in explained(state.at(date(2019, 2, 20)))}
    assert bodies >= {"gracious", "administrative_tribunal", "hierarchical"}


def test_a_term_names_the_rule_by_which_it_was_granted_not_the_one_of_today() -> None:
    """A year granted in 2016 ends by the rule of 2016, also after the communiqué of January 2017."""
    opinion = (
        "2014-03-03",
        "record_opinion",
        {"body": "local_commission", "favourable": True, "reasons": "seen"},
    )
    passes = [("2015-03-02", "run_clock", {}), ("2016-03-02", "run_clock", {})]
    life = [opinion, ("2014-03-03", "issue_permit", {}), *passes]
    state = a_life(*life, filed="2014-03-03", category="regularisation-2014")
    clock = next(c for c in explained(waited(state, date(2017, 2, 1)).now) if c["kind"] == "title_expiry")
    assert clock["due_on"] == "2017-03-02"
    assert POLICIES["MA"].by_id[clock["rule"]].since < date(2017, 1, 10)


def test_the_working_of_a_request_is_its_own_while_an_appeal_about_the_title_is_pending() -> None:
    """Each deadline is explained by what it counts from."""
    why = {"reasons_in_fact": "x", "reasons_in_law": "y"}
    state = a_life(
        ("2021-03-02", "issue_permit", {}),
        ("2022-02-01", "request_renewal", {"missing": ()}),
        ("2022-02-02", "revoke_permit", {"ground": "judicial-ban", **why}),
        ("2022-02-03", "lodge_appeal", {"body": "administrative_tribunal"}),
        filed="2021-03-01",
    )
    said = {c["kind"]: c["explanation"] for c in explained(state.now)}
    assert said["decision_due"].startswith("file complete 1 February 2022; 60 clear days")


def test_an_extension_is_a_sentence_of_its_own_in_the_working_of_the_time_to_decide() -> None:
    """From which day the time ran, then when it was extended and to which day."""
    longer = {"reason": "expertise", "until": date(2023, 7, 12)}
    state = a_life(("2023-05-11", "extend_decision", longer), filed="2023-04-03")
    said = {c["kind"]: c["explanation"] for c in explained(state.now)}
    opening = "file complete 3 April 2023; extended on 11 May 2023 to 12 July 2023; loi 5"
    assert said["decision_due"].startswith(opening)


def test_the_window_of_a_term_that_was_over_when_granted_says_from_when_it_is_counted() -> None:
    """Fifteen days from the grant, which is named beside the end of the term."""
    state = a_life(
        ("2014-04-01", "issue_permit", {}),
        ("2015-03-02", "request_renewal", {"missing": ()}),
        ("2016-05-02", "renew_permit", {}),
        filed="2014-03-03",
    )
    clock = next(c for c in explained(state.now) if c["kind"] == "renewal_window_closes")
    assert clock["due_on"] == "2016-05-17"
    assert "the term ends on 31 March 2016" in clock["explanation"]
    assert "the term was granted on 2 May 2016; décret 2-09-607" in clock["explanation"]


def test_an_earlier_title_that_was_given_back_does_not_count_for_the_term_granted_after_it() -> None:
    """Anyone who got the first title back, and the second only when it was over, has the days of the second."""
    why = {"reasons_in_fact": "x", "reasons_in_law": "y"}
    state = a_life(
        ("2014-04-01", "issue_permit", {}),
        ("2015-03-02", "request_renewal", {"missing": ()}),
        ("2015-04-07", "revoke_permit", {"ground": "judicial-ban", **why}),
        ("2015-04-08", "lodge_appeal", {"body": "gracious"}),
        ("2016-04-11", "decide_appeal", {"outcome": "upheld", "reasons": "no ban"}),
        ("2016-05-02", "renew_permit", {}),
        filed="2014-03-03",
    )
    clock = next(c for c in explained(state.now) if c["kind"] == "renewal_window_closes")
    assert clock["due_on"] == "2016-05-17"
    assert "the term was granted on 2 May 2016" in clock["explanation"]


def test_the_bodies_of_one_day_stand_in_the_order_of_their_names() -> None:
    """Earliest first, then by kind, then by body."""
    refused = {"reasons_in_fact": "x", "reasons_in_law": "y"}
    told = {"mode": "written", "proof": "signed"}
    state = a_life(("2019-02-11", "refuse_application", refused), ("2019-02-12", "notify_decision", told))
    bodies = [c["body"] for c in explained(state.now) if c["kind"] == "appeal_closes"]
    assert bodies == ["administrative_tribunal", "gracious", "hierarchical"]


def test_a_person_coming_of_age_sees_the_months_to_ask_and_the_day_of_majority() -> None:
    """Decree 2-09-607 article 2."""
    minor = {"kind": "minor", "since": date(2019, 1, 1), "until": date(2020, 2, 29), "evidence": "birth"}
    state = a_life(("2019-02-04", "issue_permit", {}), ("2019-02-05", "record_fact", minor))
    clock = next(
        c for c in explained(waited(state, date(2020, 3, 10)).now) if c["kind"] == "majority_request_due"
    )
    assert clock["explanation"].startswith(
        "of age on 1 March 2020; the holder can apply for their own card until "
    )
    assert POLICIES["MA"].by_id[clock["rule"]].name == "majority.filing"


def test_a_request_that_is_decided_has_no_time_to_decide() -> None:
    """Granted within its sixty days: what is left of them is lost."""
    state = a_life(("2021-03-10", "issue_permit", {}), filed="2021-03-01")
    assert "decision_due" in kinds(state, "2021-03-09")
    assert not {"decision_due", "implicit_refusal"} & kinds(state, "2021-03-10")


def test_a_clock_is_said_to_run_until_something_suspends_it() -> None:
    """The time to decide is suspended while documents are waited for; the commission's goes on."""
    asked = ("2021-03-21", "request_documents", {"documents": ("passport-original",), "reason": "a doubt"})
    state = a_life(asked, filed="2021-03-01")
    said = [
        {c["kind"]: c["status"] for c in explained(state.at(date(2021, 3, day)))}["decision_due"]
        for day in (20, 21)
    ]
    assert said == ["running", "suspended"]
    campaign = a_life(
        ("2014-03-10", "request_documents", {"documents": ("passport-original",), "reason": "a doubt"}),
        filed="2014-03-03",
        category="regularisation-2014",
    )
    assert "opinion_due" in kinds(campaign, "2014-03-11")
