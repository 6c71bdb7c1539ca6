"""The table of the lifecycle: for each command the states in which it is possible, its guards and its effect."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from permits_engine.domain.decisions import (
    appeals,
    applications,
    documents,
    guards,
    notifications,
    records,
    removals,
    renewals,
    revocations,
    timeline,
    titles,
)
from permits_engine.domain.decisions.case import Case, Draft, record
from permits_engine.domain.events import (
    CardReplaced,
    Closed,
    DecisionExtended,
    DocumentsRequested,
    ExitRecorded,
    FactNoted,
    ReturnRecorded,
    Revoked,
    Transferred,
)
from permits_engine.domain.permit.situation import Situation

Guard = Callable[[Case], None]
Effect = Callable[[Case], list[Draft]]

DECISION, FACT, FILING, RECORD = "decision", "fact", "filing", "record"
"""Natures of commands: a decision cannot precede the last one; facts and filings can be recorded late."""

OPEN = frozenset({"under_review", "suspended", "implicitly_refused"})
UNDECIDED = OPEN | {"incomplete"}
HELD = frozenset({"active", "expired_in_window"})
EVER_HELD = HELD | {"expired"}
NOT_CLOSED = EVER_HELD | {"none", "revoked", "lost_by_absence"}


class Transition(msgspec.Struct, frozen=True):
    """One row of the table.

    ``checks`` examine the input before anything else. ``title``, ``application`` and ``stage`` are the states in which
    the command is possible (none: any). ``guards`` run in order after the state; ``events`` can be recorded. For the
    diagram, ``to`` are the states reached; ``leaves`` are those left, where a guard refuses others with its own reason.
    """

    command: str
    nature: str
    effect: Effect
    events: tuple[str, ...]
    title: frozenset[str] | None = None
    application: frozenset[str] | None = None
    stage: str | None = None
    checks: tuple[Guard, ...] = ()
    guards: tuple[Guard, ...] = ()
    to: tuple[str, ...] = ()
    leaves: frozenset[str] | None = None


def record_time_effects(case: Case) -> list[Draft]:
    """Return the effects of time alone that are due and not recorded yet."""
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
        record(DocumentsRequested),
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
        record(DecisionExtended),
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
        record(Revoked),
        ("permit.revoked",),
        title=HELD,
        checks=(revocations.revocation_ground,),
        guards=(revocations.tie_has_ended, guards.reasons_in_fact_and_law_given),
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
        record(FactNoted),
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
        record(ExitRecorded),
        ("permit.exit_recorded",),
        title=NOT_CLOSED,
        guards=(records.not_abroad,),
    ),
    Transition(
        "record_return",
        FACT,
        record(ReturnRecorded),
        ("permit.return_recorded",),
        title=NOT_CLOSED,
        guards=(records.abroad,),
    ),
    Transition(
        "transfer_file",
        RECORD,
        record(Transferred),
        ("permit.transferred",),
        title=NOT_CLOSED,
        checks=(records.office_exists,),
        guards=(records.other_office,),
    ),
    Transition(
        "replace_card",
        RECORD,
        record(CardReplaced),
        ("permit.card_replaced",),
        title=HELD,
    ),
    Transition(
        "close_permit",
        DECISION,
        record(Closed),
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
"""Every command on an existing file; ``lodge_application``, which opens one, has no state before it."""

TRANSITION_OF: dict[str, Transition] = {each.command: each for each in TRANSITIONS}


EFFECTIVE_FROM: dict[str, str] = {
    "permit.appeal_decided": "the decision that it annuls, where upheld",
    "permit.reinstated": "the annulled revocation",
    "permit.fact_recorded": "the day since which the fact holds",
    "permit.corrected": "the fact that it corrects",
    "permit.refused": "the title from the decision, the stay from its regular notification",
    "permit.renewal_refused": "the title from the decision, the stay from its regular notification",
    "permit.revoked": "the title from the decision, the stay from its regular notification",
}
"""The legal date from which an event takes effect where that is not its own ``effective_on``."""


def is_possible(s: Situation, transition: Transition) -> bool:
    """Return whether the state of the file allows the command at all."""
    if s.request is None or (transition.stage is not None and s.request.kind != transition.stage):
        return False
    if transition.title is not None and s.title_status not in transition.title:
        return False
    return transition.application is None or s.application_status in transition.application


def allowed_commands(s: Situation) -> list[str]:
    """Return the commands that the state allows, in the order of the table."""
    return [t.command for t in TRANSITIONS if t.command != "run_clock" and is_possible(s, t)]
