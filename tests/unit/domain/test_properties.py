"""What must hold of every history, tried on thousands of them, drawn on the days where something ends.

The files here live in memory: events, fold and decide, without a store. Commands are drawn from what the
state allows and from what it does not, on days near the deadlines that run.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.commands import parse
from permits_engine.domain.decisions.case import Draft, HolderFacts
from permits_engine.domain.decisions.decide import decide
from permits_engine.domain.decisions.lifecycle import TRANSITION_OF, allowed_commands
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import (
    Actor,
    AppealDecided,
    ApplicationLodged,
    Corrected,
    DecisionNotified,
    Event,
    Issued,
    RenewalRequested,
    Renewed,
)
from permits_engine.domain.permit.deadlines import deadlines
from permits_engine.domain.permit.fold import apply, fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.permit.view import view
from permits_engine.domain.rules.competence import roles_for
from permits_engine.policies.loading import compile_text, packaged

POLICIES = {code: compile_text(packaged(code)) for code in ("MA", "FR", "ES")}
OFFICES = {"MA": "MA-RAB", "FR": "FR-69", "ES": "ES-M"}
PERMIT, HOLDER = "018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002"
ONE_DAY = timedelta(days=1)

STARTS = [
    ("MA", "regularisation-2014", date(2014, 1, 2)),
    ("MA", "regularisation-2014", date(2014, 8, 31)),
    ("MA", "regularisation-2016", date(2016, 12, 15)),
    ("MA", "ordinary", date(2016, 2, 1)),
    ("MA", "ordinary", date(2020, 9, 28)),
    ("MA", "ordinary", date(2023, 4, 3)),
    ("FR", "temporary", date(2024, 1, 2)),
    ("ES", "temporary", date(2024, 2, 29)),
]
LISTED = ["passport-copy", "photos", "means", "criminal-record"]
ASKED = ["passport-original", "means-original", "photos", "bank-statement"]
REASONS = {"reasons_in_fact": "a finding", "reasons_in_law": "an article"}
EXPRESS = {"permit.issued", "permit.renewed", "permit.refused", "permit.renewal_refused"}


class File:
    """One permit file in memory, with a clock of its own."""

    def __init__(self, jurisdiction: str, category: str, start: date) -> None:
        self.policy = POLICIES[jurisdiction]
        self.jurisdiction, self.category, self.today = jurisdiction, category, start
        self.history: list[tuple[int, Event]] = []
        self.permit: Permit | None = None
        self.passed_on: date | None = None

    def situation(self, day: date | None = None) -> Situation:
        """What holds on a day, as known today."""
        assert self.permit is not None
        return Situation(self.permit, day or self.today, self.policy.at(self.today))

    def look(self, day: date) -> tuple[str, str, bool]:
        """What a pass must not change about a day."""
        shown = view(self.situation(day))
        return shown.title_status, shown.application_status, shown.lawful_stay

    def do(self, name: str, *, on: date | None = None, **fields: Any) -> list[Draft]:
        """Decide a command by whoever may give it, and fold what follows."""
        if name == "lodge_application":
            fields |= {"holder_id": HOLDER, "jurisdiction": self.jurisdiction, "category": self.category}
            fields["prefecture"] = OFFICES[self.jurisdiction]
        elif name != "run_clock":
            fields["permit_id"] = PERMIT
        command = _clock(on or self.today) if name == "run_clock" else parse(name, {"on": on, **fields})
        target = dict(self.history).get(fields.get("of_version", 0))
        drafts = decide(
            name,
            command,
            self.permit,
            HolderFacts(),
            self.policy,
            self._actor(name, fields, on or self.today),
            today=self.today,
            target=target,
        )
        for draft in drafts:
            self._fold(draft)
        return drafts

    def _actor(self, name: str, fields: dict[str, Any], on: date) -> Actor:
        body = fields.get("body") if name == "record_opinion" else None
        office = OFFICES[self.jurisdiction]
        if self.permit is not None:
            s = self.situation(on)
            office = s.prefecture
            if name == "decide_appeal" and s.pending_appeal is not None:
                body = s.pending_appeal.body
        roles = roles_for(self.policy.at(self.today), on, name, body)
        return Actor("somebody", next(iter(roles), "counter"), office)

    def _fold(self, draft: Draft) -> None:
        event = draft.kind(
            event_id="",
            effective_on=draft.effective_on,
            actor=Actor("somebody", "counter"),
            operator="test",
            correlation_id="",
            **draft.fields,
        )
        self.history.append((len(self.history) + 1, event))
        if self.permit is None or isinstance(event, Corrected):
            self.permit = fold(PERMIT, self.history)
        else:
            apply(self.permit, len(self.history), event)

    def run_pass(self) -> list[Draft]:
        """One pass of the scheduler today."""
        self.passed_on = self.today
        return self.do("run_clock")

    def names(self) -> list[str]:
        """The event names of the history."""
        return [event.NAME for _, event in self.history]


def _clock(on: date) -> Any:
    from permits_engine.commands import RunClock

    return RunClock(permit_id=PERMIT, on=on)


def _fields(draw: Any, name: str, s: Situation) -> dict[str, Any]:
    """Fields of a command as an office might give them, right or wrong."""
    some = lambda codes: draw(st.lists(st.sampled_from(codes), min_size=1, max_size=2, unique=True))  # noqa: E731
    request = s.request
    wanted = sorted(request.missing) if request and request.missing else LISTED
    if request and request.asks:
        wanted = sorted(request.asks[-1].documents)
    if name in {"refuse_application", "refuse_renewal"}:
        return dict(REASONS)
    if name == "revoke_permit":
        return {"ground": "public-order", **REASONS}
    if name == "notify_decision":
        mode = draw(st.sampled_from(["written", "written", "electronic", "oral"]))
        return {"mode": mode, "proof": draw(st.sampled_from(["signed", "signed", None]))}
    if name == "lodge_appeal":
        return {
            "body": draw(
                st.sampled_from(
                    ["administrative_tribunal", "gracious", "hierarchical", "national_commission"]
                )
            )
        }
    if name == "decide_appeal":
        return {"outcome": draw(st.sampled_from(["upheld", "dismissed", "withdrawn"])), "reasons": "because"}
    if name == "record_opinion":
        return {"body": "local_commission", "favourable": draw(st.booleans()), "reasons": "seen"}
    if name == "request_renewal":
        return {"missing": draw(st.sampled_from([[], [], ["photos"]]))}
    choices: dict[str, dict[str, Any]] = {
        "supply_documents": {"documents": wanted} if draw(st.booleans()) else {"documents": some(wanted)},
        "request_documents": {"documents": some(ASKED), "reason": "a doubt"},
        "extend_decision": {
            "reason": "expertise",
            "until": s.day + timedelta(days=draw(st.integers(1, 120))),
        },
        "transfer_file": {"prefecture": OFFICES[s.permit.jurisdiction]},
        "replace_card": {"reason": "lost"},
        "close_permit": {"reason": draw(st.sampled_from(["naturalised", "departed", "other_title"]))},
    }
    return choices.get(name, {})


NAMES = sorted(set(TRANSITION_OF) - {"run_clock", "correct_record", "close_permit"})
SELDOM = {
    "transfer_file",
    "replace_card",
    "record_exit",
    "request_documents",
    "extend_decision",
    "record_opinion",
}
GAPS = [0, 1, 2, 5, 9, 14, 15, 16, 21, 31, 45, 61, 75, 92, 120, 184, 366]


def _wait(draw: Any, file: File) -> None:
    """Let time pass: by a common length, or to the day before, of or after a deadline."""
    ends = [d.due_on for d in deadlines(file.situation()) if d.due_on is not None]
    receipt = file.situation().receipt
    ends += [receipt.until - timedelta(days=7)] if receipt is not None else []
    jump = timedelta(days=draw(st.sampled_from(GAPS)))
    if ends and draw(st.booleans()):
        end = draw(st.sampled_from(ends)) + timedelta(days=draw(st.sampled_from([-1, 0, 1])))
        jump = max(timedelta(0), end - file.today)
    file.today += min(jump, timedelta(days=1200))


def _try(draw: Any, file: File, *, closing: bool) -> None:
    """Give one command, mostly one that the state allows; a refusal changes nothing."""
    s, seldom = file.situation(), draw(st.integers(0, 3)) == 3
    allowed = [name for name in allowed_commands(s) if name in NAMES and (seldom or name not in SELDOM)]
    names = allowed if allowed and draw(st.integers(0, 7)) else NAMES
    name = "close_permit" if closing and draw(st.integers(0, 29)) == 29 else draw(st.sampled_from(names))
    back = draw(st.sampled_from([0, 0, 0, 0, 1, 3, 20, 100]))
    on = max(file.today - timedelta(days=back), file.history[0][1].effective_on)
    before, length = fold(PERMIT, file.history), len(file.history)
    try:
        file.do(name, on=on, **_fields(draw, name, s))
    except PermitsError:
        assert len(file.history) == length
        assert file.permit == before, "a refused command changed the file"


def _begin(draw: Any, file: File) -> None:
    """File the application; most lives go on from a title, and many of these from a request to renew it."""
    campaign = file.category.startswith("regularisation")
    missing = [] if campaign else draw(st.sampled_from([[], [], ["photos"], ["means", "photos"]]))
    file.do("lodge_application", missing=missing, criterion="R5" if campaign else None)
    stage = draw(st.integers(0, 5))
    if campaign:
        file.do("record_opinion", body="local_commission", favourable=stage > 0, reasons="seen")
    if stage >= 2 and not missing:
        file.today += timedelta(days=draw(st.integers(0, 40)))
        file.do("issue_permit")
    if stage >= 4 and not missing:
        term = file.situation().term
        assert term is not None
        file.today = term.valid_until - timedelta(days=draw(st.integers(-15, 100)))
        try:
            file.do("request_renewal", missing=draw(st.sampled_from([[], [], ["photos"]])))
        except PermitsError:  # the window of that country is not open on the day
            file.today += timedelta(days=30)


def _play(draw: Any, *, steps: int = 14, passes: bool = True, closing: bool = False, where: str = "") -> File:
    """A file with a random life."""
    starts = [start for start in STARTS if start[0].startswith(where)]
    file = File(*draw(st.sampled_from(starts)))
    _begin(draw, file)
    for _ in range(draw(st.integers(steps // 2, steps))):
        if draw(st.booleans()):
            _wait(draw, file)
        if passes and draw(st.integers(0, 3)) == 0:
            file.run_pass()
        else:
            _try(draw, file, closing=closing)
    return file


@st.composite
def lives(draw: Any, **how: Any) -> File:
    """Files with random lives."""
    return _play(draw, **how)


def _days_of(file: File) -> list[date]:
    """Days worth a look: around every event, every deadline, and some years ahead."""
    found = {file.today + timedelta(days=n) for n in (0, 1, 8, 40, 100, 200, 400, 1500)}
    for _, event in file.history:
        found |= {event.effective_on + timedelta(days=n) for n in (-1, 0, 1, 10, 16, 17, 40)}
    for deadline in deadlines(file.situation()):
        if deadline.due_on is not None:
            found |= {deadline.due_on, deadline.due_on + ONE_DAY}
    first = file.history[0][1].effective_on
    return sorted(day for day in found if day >= first)


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
def test_whoever_filed_in_time_has_no_day_without_lawful_stay_before_a_notified_decision(file: File) -> None:
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
    ended = all(x.valid_until + timedelta(days=15) < day for x in terms)
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
def test_nobody_is_lawful_without_a_ground(file: File) -> None:
    """A title over, lost or withdrawn, no request waiting and the days to leave past: the stay is not lawful."""
    if _annulled(file) or "permit.return_recorded" in file.names():
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
def test_acts_of_the_clock_bear_their_day_and_no_later_one(file: File) -> None:
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
    known = Situation(file.permit, filed, file.policy.at(file.today))
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
        assert view(Situation(again, day, file.policy.at(file.today))) == view(file.situation(day))


@given(lives(steps=18))
def test_no_clock_starts_from_an_irregular_notification(file: File) -> None:
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
