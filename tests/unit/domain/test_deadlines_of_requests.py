"""The deadlines of a request that only some have: the opinion, the expedited target, the missing documents."""

from __future__ import annotations

from datetime import date

from permits_engine.domain.deadlines import explained
from tests.model.lives import a_life, kinds, rules
from tests.model.world import lodged


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
