"""Each kind of deadline: when it holds, from which event and rule, and the working that a jurist can follow."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from permits_engine.domain.permit.explanations import explained
from tests.model.lives import a_life, kinds, rules
from tests.model.world import POLICIES, REASONS, State, waited

TOLD = {"mode": "written", "proof": "signed"}
GRANTED = ("2019-02-04", "issue_permit", {})
ASKED_FOR = ("2021-03-21", "request_documents", {"documents": ("passport-original",), "reason": "a doubt"})
SUPPLIED = ("2021-04-05", "supply_documents", {"documents": ("passport-original",)})
REFUSED = ("2019-02-11", "refuse_application", REASONS)
AT = datetime(2020, 2, 19, 8, 30, tzinfo=UTC)
ORDERED = ("2020-02-19", "order_removal", {"ground": "overstay", "notified_at": AT})
TO_TRIBUNAL = {"body": "administrative_tribunal", "against": "removal", "at": AT}
FEBRUARY = "first and last day excluded: 24 February 2020; 24 February 2020 is a working day"
MAY = (
    "first and last day excluded: 1 May 2021; 1 May 2021 is Saturday, labour-day: the next day; "
    "2 May 2021 is a Sunday"
)
COMPLETE = "file complete 1 March 2021; 60 clear days"
LAW_55 = "loi 55-19, articles 16 and 31 (law)"

SAID: dict[str, tuple[State, str, list[tuple[str, str, int, str]]]] = {
    "a complete file": (
        a_life(filed="2021-03-01"),
        "2021-03-02",
        [
            (
                "decision_due",
                "2021-05-03",
                1,
                f"{COMPLETE}; {MAY}: the next day; 3 May 2021 is a working day; {LAW_55}",
            ),
            (
                "implicit_refusal",
                "2021-05-03",
                1,
                f"{COMPLETE}; {MAY}: the next day; 3 May 2021 is a working day; loi 41-90, article 23 (law)",
            ),
            (
                "receipt_expiry",
                "2021-06-01",
                2,
                "receipt of 1 March 2021 valid until 1 June 2021, inclusive; décret 2-09-607, article 5 (decree)",
            ),
        ],
    ),
    "a suspended file": (
        a_life(ASKED_FOR, filed="2021-03-01"),
        "2021-03-25",
        [
            (
                "documents_due",
                "2021-04-21",
                3,
                "asked 21 March 2021; 30 clear days; first and last day excluded: 21 April 2021; "
                "21 April 2021 is a working day; loi 55-19, articles 10, 14 and 31 (law)",
            ),
            (
                "decision_due suspended",
                "2021-05-05",
                1,
                f"{COMPLETE}; first and last day excluded: 1 May 2021; suspended for 4 days: 5 May 2021; "
                f"5 May 2021 is a working day; {LAW_55}",
            ),
        ],
    ),
    "a file whose documents came": (
        a_life(ASKED_FOR, SUPPLIED, filed="2021-03-01"),
        "2021-04-05",
        [
            (
                "decision_due",
                "2021-05-17",
                1,
                f"{COMPLETE}; first and last day excluded: 1 May 2021; suspended for 15 days: 16 May 2021; "
                f"16 May 2021 is a Sunday: the next day; 17 May 2021 is a working day; {LAW_55}",
            )
        ],
    ),
    "a title": (
        a_life(GRANTED, ("2019-03-04", "record_exit", {})),
        "2019-03-05",
        [
            (
                "absence_limit",
                "2019-09-04",
                4,
                "the day before the absence ends the title: 4 September 2019; décret 2-09-607, article 19 (decree)",
            ),
            (
                "title_expiry",
                "2020-02-03",
                3,
                "term 1 runs from 4 February 2019 to 3 February 2020, inclusive; "
                "administrative usage, first card of one year (convention)",
            ),
            (
                "renewal_window_closes",
                "2020-02-18",
                3,
                "the term ends on 3 February 2020; 15 days after: 18 February 2020; "
                "décret 2-09-607, article 8 (decree)",
            ),
        ],
    ),
    "a notified refusal": (
        a_life(REFUSED, ("2019-07-16", "notify_decision", TOLD)),
        "2019-07-16",
        [
            ("departure_due", "2019-07-31", 3, "notified 16 July 2019; 15 days; loi 02-03, article 11 (law)"),
            (
                "appeal_closes administrative_tribunal",
                "2019-08-01",
                3,
                "notified 16 July 2019; 15 clear days; first and last day excluded: 1 August 2019; "
                "1 August 2019 is a working day; loi 02-03, article 20, and code of civil procedure, article 512 (law)",
            ),
            (
                "appeal_closes gracious",
                "2019-09-16",
                3,
                "notified 16 July 2019; 60 clear days; first and last day excluded: 15 September 2019; "
                "15 September 2019 is a Sunday: the next day; 16 September 2019 is a working day; "
                "loi 41-90, article 23 (law)",
            ),
        ],
    ),
    "a silence": (
        a_life(filed="2021-03-01"),
        "2021-05-04",
        [
            (
                "appeal_closes hierarchical",
                "2021-07-05",
                0,
                "silence became a refusal 4 May 2021; 60 clear days; first and last day excluded: 4 July 2021; "
                "4 July 2021 is a Sunday: the next day; 5 July 2021 is a working day; loi 41-90, article 23 (law)",
            )
        ],
    ),
    "a pending appeal": (
        a_life(REFUSED, ("2019-02-13", "lodge_appeal", {"body": "gracious"})),
        "2019-02-13",
        [
            (
                "appeal_ruling_due gracious",
                "2019-04-14",
                4,
                "lodged 13 February 2019; 60 days; loi 41-90, article 23 (law)",
            )
        ],
    ),
    "a removal": (
        a_life(GRANTED, ORDERED),
        "2020-02-19",
        [
            (
                "removal_appeal_closes",
                "2020-02-21T08:30:00Z",
                4,
                "notified 19 February 2020 09:30 (+0100); 48 hours by the clock: 21 February 2020 09:30 (+0100); "
                "loi 02-03, article 23 (law)",
            )
        ],
    ),
    "a contested removal": (
        a_life(GRANTED, ORDERED, ("2020-02-19", "lodge_appeal", TO_TRIBUNAL)),
        "2020-02-19",
        [
            (
                "removal_ruling_due",
                "2020-02-24",
                5,
                f"lodged 19 February 2020; 4 clear days; {FEBRUARY}; loi 02-03, article 23 (law)",
            )
        ],
    ),
    "a title before its window (Spain)": (
        a_life(("2024-03-01", "issue_permit", {}), filed="2024-02-29", where="ES"),
        "2024-03-02",
        [
            (
                "renewal_window_opens",
                "2024-12-30",
                3,
                "the term ends on 28 February 2025; 60 days before: 30 December 2024; RD 557/2011, article 51 (decree)",
            )
        ],
    ),
    "a title given back": (
        a_life(
            GRANTED,
            ("2019-05-06", "revoke_permit", {"ground": "judicial-ban", **REASONS}),
            ("2019-05-08", "lodge_appeal", {"body": "gracious"}),
            ("2020-03-02", "decide_appeal", {"outcome": "upheld", "reasons": "no ban"}),
        ),
        "2020-03-03",
        [
            (
                "renewal_window_closes",
                "2020-03-17",
                3,
                "the term ends on 3 February 2020; 15 days after: 17 March 2020; "
                "the title was given back on 2 March 2020; décret 2-09-607, article 8 (decree)",
            )
        ],
    ),
}


def told(clock: dict[str, Any]) -> tuple[str, str, int, str]:
    """Kind with body or status, the day or instant, the event that started it, and the working."""
    more = clock.get("body") or ("suspended" if clock["status"] == "suspended" else "")
    kind = f"{clock['kind']} {more}".strip()
    return kind, clock.get("due_at") or clock["due_on"], clock["anchor"], clock["explanation"]


@pytest.mark.parametrize("name", SAID)
def test_a_deadline_says_when_it_ends_and_why(name: str) -> None:
    """Its day, its anchor, each step of the count, and the norm with its rank."""
    state, day, wanted = SAID[name]
    found = [told(clock) for clock in explained(state.at(date.fromisoformat(day)))]
    for each in wanted:
        assert each in found


@pytest.mark.parametrize("name", SAID)
def test_deadlines_stand_in_their_order_and_each_names_a_rule_in_force(name: str) -> None:
    """Earliest first, and none of them without its legal basis."""
    state, day, _ = SAID[name]
    clocks = explained(state.at(date.fromisoformat(day)))
    days = [(clock.get("due_at") or clock["due_on"])[:10] for clock in clocks]
    assert days == sorted(days)
    assert all(clock["rule"] in POLICIES[state.jurisdiction].by_id for clock in clocks)


@pytest.mark.parametrize(
    ("name", "kind", "last"),
    [
        ("a complete file", "decision_due", "2021-05-03"),
        ("a complete file", "implicit_refusal", "2021-05-03"),
        ("a complete file", "receipt_expiry", "2021-06-01"),
        ("a suspended file", "documents_due", "2021-04-21"),
        ("a title", "absence_limit", "2019-09-04"),
        ("a notified refusal", "departure_due", "2019-07-31"),
        ("a notified refusal", "appeal_closes", "2019-09-16"),
        ("a silence", "appeal_closes", "2021-07-05"),
        ("a pending appeal", "appeal_ruling_due", "2019-04-14"),
        ("a removal", "removal_appeal_closes", "2020-02-21"),
        ("a contested removal", "removal_ruling_due", "2020-02-24"),
        ("a title given back", "renewal_window_closes", "2020-03-17"),
        ("a title before its window (Spain)", "title_expiry", "2025-02-28"),
    ],
)
def test_a_deadline_holds_on_its_last_day_and_not_after_it(name: str, kind: str, last: str) -> None:
    """The last day counts."""
    state, day = SAID[name][0], date.fromisoformat(last)
    assert kind in kinds(state, last)
    assert kind not in kinds(state, date.fromordinal(day.toordinal() + 1).isoformat())


def test_the_window_opens_on_its_day() -> None:
    """From then on there is nothing to wait for."""
    state = SAID["a title before its window (Spain)"][0]
    assert "renewal_window_opens" in kinds(state, "2024-12-29")
    assert "renewal_window_opens" not in kinds(state, "2024-12-30")


def test_a_body_that_has_ruled_is_seized_no_more_and_the_others_are() -> None:
    """The dismissed appeal leaves each other body its own time; while it is pending, the tribunal alone."""
    state = a_life(
        REFUSED,
        ("2019-02-12", "notify_decision", TOLD),
        ("2019-02-13", "lodge_appeal", {"body": "gracious"}),
        ("2019-02-14", "decide_appeal", {"outcome": "dismissed", "reasons": "lawful"}),
    )
    bodies = {clock.get("body") for clock in explained(state.at(date(2019, 2, 14)))}
    assert bodies >= {"administrative_tribunal", "hierarchical"}
    assert "gracious" not in bodies
    before = {clock.get("body") for clock in explained(state.at(date(2019, 2, 12)))}
    assert before >= {"administrative_tribunal", "hierarchical", "gracious"}
    pending = explained(state.at(date(2019, 2, 13)))
    assert [c["body"] for c in pending if c["kind"] == "appeal_closes"] == ["administrative_tribunal"]


def test_a_closed_file_has_no_clock() -> None:
    """From the day of its closure on; before it its clocks ran."""
    state = a_life(GRANTED, ("2019-03-04", "close_permit", {"reason": "departed"}))
    assert kinds(state, "2019-03-03") == {"title_expiry", "renewal_window_closes"}
    assert kinds(state, "2019-03-04") == kinds(state, "2019-03-05") == set()


def test_before_its_closure_a_file_has_the_clocks_of_its_request_and_of_its_refusal() -> None:
    """Closed later is not closed yet."""
    asked = a_life(("2021-03-10", "close_permit", {"reason": "departed"}), filed="2021-03-01")
    assert kinds(asked, "2021-03-09") == {"decision_due", "implicit_refusal", "receipt_expiry"}
    assert kinds(asked, "2021-03-10") == set()
    told_no = ("2019-02-12", "notify_decision", TOLD)
    refused = a_life(REFUSED, told_no, ("2019-02-14", "close_permit", {"reason": "departed"}))
    assert kinds(refused, "2019-02-13") == {"appeal_closes", "departure_due"}
    assert kinds(refused, "2019-02-14") == set()
    removed = a_life(GRANTED, ORDERED, ("2020-02-20", "close_permit", {"reason": "departed"}))
    assert kinds(removed, "2020-02-19") == {"removal_appeal_closes"}
    assert kinds(removed, "2020-02-20") == set()


def test_each_deadline_names_the_parameter_that_it_comes_from() -> None:
    """A first term comes from another rule than a renewed one."""
    assert rules(a_life(GRANTED), "2019-02-05") == {
        "title_expiry": "term.first",
        "renewal_window_closes": "renewal.closes",
    }
    renewed = a_life(
        GRANTED, ("2020-01-06", "request_renewal", {"missing": ()}), ("2020-01-20", "renew_permit", {})
    )
    assert rules(renewed, "2020-01-21") == {
        "title_expiry": "term.renewal",
        "renewal_window_closes": "renewal.closes",
    }
    assert rules(*SAID["a complete file"][:2]) == {
        "decision_due": "decision.limit",
        "implicit_refusal": "decision.silence",
        "receipt_expiry": "receipt.term",
    }
    assert rules(*SAID["a suspended file"][:2])["documents_due"] == "documents.answer"
    assert rules(*SAID["a notified refusal"][:2]) == {
        "departure_due": "departure.limit",
        "appeal_closes": "appeal.limit",
    }
    assert rules(*SAID["a pending appeal"][:2])["appeal_ruling_due"] == "appeal.ruling"
    assert rules(*SAID["a removal"][:2]) == {"removal_appeal_closes": "removal.appeal"}
    assert rules(*SAID["a contested removal"][:2]) == {"removal_ruling_due": "removal.ruling"}
    assert rules(*SAID["a title"][:2])["absence_limit"] == "absence.limit"
    assert rules(*SAID["a title before its window (Spain)"][:2])["renewal_window_opens"] == "renewal.opens"


def test_a_blanket_extension_says_which_titles_it_moved_and_until_when() -> None:
    """Spring 2020; a title that ended before or after says nothing of it, nor does a window that opens."""
    moved = "titles that ended from 20 March 2020 to 10 July 2020 count until 10 July 2020 (note of the French embassy"
    state = waited(a_life(("2019-04-01", "issue_permit", {}), filed="2019-03-01"), date(2021, 1, 1))
    said = {c["kind"]: (c["due_on"], c["explanation"]) for c in explained(state.at(date(2020, 4, 15)))}
    assert said["title_expiry"][0] == "2020-07-10"
    assert f"inclusive; {moved}" in said["title_expiry"][1]
    assert said["renewal_window_closes"][0] == "2020-07-25"
    assert f"the term ends on 31 March 2020; {moved}" in said["renewal_window_closes"][1]
    last = waited(a_life(("2019-07-11", "issue_permit", {}), filed="2019-03-01"), date(2021, 1, 1))
    other = waited(a_life(GRANTED), date(2021, 1, 1))
    for each, day in ((last, "2020-07-10"), (other, "2020-02-03")):
        assert not any("count until" in c["explanation"] for c in explained(each.at(date.fromisoformat(day))))


def test_a_removal_that_the_tribunal_has_confirmed_is_contested_no_more() -> None:
    """One appeal, within its hours."""
    ruling = {"outcome": "dismissed", "reasons": "lawful", "against": "removal"}
    state = a_life(
        GRANTED, ORDERED, ("2020-02-19", "lodge_appeal", TO_TRIBUNAL), ("2020-02-20", "decide_appeal", ruling)
    )
    assert kinds(state, "2020-02-20") == set()
