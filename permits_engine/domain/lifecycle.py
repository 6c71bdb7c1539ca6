"""The lifecycle as one table: command × state → who may, what must hold, what happens, what follows.

``decide`` is pure: the file, the little that matters of the holder, the command, the rules and the actor in;
drafts of events out. It reads no clock, no store and no personal data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from permits_engine.domain import acts, appealing, guards, protection, removing
from permits_engine.domain.case import Case, Draft, Holder
from permits_engine.domain.competence import check_competence
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, Event
from permits_engine.domain.permit import Permit
from permits_engine.domain.policy import Policy
from permits_engine.domain.situation import Situation

Guard = Callable[[Case], None]
Act = Callable[[Case], list[Draft]]

DECISION, FACT, FILING, RECORD = "decision", "fact", "filing", "record"
"""What a command is: a decision may not precede the last one; a fact may be recorded late."""

OPEN = frozenset({"under_review", "suspended", "implicitly_refused"})
UNDECIDED = OPEN | {"incomplete"}
HELD = frozenset({"active", "expired_in_window"})
EVER_HELD = HELD | {"expired"}
NOT_CLOSED = EVER_HELD | {"none", "revoked", "lost_by_absence"}


class Move(msgspec.Struct, frozen=True):
    """One row of the table.

    ``checks`` look at the input before anything else; ``title``, ``application`` and ``stage`` name the
    states in which the command is possible (none: any); ``guards`` run in order after the state; ``events``
    is what may be recorded. For the diagram, ``to`` is what the file then is, and ``leaves`` are the states
    from which it gets there, where a guard refuses the command in others with a better reason.
    """

    command: str
    nature: str
    act: Act
    events: tuple[str, ...]
    title: frozenset[str] | None = None
    application: frozenset[str] | None = None
    stage: str | None = None
    checks: tuple[Guard, ...] = ()
    guards: tuple[Guard, ...] = ()
    to: tuple[str, ...] = ()
    leaves: frozenset[str] | None = None


TABLE: tuple[Move, ...] = (
    Move(
        "supply_documents",
        FACT,
        acts.supply_documents,
        ("permit.documents_supplied",),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(guards.something_outstanding,),
        to=("under_review",),
    ),
    Move(
        "request_documents",
        DECISION,
        acts.request_documents,
        ("permit.documents_requested",),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(guards.documents_may_be_asked,),
        to=("suspended",),
        leaves=frozenset({"under_review"}),
    ),
    Move(
        "extend_decision",
        DECISION,
        acts.extend_decision,
        ("permit.decision_extended",),
        title=NOT_CLOSED,
        application=frozenset({"under_review", "suspended"}),
        guards=(guards.extension_possible,),
        to=("under_review",),
    ),
    Move(
        "record_opinion",
        RECORD,
        acts.record_opinion,
        ("permit.opinion_recorded",),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(guards.reasons,),
    ),
    Move(
        "issue_permit",
        DECISION,
        acts.issue_permit,
        ("permit.issued",),
        title=frozenset({"none"}),
        application=OPEN,
        stage="application",
        guards=(guards.opinion_favourable, guards.requirements, guards.no_overlap),
        to=("granted", "active"),
    ),
    Move(
        "refuse_application",
        DECISION,
        acts.refuse_request,
        ("permit.refused",),
        title=frozenset({"none"}),
        application=frozenset({"under_review", "implicitly_refused"}),
        stage="application",
        guards=(guards.reasons_in_fact_and_law,),
        to=("refused",),
    ),
    Move(
        "request_renewal",
        FILING,
        acts.request_renewal,
        ("permit.renewal_requested", "permit.receipt_issued"),
        title=EVER_HELD,
        application=frozenset({"granted", "implicitly_granted", "returned"}),
        guards=(guards.renewal_window, guards.documents_known),
        to=("under_review", "incomplete"),
    ),
    Move(
        "renew_permit",
        DECISION,
        acts.renew_permit,
        ("permit.renewed",),
        title=EVER_HELD,
        application=OPEN,
        stage="renewal",
        to=("granted", "active"),
    ),
    Move(
        "refuse_renewal",
        DECISION,
        acts.refuse_request,
        ("permit.renewal_refused",),
        title=EVER_HELD,
        application=frozenset({"under_review", "implicitly_refused"}),
        stage="renewal",
        guards=(guards.reasons_in_fact_and_law,),
        to=("refused",),
    ),
    Move(
        "revoke_permit",
        DECISION,
        acts.revoke_permit,
        ("permit.revoked",),
        title=HELD,
        checks=(guards.revocation_ground,),
        guards=(guards.reasons_in_fact_and_law,),
        to=("revoked",),
    ),
    Move(
        "notify_decision",
        FACT,
        acts.notify_decision,
        ("permit.decision_notified",),
    ),
    Move(
        "lodge_appeal",
        FACT,
        acts.lodge_appeal,
        ("permit.appealed",),
        title=NOT_CLOSED,
        guards=(appealing.possible,),
    ),
    Move(
        "decide_appeal",
        DECISION,
        acts.decide_appeal,
        ("permit.appeal_decided", "permit.reinstated", "permit.removal_annulled"),
        title=NOT_CLOSED,
        guards=(appealing.pending, guards.reasons),
        to=("under_review", "active"),
    ),
    Move(
        "record_fact",
        FACT,
        removing.record_fact,
        ("permit.fact_recorded",),
        checks=(protection.known_fact,),
    ),
    Move(
        "order_removal",
        RECORD,
        removing.order_removal,
        ("permit.removal_ordered",),
        title=NOT_CLOSED,
        checks=(protection.told_in_time,),
        guards=(protection.not_ordered, protection.unprotected),
    ),
    Move(
        "annul_removal",
        RECORD,
        removing.annul_removal,
        ("permit.removal_annulled",),
        title=NOT_CLOSED,
        guards=(protection.ordered,),
    ),
    Move(
        "record_exit",
        FACT,
        acts.record_exit,
        ("permit.exit_recorded",),
        title=NOT_CLOSED,
        guards=(guards.not_abroad,),
    ),
    Move(
        "record_return",
        FACT,
        acts.record_return,
        ("permit.return_recorded",),
        title=NOT_CLOSED,
        guards=(guards.abroad,),
    ),
    Move(
        "transfer_file",
        RECORD,
        acts.transfer_file,
        ("permit.transferred",),
        title=NOT_CLOSED,
        checks=(guards.known_office,),
        guards=(guards.other_office,),
    ),
    Move(
        "replace_card",
        RECORD,
        acts.replace_card,
        ("permit.card_replaced",),
        title=HELD,
    ),
    Move(
        "close_permit",
        DECISION,
        acts.close_permit,
        ("permit.closed",),
        title=NOT_CLOSED,
        to=("closed",),
    ),
    Move(
        "correct_record",
        FACT,
        acts.correct_record,
        ("permit.corrected",),
        checks=(guards.correctable,),
    ),
    Move(
        "run_clock",
        RECORD,
        acts.run_clock,
        (
            "permit.receipt_extended",
            "permit.application_returned",
            "permit.implicitly_refused",
            "permit.implicitly_granted",
            "permit.renewed",
            "permit.lapsed",
            "permit.lost_by_absence",
        ),
    ),
)
"""Every command on an existing file. ``lodge_application`` opens one, and has no state before it."""

MOVES: dict[str, Move] = {move.command: move for move in TABLE}

ACTS_FROM: dict[str, str] = {
    "permit.appeal_decided": "the decision that it annuls, where it was upheld",
    "permit.reinstated": "the revocation that was annulled",
    "permit.fact_recorded": "the day since which the fact holds",
    "permit.corrected": "the fact that it corrects",
    "permit.refused": "the title from the decision, the stay from its regular notification",
    "permit.renewal_refused": "the title from the decision, the stay from its regular notification",
    "permit.revoked": "the title from the decision, the stay from its regular notification",
}
"""From which legal date an event acts where that is not its own ``effective_on``."""


def decide(
    name: str,
    command: Any,
    permit: Permit | None,
    holder: Holder,
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
        guards.filed_with(case)
        check_competence(case)
        guards.lodging(case)
        return acts.lodge_application(case)
    situation = Situation(permit, on, policy.at(known or today), holder.facts)
    case = Case(name, command, situation, holder, rules, actor, on, today, target)
    move = MOVES[name]
    for check in move.checks:
        check(case)
    check_competence(case)
    _check_state(case, move)
    for guard in move.guards:
        guard(case)
    return move.act(case)


def _check_state(case: Case, move: Move) -> None:
    s = case.situation
    if not possible(s, move):
        raise guards.not_allowed(case, allowed_now(s))
    if move.nature in {DECISION, FILING}:
        last = last_decision(s.permit)
        if last is not None and case.on < last[0]:
            raise error(
                "transition.not_allowed",
                f"{move.command} on {case.on} would precede the decision of {last[0]} ({last[1]}); "
                "give a day from then on",
                state=state_of(s),
                command=move.command,
                later_event={"name": last[1], "on": last[0].isoformat()},
                allowed=allowed_now(s),
            )


def possible(s: Situation, move: Move) -> bool:
    """Whether the state of the file lets the command be thought of at all."""
    if s.request is None:
        return False
    if move.title is not None and s.title_status not in move.title:
        return False
    if move.stage is not None and s.request.kind != move.stage:
        return False
    return move.application is None or s.application_status in move.application


def allowed_now(s: Situation) -> list[str]:
    """The commands that the state allows, in the order of the table."""
    return [m.command for m in TABLE if m.command != "run_clock" and possible(s, m)]


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
