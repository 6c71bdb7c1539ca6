"""The lifecycle as one table: command × state → who may, what must hold, what happens, what follows.

``decide`` is pure: the file, the little that matters of the holder, the command, the rules and the actor in;
drafts of events out. It reads no clock, no store and no personal data.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from permits_engine.domain.decisions import applications
from permits_engine.domain.decisions.case import Case, Draft, HolderFacts, not_allowed
from permits_engine.domain.decisions.lifecycle import (
    DECISION,
    TRANSITION_OF,
    Transition,
    allowed_commands,
    is_possible,
)
from permits_engine.domain.errors import RuleError, error, invalid
from permits_engine.domain.events import Actor, Event
from permits_engine.domain.permit import removal
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.competence import competence_error
from permits_engine.domain.rules.policy import Policy


def decide(
    name: str,
    command: Any,
    permit: Permit | None,
    holder: HolderFacts,
    policy: Policy,
    actor: Actor,
    *,
    today: date,
    known: date | None = None,
    target: Event | None = None,
) -> list[Draft]:
    """The events that a command leads to, as drafts.

    ``today`` is the store's day; ``known`` limits the rules to those published by then (default: today);
    ``target`` is the event that a correction corrects. Raises the error of the rule that refuses it; the
    order is input, competence, office, state, window or availability, reasons.
    """
    on: date = command.on or today
    if on > today:
        raise invalid("on", f"{on} lies after today ({today}); give the day on which it happened")
    rules = policy.at(known or today)
    if permit is None:
        case = Case(name, command, None, holder, rules, actor, on, today, None)
        applications.valid_filing(case)
        check_competence(case)
        applications.campaign_open(case)
        return applications.lodge_application(case)
    situation = Situation(permit, on, policy.at(known or today), holder.facts)
    case = Case(name, command, situation, holder, rules, actor, on, today, target)
    move = TRANSITION_OF[name]
    try:
        for check in move.checks:
            check(case)
        check_competence(case)
        _check_state(case, move)
        for guard in move.guards:
            guard(case)
        return move.act(case)
    except RuleError as problem:
        if problem.code == "transition.not_allowed":
            allowed = [each for each in allowed_commands(situation) if each != name]
            problem.details.setdefault("allowed", allowed)
        raise


def _check_state(case: Case, move: Transition) -> None:
    s = case.situation
    if not is_possible(s, move):
        raise not_allowed(case)
    if move.nature == DECISION:
        last = last_decision(s.permit)
        if last is not None and case.on < last[0]:
            raise error(
                "transition.not_allowed",
                f"{move.command} on {case.on} would precede the decision of {last[0]} ({last[1]}); "
                "give a day from then on",
                state=state_of(s),
                command=move.command,
                later_event={"name": last[1], "on": last[0].isoformat()},
            )


def state_of(s: Situation) -> dict[str, str]:
    """The state by region, for messages."""
    pending = s.pending_appeal is not None
    return {
        "title_status": s.title_status,
        "application_status": s.application_status,
        "appeal_status": "pending" if pending else (s.appeal.outcome or "none") if s.appeal else "none",
    }


def last_decision(permit: Permit) -> tuple[date, str] | None:
    """The day and name of the latest decision by a person, appeals and closure included."""
    acts_of_clock = {"automatic", "implicitly_refused", "implicitly_granted"}
    found = [(d.on, f"permit.{d.kind}") for d in permit.decisions if d.kind not in acts_of_clock]
    found += [(a.decided_on, "permit.appeal_decided") for a in permit.appeals if a.decided_on is not None]
    if permit.closed is not None:
        found.append((permit.closed[0], "permit.closed"))
    return max(found) if found else None


def competent_body(case: Case) -> str | None:
    """The body that a command is about, where competence depends on it."""
    if case.name == "record_opinion":
        return str(case.command.body)
    if case.name == "decide_appeal" and case.command.against == "removal":
        return removal.BODY
    if case.name == "decide_appeal" and case.situation.pending_appeal is not None:
        return case.situation.pending_appeal.body
    return None


def check_competence(case: Case) -> None:
    """Raise ``actor.not_competent`` or ``actor.wrong_prefecture`` unless the actor may do this here."""
    office = case.command.prefecture if case.opens_file else case.situation.prefecture
    problem = competence_error(case.rules, case.on, case.name, case.actor, office, competent_body(case))
    if problem is not None:
        raise problem
