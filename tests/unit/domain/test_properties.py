"""What must hold of every history, tried on many of them, drawn on the days where something ends."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import (
    AppealDecided,
    ApplicationLodged,
    DecisionNotified,
    Issued,
    RenewalRequested,
    Renewed,
)
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.deadlines import deadlines
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.view import view
from tests.unit.domain.lives import EXPRESS, NAMES, ONE_DAY, PERMIT, File, _days_of, _fields, _wait, lives

# --- what is promised to the holder -----------------------------------------------------------------------


def _annulled(file: File) -> set[int]:
    return {
        x.decision_version for _, x in file.history if isinstance(x, AppealDecided) and x.outcome == "upheld"
    }


def _regularly_notified(file: File, version: int) -> date | None:
    days = [
        x.effective_on
        for _, x in file.history
        if isinstance(x, DecisionNotified)
        and x.decision_version == version
        and x.mode in {"written", "electronic"}
        and x.proven
    ]
    return min(days, default=None)


def _promised(file: File, day: date) -> str | None:
    """Why the stay must be lawful on a day, read from the events alone; none where nothing is promised."""
    annulled = _annulled(file)
    for version, x in file.history:
        if x.NAME == "permit.revoked" and version not in annulled:
            told = _regularly_notified(file, version)
            if told is not None and told <= day:
                return None
    requests = [
        (version, x)
        for version, x in file.history
        if isinstance(x, ApplicationLodged | RenewalRequested) and x.effective_on <= day
    ]
    for number, (version, request) in enumerate(requests):
        if isinstance(request, RenewalRequested) and not request.timely:
            continue
        later = requests[number + 1][0] if number + 1 < len(requests) else len(file.history) + 1
        if later <= len(file.history):
            continue  # a later request takes its place
        if request.missing and request.effective_on >= date(2020, 9, 28):
            continue  # may have been returned
        decided = False
        for at, x in file.history[version:]:
            if x.NAME in EXPRESS | {"permit.implicitly_granted"} and at not in annulled:
                refusal = x.NAME in {"permit.refused", "permit.renewal_refused"}
                since = _regularly_notified(file, at) if refusal else x.effective_on
                decided = decided or (since is not None and since <= day)
        if not decided:
            return f"request {version} of {request.effective_on} is undecided"
    return None


@given(lives(steps=18))
def test_a_person_who_filed_in_time_has_lawful_stay_until_a_notified_decision(file: File) -> None:
    """From a timely filing to the grant, or to the regular notification of a refusal, every day is lawful."""
    for day in _days_of(file):
        why = _promised(file, day)
        if why is not None:
            assert file.look(day)[2], f"not lawful on {day} although {why}"


@given(lives(where="MA", steps=20))
def test_morocco_never_grants_by_silence(file: File) -> None:
    """Whatever happens and however late the scheduler, silence in Morocco is no acceptance."""
    file.today += timedelta(days=2000)
    file.run_pass()
    assert "permit.implicitly_granted" not in file.names()
    assert file.situation().application_status != "implicitly_granted"


def _groundless(file: File, day: date) -> bool:
    """Whether, by the events alone, nothing can make the stay of a day lawful (Morocco, nothing annulled)."""
    told = {version: _regularly_notified(file, version) for version, _ in file.history}
    over = {v: on is not None and on + timedelta(days=15) < day for v, on in told.items()}
    terms = [x for _, x in file.history if isinstance(x, Issued | Renewed) and x.effective_on <= day]
    ended = all(max(x.valid_until, x.effective_on) + timedelta(days=15) < day for x in terms)
    for version, x in file.history:
        taken = x.NAME == "permit.revoked" and over[version]
        lost = x.NAME == "permit.lost_by_absence" and x.effective_on <= day
        ended = ended or taken or lost
    for version, x in file.history:
        if isinstance(x, ApplicationLodged | RenewalRequested):
            answers = [
                (v, y) for v, y in file.history if v > version and y.NAME in EXPRESS and y.effective_on <= day
            ]
            granted = any(isinstance(y, Issued | Renewed) for _, y in answers)
            if not granted and not any(over[v] for v, y in answers):
                return False
    notified = [on for v, x in file.history if x.NAME in EXPRESS | {"permit.revoked"} if (on := told[v])]
    return ended and all(on + timedelta(days=15) < day for on in notified)


@given(lives(where="MA", steps=18))
def test_no_stay_is_lawful_without_a_ground(file: File) -> None:
    """A title over, lost or withdrawn, no request waiting and the days to leave past: the stay is not lawful."""
    names = file.names()
    if _annulled(file) or "permit.return_recorded" in names or names.count("permit.exit_recorded") > 1:
        return
    file.run_pass()
    for day in _days_of(file):
        if day <= file.today and _groundless(file, day):
            assert not file.look(day)[2], f"lawful on {day} without a ground"


# --- time and the scheduler -------------------------------------------------------------------------------

ADDS = {"permit.renewed", "permit.implicitly_granted"}


@given(st.one_of(lives(steps=2), lives(steps=16, closing=True)))
def test_a_view_by_dates_is_what_a_pass_records(file: File) -> None:
    """On no day does a pass change a status or the stay, but where it grants by law or extends a receipt."""
    days = _days_of(file)
    before = {day: file.look(day) for day in days}
    drafts = {draft.kind.NAME for draft in file.run_pass()}
    if drafts & ADDS:
        return
    for day in days:
        title, application, lawful = file.look(day)
        assert (title, application) == before[day][:2], f"{day}: a pass changed the status ({drafts})"
        if drafts == {"permit.receipt_extended"}:
            assert lawful >= before[day][2]
        else:
            assert lawful == before[day][2], f"{day}: a pass changed the stay ({drafts})"


def _acts(file: File) -> list[tuple[str, date]]:
    """The history with its legal dates, but for receipts, which a daily pass extends a week ahead."""
    return [(x.NAME, x.effective_on) for _, x in file.history if x.NAME != "permit.receipt_extended"]


@given(st.one_of(lives(steps=2), lives(steps=14, closing=True)), st.integers(20, 500))
def test_one_pass_after_a_downtime_does_what_daily_passes_would_have_done(file: File, away: int) -> None:
    """Level-triggered: the same acts in the same order, and the same file at the end."""
    file.run_pass()
    daily = File(file.jurisdiction, file.category, file.today)
    daily.history, daily.permit = list(file.history), fold(PERMIT, file.history)
    for _ in range(away):
        daily.today += ONE_DAY
        daily.run_pass()
    file.today += timedelta(days=away)
    file.run_pass()
    assert file.names() == daily.names()
    assert _acts(file) == _acts(daily)
    once, often = view(file.situation()), view(daily.situation())
    assert once == often


@given(lives(steps=14, closing=True))
def test_a_second_pass_on_the_same_day_finds_nothing(file: File) -> None:
    """A pass repeats until nothing is due."""
    file.run_pass()
    assert file.run_pass() == []


@given(lives(steps=16, closing=True))
def test_time_effects_bear_their_day_and_no_later_one(file: File) -> None:
    """Each bears the pass's day or the earlier day on which it fell due, and they come in that order."""
    drafts = file.run_pass()
    days = [draft.effective_on for draft in drafts]
    assert days == sorted(days)
    assert all(day <= file.today for day in days)


