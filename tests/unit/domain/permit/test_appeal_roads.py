"""Appeals on several roads: what ends them, in which order they count, and what a pass records of them."""

from datetime import date

from permits_engine.domain.permit.appeal_periods import closing
from tests.model.lives import a_life
from tests.model.world import REASONS, State

UPHELD = {"outcome": "upheld", "reasons": "because"}


def answers(state: State, day: str) -> list[tuple[str, str | None]]:
    """The appeals by a day, each with its outcome."""
    found = state.at(date.fromisoformat(day)).appeals
    return [(appeal.body, answer.outcome if answer else None) for appeal, answer in found]


def test_a_refusal_by_silence_annulled_on_one_road_leaves_nothing_to_decide_on_the_others() -> None:
    """Whether or not a pass had recorded the silence."""
    for passes in ((), (("2021-05-10", "run_clock", {}),)):
        state = a_life(
            *passes,
            ("2021-05-11", "lodge_appeal", {"body": "administrative_tribunal"}),
            ("2021-05-12", "lodge_appeal", {"body": "gracious"}),
            ("2021-05-20", "decide_appeal", UPHELD | {"body": "gracious"}),
            filed="2021-03-01",
        )
        assert answers(state, "2021-05-20") == [
            ("administrative_tribunal", "withdrawn"),
            ("gracious", "upheld"),
        ]
        assert state.now.appeal_status in {"upheld", "withdrawn"}


def test_two_appeals_to_one_body_are_rejected_by_silence_each_on_its_own_day() -> None:
    """One against the refusal, one against the revocation that came after the silence; a pass records both."""
    state = a_life(
        ("2021-05-05", "lodge_appeal", {"body": "gracious"}),
        ("2021-07-06", "refuse_application", REASONS),
        ("2021-07-07", "lodge_appeal", {"body": "gracious"}),
        ("2021-09-10", "run_clock", {}),
        filed="2021-03-01",
    )
    days = [answer.on for _, answer in state.now.appeals if answer is not None]
    assert days == [date(2021, 7, 5), date(2021, 9, 6)]
    recorded = [x.effective_on for _, x in state.history if x.NAME == "permit.appeal_decided"]
    assert recorded == days


def test_a_recourse_rejected_before_the_decision_was_notified_gives_no_second_day() -> None:
    """Its answer came before the first day had even begun to be counted; that one is certain."""
    state = a_life(
        ("2019-02-11", "refuse_application", REASONS),
        ("2019-02-12", "lodge_appeal", {"body": "gracious"}),  # silence rejects it on 14 April
        ("2019-05-06", "notify_decision", {"mode": "written", "proof": "signed"}),
    )
    until = closing(state.now, "administrative_tribunal")
    assert until is not None
    assert (until.first, until.recourse, until.last) == (date(2019, 5, 22), None, date(2019, 5, 22))


def test_an_appeal_against_a_silence_that_was_annulled_is_none_against_the_next_one() -> None:
    """The request is examined anew, and every body may be seised of the new silence in its own time."""
    state = a_life(
        ("2021-05-04", "lodge_appeal", {"body": "gracious"}),
        ("2021-05-05", "decide_appeal", UPHELD),
        ("2021-07-07", "run_clock", {}),
        filed="2021-03-01",
    )
    assert state.now.application_status == "implicitly_refused"
    until = closing(state.now, "administrative_tribunal")
    assert until is not None
    assert until.recourse is None


def test_the_second_day_for_the_tribunal_follows_the_first_recourse_that_was_lodged() -> None:
    """By the days on which they were lodged, not by the order in which they were recorded."""
    state = a_life(
        ("2021-07-05", "lodge_appeal", {"body": "hierarchical"}),
        ("2021-05-04", "lodge_appeal", {"body": "gracious"}),  # silence rejected it on 4 July
        filed="2021-03-01",
    )
    until = closing(state.now, "administrative_tribunal")
    assert until is not None
    assert until.recourse is not None
    assert (until.recourse.body, until.first, until.second) == (
        "gracious",
        date(2021, 7, 5),
        date(2021, 9, 3),
    )
