"""Decide a command: who may give it, in which state, what must hold, and what follows.

``decide`` is pure: it reads no clock, no store and no personal data beyond ``HolderFacts``.
"""

from datetime import date
from typing import Any

from permits_engine.domain.decisions import appeals, applications
from permits_engine.domain.decisions.case import Case, Draft, HolderFacts
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
from permits_engine.domain.permit.by_law import situation_on
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
    """Return the drafts of the events that a command leads to; raise the error of the rule that refuses it.

    ``today`` is the store's day; ``known`` limits the rules to those published by then (default: today);
    ``target`` is the event that a correction corrects. Rules are checked in this order: input, competence, office,
    state, window or availability, reasons.
    """
    on: date = command.on or today
    if on > today:
        raise invalid("on", f"{on} lies after today ({today}); give the day on which it happened")
    known = known or today
    rules = policy.at(known)
    s = situation_on(permit, on, rules, holder.facts, holder.files) if permit is not None else None
    case = Case(name, command, s, holder, policy.at(known), actor, on, today, target, permit)
    if s is None:
        applications.valid_filing(case)
        check_competence(case)
        applications.campaign_open(case)
        return applications.lodge_application(case)
    try:
        return _carry_out(case, TRANSITION_OF[name])
    except RuleError as problem:
        if problem.code == "transition.not_allowed":
            problem.details.setdefault("allowed", [each for each in allowed_commands(s) if each != name])
        raise


def _carry_out(case: Case, transition: Transition) -> list[Draft]:
    for check in transition.checks:
        check(case)
    check_competence(case)
    _check_state(case, transition)
    for guard in transition.guards:
        guard(case)
    return transition.effect.drafts(case)


def _check_state(case: Case, transition: Transition) -> None:
    s = case.situation
    if not is_possible(s, transition):
        raise case.not_allowed()
    last = last_decision(s.permit) if transition.nature == DECISION else None
    if last is not None and case.on < last[0]:
        raise error(
            "transition.not_allowed",
            f"{case.name} on {case.on} would precede the decision of {last[0]} ({last[1]}); "
            "give a day from then on",
            state=state_of(s),
            command=case.name,
            later_event={"name": last[1], "on": last[0].isoformat()},
        )


def state_of(s: Situation) -> dict[str, str]:
    """Return the state by region, for messages."""
    names = ("title_status", "application_status", "appeal_status")
    return {name: getattr(s, name) for name in names}


def last_decision(permit: Permit) -> tuple[date, str] | None:
    """Return the day and name of the latest decision by a person, including appeals and closure."""
    effects = {"automatic", "implicitly_refused", "implicitly_granted"}
    found = [(d.on, f"permit.{d.kind}") for d in permit.decisions if d.kind not in effects]
    found += [(a.decided_on, "permit.appeal_decided") for a in permit.appeals if a.decided_on is not None]
    if permit.closed is not None:
        found.append((permit.closed[0], "permit.closed"))
    return max(found) if found else None


def competent_body(case: Case) -> str | None:
    """Return the body on which competence for the command depends, if any."""
    if case.name == "record_opinion":
        return str(case.command.body)
    if case.name == "decide_appeal" and case.command.against == "removal":
        return removal.BODY
    if case.name == "decide_appeal":
        appeal = appeals.appeal_to_answer(case)
        return appeal.body if appeal is not None else None
    return None


def check_competence(case: Case) -> None:
    """Raise ``actor.not_competent`` or ``actor.wrong_prefecture`` unless the actor may give the command here."""
    office = case.command.prefecture if case.opens_file else case.situation.prefecture
    problem = competence_error(case.rules, case.on, case.name, case.actor, office, competent_body(case))
    if problem is not None:
        raise problem
