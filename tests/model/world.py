"""The world that the model check walks: a file, a day, the commands that may be given, the days that matter.

Everything is pure: the folded file, ``decide`` and ``apply``, without store, clock or scheduler process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from typing import Any

from msgspec.structs import replace

from permits_engine.commands import Command, RunClock, parse
from permits_engine.domain.decisions.case import Draft, HolderFacts
from permits_engine.domain.decisions.decide import decide
from permits_engine.domain.decisions.time_effects import next_effect_day
from permits_engine.domain.events import Actor, Basis, Corrected, DecisionNotified, Event
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.deadlines import Deadline, deadlines
from permits_engine.domain.permit.fold import apply, fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.competence import roles_for
from permits_engine.policies.loading import compile_text, packaged

PERMIT = "018f0000-0000-7000-8000-000000000001"
SECOND = "018f0000-0000-7000-8000-000000000003"
HOLDER = "018f0000-0000-7000-8000-000000000002"
POLICIES = {code: compile_text(packaged(code)) for code in ("MA", "FR", "ES")}
OFFICES = {"MA": "MA-RAB", "FR": "FR-69", "ES": "ES-M"}
DAY = timedelta(days=1)
REASONS = {"reasons_in_fact": "a finding", "reasons_in_law": "an article"}
BLANK = {"reasons_in_fact": "a finding", "reasons_in_law": " "}
WHO = Actor("somebody", "counter")
BODIES = ("administrative_tribunal", "gracious", "hierarchical", "national_commission")


@dataclass(frozen=True)
class Act:
    """One step: a command with its fields on a legal day, or (without a command) days that pass until ``on``."""

    command: str | None
    on: date
    fields: tuple[tuple[str, Any], ...] = ()
    second: bool = False
    """On the person's second file."""


@dataclass
class State:
    """A file on a day, and how it came to it."""

    permit: Permit
    today: date
    jurisdiction: str
    history: tuple[tuple[int, Event], ...]
    before: State | None = None
    act: Act | None = None
    depth: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    second: Permit | None = None
    """Another file of the same person, in a world of two."""

    @cached_property
    def now(self) -> Situation:
        """What holds today."""
        return self.at(self.today)

    @cached_property
    def clocks(self) -> list[Deadline]:
        """The deadlines that run today."""
        return deadlines(self.now)

    def at(self, day: date) -> Situation:
        """What holds on a day, as known today."""
        others = () if self.second is None else (self.second,)
        return situation_on(self.permit, day, POLICIES[self.jurisdiction].at(self.today), others=others)

    def of_second(self, day: date) -> Situation:
        """What holds for the second file on a day, as known today."""
        assert self.second is not None
        rules = POLICIES[self.jurisdiction].at(self.today)
        return situation_on(self.second, day, rules, others=(self.permit,))

    def situation(self, day: date) -> Situation:
        """What holds on a day, kept for today."""
        return self.now if day == self.today else self.at(day)

    def path(self) -> list[State]:
        """The states from the filing to this one."""
        found: list[State] = []
        state: State | None = self
        while state is not None:
            found.append(state)
            state = state.before
        return found[::-1]


@cache
def _command(name: str, on: date, fields: tuple[tuple[str, Any], ...]) -> Command:
    given = {key: dict(value) if key == "exclusion" else value for key, value in fields}
    if name == "run_clock":
        return RunClock(permit_id=PERMIT, on=on)
    if name != "lodge_application":
        given["permit_id"] = PERMIT
    return parse(name, {"on": on, **given})


@cache
def _role(jurisdiction: str, on: date, known: date, name: str, body: str | None) -> str:
    return next(iter(roles_for(POLICIES[jurisdiction].at(known), on, name, body)), "counter")


def _copied(permit: Permit) -> Permit:
    """A copy on which events may be folded without touching the first; what never changes is shared."""
    return replace(
        permit,
        offices=list(permit.offices),
        requests=[
            replace(r, supplies=list(r.supplies), asks=list(r.asks), opinions=list(r.opinions))
            for r in permit.requests
        ],
        decisions=[replace(d, notifications=list(d.notifications)) for d in permit.decisions],
        terms=list(permit.terms),
        receipts=list(permit.receipts),
        appeals=[replace(a, notifications=list(a.notifications)) for a in permit.appeals],
        absences=[replace(a) for a in permit.absences],
        lapses=list(permit.lapses),
        losses=list(permit.losses),
        facts=list(permit.facts),
        removals=[replace(r, appeals=[replace(a) for a in r.appeals]) for r in permit.removals],
        bans=[replace(b) for b in permit.bans],
        dependents=list(permit.dependents),
        principals=list(permit.principals),
        names=list(permit.names),
        set_aside=list(permit.set_aside),
    )


