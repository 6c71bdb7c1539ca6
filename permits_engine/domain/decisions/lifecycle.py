"""The table of the lifecycle: each command with who may, in which states, what must hold, and what follows."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from permits_engine.domain.decisions import (
    appeals,
    applications,
    documents,
    family_ties,
    guards,
    notifications,
    records,
    removals,
    renewals,
    revocations,
    timeline,
    titles,
)
from permits_engine.domain.decisions.case import Case, Draft
from permits_engine.domain.permit.situation import Situation

Guard = Callable[[Case], None]
Effect = Callable[[Case], list[Draft]]

DECISION, FACT, FILING, RECORD = "decision", "fact", "filing", "record"
"""What a command is: a decision may not precede the last one; a fact may be recorded late, and so may a filing."""

OPEN = frozenset({"under_review", "suspended", "implicitly_refused"})
UNDECIDED = OPEN | {"incomplete"}
HELD = frozenset({"active", "expired_in_window"})
EVER_HELD = HELD | {"expired"}
NOT_CLOSED = EVER_HELD | {"none", "revoked", "lost_by_absence"}


class Transition(msgspec.Struct, frozen=True):
    """One row of the table.

    ``checks`` look at the input before anything else; ``title``, ``application`` and ``stage`` name the
    states in which the command is possible (none: any); ``guards`` run in order after the state; ``events``
    is what may be recorded. For the diagram, ``to`` is what the file then is, and ``leaves`` are the states
    from which it gets there, where a guard refuses the command in others with a better reason.
    """

    command: str
    nature: str
    act: Effect
    events: tuple[str, ...]
    title: frozenset[str] | None = None
    application: frozenset[str] | None = None
    stage: str | None = None
    checks: tuple[Guard, ...] = ()
    guards: tuple[Guard, ...] = ()
    to: tuple[str, ...] = ()
    leaves: frozenset[str] | None = None


def record_time_effects(case: Case) -> list[Draft]:
    """Everything that time alone has brought about and nobody has recorded yet."""
    rules = case.rules
    return timeline.settle(timeline.fork(case.situation.permit), rules.policy, case.on, rules.known)[1]


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        "supply_documents",
        FACT,
        documents.supply_documents,
        ("permit.documents_supplied",),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(documents.documents_outstanding,),
        to=("under_review",),
    ),
    Transition(
        "request_documents",
        DECISION,
        documents.request_documents,
        ("permit.documents_requested",),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(guards.not_granted_since, documents.documents_may_be_asked),
        to=("suspended",),
        leaves=frozenset({"under_review"}),
    ),
    Transition(
        "extend_decision",
        DECISION,
        documents.extend_decision,
        ("permit.decision_extended",),
        title=NOT_CLOSED,
        application=frozenset({"under_review", "suspended"}),
        guards=(guards.not_granted_since, documents.extension_possible),
        to=("under_review",),
    ),
    Transition(
        "record_opinion",
        RECORD,
        applications.record_opinion,
        ("permit.opinion_recorded",),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(guards.reasons_given,),
    ),
    Transition(
        "issue_permit",
        DECISION,
        applications.issue_permit,
        ("permit.issued",),
        title=frozenset({"none"}),
        application=OPEN,
        stage="application",
        guards=(
            guards.not_granted_since,
            applications.opinion_favourable,
            titles.ground_established,
            titles.no_overlap,
        ),
        to=("granted", "active"),
    ),
    Transition(
        "refuse_application",
        DECISION,
        applications.refuse_request,
        ("permit.refused",),
        title=frozenset({"none"}),
        application=frozenset({"under_review", "implicitly_refused"}),
        stage="application",
        guards=(guards.not_granted_since, guards.reasons_in_fact_and_law_given),
        to=("refused",),
    ),
    Transition(
        "reopen_examination",
        DECISION,
        applications.reopen_examination,
        ("permit.examination_reopened", "permit.receipt_issued"),
        title=frozenset({"none"}),
        application=frozenset({"refused"}),
        stage="application",
        guards=(
            applications.after_refusal,
            applications.criterion_listed,
            applications.opinion_favourable,
            titles.ground_established,
        ),
        to=("under_review",),
    ),
    Transition(
        "request_renewal",
        FILING,
        renewals.request_renewal,
        ("permit.renewal_requested", "permit.receipt_issued"),
        title=EVER_HELD,
        application=frozenset({"granted", "implicitly_granted", "returned"}),
        guards=(guards.not_answered_since, renewals.renewal_window, documents.documents_listed),
        to=("under_review", "incomplete"),
    ),
    Transition(
        "renew_permit",
        DECISION,
        renewals.renew_permit,
        ("permit.renewed",),
        title=EVER_HELD,
        application=OPEN,
        stage="renewal",
        guards=(guards.not_granted_since, titles.ground_for_renewal),
        to=("granted", "active"),
    ),
    Transition(
        "refuse_renewal",
        DECISION,
        applications.refuse_request,
        ("permit.renewal_refused",),
        title=EVER_HELD,
        application=frozenset({"under_review", "implicitly_refused"}),
        stage="renewal",
        guards=(guards.not_granted_since, guards.reasons_in_fact_and_law_given),
        to=("refused",),
    ),
    Transition(
        "revoke_permit",
        DECISION,
        revocations.revoke_permit,
        ("permit.revoked",),
        title=HELD,
        checks=(revocations.revocation_ground,),
        guards=(family_ties.tie_has_ended, guards.reasons_in_fact_and_law_given),
        to=("revoked",),
    ),
    Transition(
        "notify_decision",
        FACT,
        notifications.notify_decision,
        ("permit.decision_notified",),
    ),
    Transition(
        "lodge_appeal",
        FACT,
        appeals.lodge_appeal,
        ("permit.appealed",),
        title=NOT_CLOSED,
        guards=(appeals.appeal_possible,),
    ),
    Transition(
        "decide_appeal",
        DECISION,
        appeals.decide_appeal,
        ("permit.appeal_decided", "permit.reinstated", "permit.removal_annulled"),
        title=NOT_CLOSED,
        guards=(appeals.appeal_pending, guards.reasons_given),
        to=("under_review", "active"),
    ),
    Transition(
        "record_fact",
        FACT,
        removals.record_fact,
        ("permit.fact_recorded",),
        checks=(removals.known_fact,),
    ),
    Transition(
        "order_removal",
        RECORD,
        removals.order_removal,
        ("permit.removal_ordered",),
        title=NOT_CLOSED,
        checks=(removals.notified_by_then,),
        guards=(removals.no_removal_in_force, removals.not_protected),
    ),
    Transition(
        "annul_removal",
        RECORD,
        removals.annul_removal,
        ("permit.removal_annulled",),
        title=NOT_CLOSED,
        guards=(removals.removal_in_force,),
    ),
    Transition(
        "carry_out_removal",
        FACT,
        removals.carry_out_removal,
        ("permit.removal_carried_out",),
        title=NOT_CLOSED,
        guards=(removals.removal_in_force, removals.may_be_carried_out),
    ),
    Transition(
        "order_entry_ban",
        RECORD,
        removals.order_ban,
        ("permit.entry_banned",),
        title=NOT_CLOSED,
        guards=(removals.ban_possible, guards.reasons_in_fact_and_law_given),
    ),
    Transition(
        "lift_entry_ban",
        RECORD,
        removals.lift_ban,
        ("permit.entry_ban_lifted",),
        guards=(removals.ban_in_force, guards.reasons_given),
    ),
    Transition(
        "record_exit",
        FACT,
        records.record_exit,
        ("permit.exit_recorded",),
        title=NOT_CLOSED,
        guards=(records.not_abroad,),
    ),
    Transition(
        "record_return",
        FACT,
        records.record_return,
        ("permit.return_recorded",),
        title=NOT_CLOSED,
        guards=(records.abroad,),
    ),
    Transition(
        "transfer_file",
        RECORD,
        records.transfer_file,
        ("permit.transferred",),
        title=NOT_CLOSED,
        checks=(records.office_exists,),
        guards=(records.other_office,),
    ),
    Transition(
        "replace_card",
        RECORD,
        records.replace_card,
        ("permit.card_replaced",),
        title=HELD,
    ),
    Transition(
        "close_permit",
        DECISION,
        records.close_permit,
        ("permit.closed",),
        title=NOT_CLOSED,
        guards=(guards.not_filed_since,),
        to=("closed",),
    ),
    Transition(
        "correct_record",
        FACT,
        records.correct_record,
        ("permit.corrected",),
        checks=(records.correctable,),
    ),
    Transition(
        "run_clock",
        RECORD,
        record_time_effects,
        (
            "permit.receipt_extended",
            "permit.application_returned",
            "permit.implicitly_refused",
            "permit.implicitly_granted",
            "permit.renewed",
            "permit.lapsed",
            "permit.lost_by_absence",
            "permit.principal_ended",
            "permit.principal_restored",
        ),
    ),
)
"""Every command on an existing file. ``lodge_application`` opens one, and has no state before it."""

TRANSITION_OF: dict[str, Transition] = {move.command: move for move in TRANSITIONS}


EFFECTIVE_FROM: dict[str, str] = {
    "permit.appeal_decided": "the decision that it annuls, where it was upheld",
    "permit.reinstated": "the revocation that was annulled",
    "permit.fact_recorded": "the day since which the fact holds",
    "permit.corrected": "the fact that it corrects",
    "permit.refused": "the title from the decision, the stay from its regular notification",
    "permit.renewal_refused": "the title from the decision, the stay from its regular notification",
    "permit.revoked": "the title from the decision, the stay from its regular notification",
}
"""From which legal date an event acts where that is not its own ``effective_on``."""


def is_possible(s: Situation, move: Transition) -> bool:
    """Whether the state of the file lets the command be thought of at all."""
    if s.request is None:
        return False
    if move.title is not None and s.title_status not in move.title:
        return False
    if move.stage is not None and s.request.kind != move.stage:
        return False
    return move.application is None or s.application_status in move.application


def allowed_commands(s: Situation) -> list[str]:
    """The commands that the state allows, in the order of the table."""
    return [m.command for m in TRANSITIONS if m.command != "run_clock" and is_possible(s, m)]
