"""A file's life through time: the days that are visited, what time does on each, and where the file ends."""

from datetime import date, timedelta

import pytest

from permits_engine.domain.decisions import timeline
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.view import view
from tests.model.lives import a_life
from tests.model.world import PERMIT, POLICIES, REASONS, State

ONE_DAY = timedelta(days=1)
GRANTED = ("2019-02-04", "issue_permit", {})
MISSING = ("2020-01-06", "request_renewal", {"missing": ("passport-copy",)})
TOLD = ("2019-02-12", "notify_decision", {"mode": "written", "proof": "signed"})
LIVES = {
    "filed": a_life(),
    "granted": a_life(GRANTED),
    "incomplete": a_life(GRANTED, MISSING),
    "refused": a_life(("2019-02-11", "refuse_application", REASONS), TOLD),
    "campaign": a_life(filed="2016-12-19", category="regularisation-2016"),
    "by silence": a_life(filed="2024-01-08", where="ES"),
}


@pytest.mark.parametrize("state", LIVES.values(), ids=LIVES.keys())
def test_the_days_visited_tell_what_a_visit_on_every_day_tells(state: State) -> None:
    """The same effects and messages, each first seen on the same day, and the same file at the end."""
    policy, end = POLICIES[state.jurisdiction], state.today + timedelta(days=900)
    seldom, daily = fold(PERMIT, state.history), fold(PERMIT, state.history)
    assert seldom is not None
    assert daily is not None
    told: dict[str, date] = {}
    effects = []
    for moment in timeline.advance(seldom, policy, state.today, end):
        effects += [(x.kind.NAME, x.effective_on) for x in moment.effects]
        for each in moment.notices:
            told.setdefault(each.key(PERMIT), moment.situation.day)
    day, found, due = state.today, [], {}
    while day <= end:
        s, drafts = timeline.settle(daily, policy, day)
        found += [(x.kind.NAME, x.effective_on) for x in drafts]
        for each in notices.due(s):
            due.setdefault(each.key(PERMIT), day)
        day += ONE_DAY
    assert effects == found
    assert told == due
    assert view(situation_on(seldom, end, policy.at(end))) == view(situation_on(daily, end, policy.at(end)))


def test_a_day_is_settled_once() -> None:
    """The second time nothing is due any more."""
    permit = fold(PERMIT, a_life(GRANTED).history)
    assert permit is not None
    policy, day = POLICIES["MA"], date(2020, 6, 1)
    s, effects = timeline.settle(permit, policy, day)
    assert [each.kind.NAME for each in effects] == ["permit.lapsed"]
    assert s.permit is permit
    assert timeline.settle(permit, policy, day)[1] == []


def test_effects_are_folded_into_a_fork_without_touching_the_file() -> None:
    """A decision leaves the file that it looks at as it is."""
    for state in LIVES.values():
        permit = state.permit
        before = fold(PERMIT, state.history)
        timeline.settle(timeline.fork(permit), POLICIES[state.jurisdiction], date(2030, 1, 1))
        assert permit == before


def test_a_file_can_be_watched_as_it_is_recorded() -> None:
    """Without effects the messages are those of the history alone, and nothing is folded."""
    state = a_life(GRANTED)
    version = state.permit.version
    kinds = {
        each.kind
        for moment in timeline.advance(
            state.permit, POLICIES["MA"], date(2019, 2, 4), date(2020, 12, 31), effects=False
        )
        for each in moment.notices
    }
    assert kinds == {"renewal_reminder"}
    assert state.permit.version == version


def test_a_closed_file_has_no_day_ahead() -> None:
    """Nothing falls due on it any more, whatever the rules become."""
    state = a_life(GRANTED, ("2019-03-04", "close_permit", {"reason": "departed"}))
    [moment] = timeline.advance(state.permit, POLICIES["MA"], date(2019, 3, 4), date(2030, 1, 1))
    assert (moment.effects, moment.notices, moment.next_day) == ([], [], None)