def lodged(jurisdiction: str, category: str, day: date, missing: tuple[str, ...] = ()) -> State:
    """The file at its beginning."""
    act = filing(jurisdiction, category, day, missing)
    actor = Actor("somebody", "counter", OFFICES[jurisdiction])
    command = _command("lodge_application", day, act.fields)
    drafts = decide(
        "lodge_application", command, None, HolderFacts(), POLICIES[jurisdiction], actor, today=day
    )
    history = tuple((n, _event(draft)) for n, draft in enumerate(drafts, 1))
    permit = fold(PERMIT, history)
    assert permit is not None
    return State(permit, day, jurisdiction, history, act=act)


def filing(jurisdiction: str, category: str, day: date, missing: tuple[str, ...] = ()) -> Act:
    """The command that opens a file."""
    return Act(
        "lodge_application",
        day,
        (
            ("holder_id", HOLDER),
            ("jurisdiction", jurisdiction),
            ("category", category),
            ("prefecture", OFFICES[jurisdiction]),
            ("criterion", "R5" if category.startswith("regularisation") else None),
            ("missing", missing),
        ),
    )


def _event(draft: Draft) -> Event:
    return draft.kind(
        event_id="", effective_on=draft.effective_on, actor=WHO, operator="model", correlation_id="",
        basis=Basis("", draft.rules), **draft.fields,
    )  # fmt: skip


def decided(state: State, act: Act) -> list[Draft]:
    """What a command leads to; raises the error of the rule that refuses it."""
    assert act.command is not None
    if act.second:
        return _of_second(state, act)
    fields, s = dict(act.fields), None
    body = fields.get("body") if act.command == "record_opinion" else None
    if act.command == "decide_appeal":
        s = state.situation(act.on)
        body = s.answerable[-1].body if s.answerable else None
        body = "administrative_tribunal" if fields.get("against") == "removal" else body
    role = _role(state.jurisdiction, act.on, state.today, act.command, body)
    office = state.permit.prefecture(act.on)
    target = None
    if act.command == "correct_record":
        target = state.history[fields["of_version"] - 1][1]
    command = _command(act.command, act.on, act.fields)
    actor = Actor("somebody", role, office)
    files = () if state.second is None else (state.second,)
    return decide(
        act.command, command, state.permit, HolderFacts(files=files), POLICIES[state.jurisdiction], actor,
        today=state.today, target=target,
    )  # fmt: skip


def _of_second(state: State, act: Act) -> list[Draft]:
    """What a command on the second file leads to; its files are looked at together."""
    assert act.command is not None
    command = _command(act.command, act.on, act.fields)
    role = _role(state.jurisdiction, act.on, state.today, act.command, None)
    actor = Actor("somebody", role, OFFICES[state.jurisdiction])
    facts = HolderFacts(files=(state.permit,))
    policy = POLICIES[state.jurisdiction]
    return decide(act.command, command, state.second, facts, policy, actor, today=state.today)


def after(state: State, act: Act, drafts: list[Draft]) -> State:
    """The state after a command's events, folded one by one onto a copy."""
    if act.second:
        new = [
            (n, _event(draft))
            for n, draft in enumerate(drafts, (state.second.version if state.second else 0) + 1)
        ]
        second = fold(SECOND, new) if state.second is None else _copied(state.second)
        assert second is not None
        for number, event in new if state.second is not None else ():
            apply(second, number, event)
        return dataclasses.replace(
            state, before=state, act=act, depth=state.depth + 1, memory={}, second=second
        )
    history, version = list(state.history), state.permit.version
    new = [(version + n, _event(draft)) for n, draft in enumerate(drafts, 1)]
    history += new
    if any(isinstance(event, Corrected) for _, event in new):
        permit = fold(PERMIT, history)
        assert permit is not None
    else:
        permit = _copied(state.permit)
        for number, event in new:
            apply(permit, number, event)
    return dataclasses.replace(
        state, permit=permit, history=tuple(history), before=state, act=act, depth=state.depth + 1, memory={}
    )


def waited(state: State, day: date) -> State:
    """The same file on a later day."""
    act = Act(None, day)
    return dataclasses.replace(state, today=day, before=state, act=act, depth=state.depth + 1, memory={})


# --- the days that matter -----------------------------------------------------------------------------------


def days_ahead(state: State) -> list[date]:
    """The last day of each deadline that runs and the day after it, and when the clock next has to act."""
    s, found = state.now, set()
    more = deadlines(state.of_second(state.today)) if state.second is not None else []
    for deadline in [*state.clocks, *more]:
        due = deadline.due_on or (deadline.due_at.date() if deadline.due_at is not None else None)
        if due is not None:
            found |= {due, due + DAY}
    acts = next_effect_day(s)
    if acts is not None:
        found.add(acts)
    return sorted(day for day in found if day > state.today)


# --- the commands -------------------------------------------------------------------------------------------


