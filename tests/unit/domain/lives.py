"""Files at random, in memory: events, fold and decide, without a store.

Commands are drawn from what the state allows and from what it does not, on days near the deadlines that run.
"""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from permits_engine.commands import parse
from permits_engine.domain.decisions.case import Draft, HolderFacts
from permits_engine.domain.decisions.decide import decide
from permits_engine.domain.decisions.lifecycle import TRANSITION_OF, allowed_commands
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import (
    Actor,
    Corrected,
    Event,
)
from permits_engine.domain.permit.by_law import situation_on
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

    def __init__(self, jurisdiction: str, category: str, start: date, known: date | None = None) -> None:
        """``known``: every rule published by that day is known from the first one (else: those known today)."""
        self.policy, self.known = POLICIES[jurisdiction], known
        self.jurisdiction, self.category, self.today = jurisdiction, category, start
        self.history: list[tuple[int, Event]] = []
        self.permit: Permit | None = None
        self.passed_on: date | None = None

    def situation(self, day: date | None = None) -> Situation:
        """What holds on a day, as known today."""
        assert self.permit is not None
        return situation_on(self.permit, day or self.today, self.policy.at(self.known or self.today))

    def look(self, day: date) -> tuple[str, str, bool]:
        """What a pass must not change about a day."""
        shown = view(self.situation(day))
        return shown.title_status, shown.application_status, shown.lawful_stay

    def do(self, name: str, *, on: date | None = None, **fields: Any) -> list[Draft]:
        """Decide a command by an actor who may give it, and fold what follows."""
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
            known=self.known,
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
            if name == "decide_appeal" and s.answerable:
                body = s.answerable[-1].body
        roles = roles_for(self.policy.at(self.known or self.today), on, name, body)
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