@given(
    st.sampled_from([("MA", "ordinary"), ("FR", "temporary"), ("ES", "temporary")]),
    st.dates(date(2021, 6, 1), date(2024, 12, 31)),
    st.integers(1, 500),
    st.booleans(),
)
def test_silence_and_return_bear_the_day_after_the_deadline(
    where: tuple[str, str], filed: date, away: int, complete: bool
) -> None:
    """However late the pass, they act from the day after the last one, and never before it is over."""
    file = File(*where, filed)
    file.do("lodge_application", missing=[] if complete else ["photos"])
    file.today += timedelta(days=away)
    known = situation_on(file.permit, filed, file.policy.at(file.today))
    kind = "decision_due" if complete or where[0] == "FR" else "documents_due"
    acts = {"permit.implicitly_refused", "permit.implicitly_granted", "permit.application_returned"}
    due = min(d.due_on for d in deadlines(known) if d.kind in {kind, "documents_due"})
    assert due is not None
    found = [draft.effective_on for draft in file.run_pass() if draft.kind.NAME in acts]
    assert found == ([due + ONE_DAY] if file.today > due else [])


# --- the history ------------------------------------------------------------------------------------------


@given(lives(steps=18, closing=True))
def test_the_same_history_gives_the_same_file(file: File) -> None:
    """Folding a history at once is folding it event by event, and folding it twice."""
    assert fold(PERMIT, file.history) == file.permit
    again = fold(PERMIT, file.history)
    assert again is not None
    for day in _days_of(file):
        assert view(situation_on(again, day, file.policy.at(file.today))) == view(file.situation(day))


@given(lives(steps=18))
def test_no_deadline_starts_from_an_irregular_notification(file: File) -> None:
    """Without a regular notification no departure runs, and no appeal closes but after a silence."""
    regular = any(
        isinstance(x, DecisionNotified) and x.proven and x.mode in {"written", "electronic"}
        for _, x in file.history
    )
    if regular:
        return
    for day in _days_of(file):
        s = file.situation(day)
        kinds = {d.kind for d in deadlines(s)}
        assert "departure_due" not in kinds
        if s.implicit_on is None:
            assert "appeal_closes" not in kinds


@given(st.data(), lives(steps=10))
def test_closed_stays_closed(data: st.DataObject, file: File) -> None:
    """After a file is closed nothing is recorded but the notification of an earlier decision, and it stays closed."""
    try:
        file.do("close_permit", reason="departed")
    except PermitsError:
        return
    closed_on, length = file.today, len(file.history)
    for _ in range(6):
        _wait(data.draw, file)
        name = data.draw(st.sampled_from(NAMES))
        if name == "notify_decision":
            continue
        with pytest.raises(PermitsError):
            file.do(name, **_fields(data.draw, name, file.situation()))
        assert file.run_pass() == []
    assert len(file.history) == length
    for day in _days_of(file):
        if day >= closed_on:
            assert file.look(day)[0::2] == ("closed", False)


@given(lives(steps=20, closing=True))
def test_terms_follow_each_other_without_a_gap_or_an_overlap(file: File) -> None:
    """Terms are numbered from 1 in order, never overlap, and no day is lost between two that follow in time."""
    assert file.permit is not None
    terms = file.permit.terms
    assert [term.number for term in terms] == list(range(1, len(terms) + 1))
    for before, after in pairwise(terms):
        request = next((r for r in file.permit.requests if before.version < r.version < after.version), None)
        in_time = request is None or file.situation().is_timely(request)
        if file.jurisdiction != "FR" or in_time:
            assert after.valid_from == before.valid_until + ONE_DAY
        assert after.valid_from <= after.valid_until