def commands(state: State) -> Iterator[Act]:
    """Every command that may be tried, with the fields and days that tell cases apart."""
    today, request = state.today, state.now.request

    def act(name: str, on: date = today, /, **fields: Any) -> Act:
        return Act(name, on, tuple(fields.items()))

    wanted = sorted(request.missing) if request and request.missing else []
    if request is not None and request.asks:
        wanted = sorted(request.asks[-1].documents)
    yield act("run_clock")
    yield act("supply_documents", documents=tuple(wanted or ["photos"]))
    if len(wanted) > 1:
        yield act("supply_documents", documents=(wanted[0],))
    yield act("request_documents", documents=("passport-original",), reason="a doubt")
    yield act("request_documents", documents=("lease",), reason="practice")
    yield act("extend_decision", reason="inquiry", until=today + timedelta(days=90))
    for favourable in (True, False):
        yield act("record_opinion", body="local_commission", favourable=favourable, reasons="seen")
    yield act("issue_permit")
    yield act("reopen_examination")
    yield act("request_renewal", missing=())
    yield act("request_renewal", missing=("means",))
    yield act("renew_permit")
    yield act("renew_permit", term="P1Y")
    yield act("renew_permit", term="P1Y", exclusion=tuple({"fact": "a judgment", **REASONS}.items()))
    for reasons in (REASONS, BLANK):
        yield act("refuse_application", **reasons)
        yield act("refuse_renewal", **reasons)
        yield act(
            "revoke_permit",
            ground="judicial-ban" if state.jurisdiction == "MA" else "public-order",
            **reasons,
        )
    yield act("notify_decision", mode="written", proof="signed")
    yield act("notify_decision", mode="oral")
    for body in BODIES:
        yield act("lodge_appeal", body=body)
    for outcome in ("upheld", "dismissed", "withdrawn"):
        yield act("decide_appeal", outcome=outcome, reasons="because")
    yield act("record_exit")
    yield act("record_return")
    yield act("replace_card", reason="lost")
    for reason in ("naturalised", "departed"):
        yield act("close_permit", reason=reason)
    yield from _removal(state, act)
    yield from _late(state, act)
    yield from _on_second(state)


def _removal(state: State, act: Any) -> Iterator[Act]:
    told = datetime.combine(state.today, time(0, 30), UTC)
    if state.jurisdiction != "MA":
        return
    yield act(
        "record_fact",
        kind="pregnant",
        since=state.today,
        until=state.today + timedelta(days=200),
        evidence="seen",
    )
    yield act("order_removal", ground="overstay", notified_at=told)
    yield act("order_removal", ground="grave-threat", notified_at=told)
    yield act("carry_out_removal", at=told)
    yield act("annul_removal")
    yield act("order_entry_ban", until=state.today + timedelta(days=300), observations="heard", **REASONS)
    yield act("lift_entry_ban", reasons="spent")
    yield act("lodge_appeal", body="administrative_tribunal", against="removal", at=told)
    for outcome in ("upheld", "dismissed"):
        yield act("decide_appeal", outcome=outcome, reasons="because", against="removal")


def _on_second(state: State) -> Iterator[Act]:
    """What an office may do on the person's second file, in a world of two."""
    if not state.memory.get("two"):
        return
    if state.second is None:
        first = state.permit
        yield dataclasses.replace(filing(first.jurisdiction, first.category, state.today), second=True)
        return
    for name, fields in (
        ("issue_permit", {}),
        ("refuse_application", REASONS),
        ("notify_decision", {"mode": "written", "proof": "signed"}),
    ):
        yield Act(name, state.today, tuple(fields.items()), second=True)


def _late(state: State, act: Any) -> Iterator[Act]:
    """Facts recorded today that happened on an earlier day, and corrections of what was recorded wrongly."""
    today, p = state.today, state.permit
    decisions = [d for d in p.decisions if d.on < today]
    if decisions:
        yield act("notify_decision", decisions[-1].on, mode="written", proof="signed")
    request = p.requests[-1]
    if request.filed_on < today:
        yield act(
            "supply_documents", request.filed_on, documents=tuple(sorted(request.missing)) or ("photos",)
        )
        yield act("refuse_application", request.filed_on, **REASONS)
        yield act("refuse_renewal", request.filed_on, **REASONS)
        yield act("renew_permit", request.filed_on)
        yield act("request_renewal", request.filed_on - DAY, missing=())
    if decisions and decisions[-1].on > p.requests[0].filed_on:
        yield act("request_renewal", decisions[-1].on - DAY, missing=())
    if p.absences and p.absences[-1].out < today:
        yield act("record_return", p.absences[-1].out + DAY)
    for version, event in reversed(state.history):
        if isinstance(event, DecisionNotified) and event.mode == "written":
            yield act("correct_record", of_version=version, field="mode", value="oral", reason="it was said")
            return
