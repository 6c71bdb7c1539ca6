"""The table of the lifecycle: each command with who may, in which states, what must hold, and what follows."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from permits_engine.domain import (
    acts,
    appealing,
    family,
    guards,
    protection,
    recorded_late,
    removing,
    reopening,
    titles,
)
from permits_engine.domain.case import Case, Draft

Guard = Callable[[Case], None]
Act = Callable[[Case], list[Draft]]

DECISION, FACT, FILING, RECORD = "decision", "fact", "filing", "record"
"""What a command is: a decision may not precede the last one; a fact may be recorded late, and so may a filing."""

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
        guards=(recorded_late.granted_since, guards.documents_may_be_asked),
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
        guards=(recorded_late.granted_since, guards.extension_possible),
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
        guards=(
            recorded_late.granted_since,
            guards.opinion_favourable,
            titles.requirements,
            titles.no_overlap,
        ),
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
        guards=(recorded_late.granted_since, guards.reasons_in_fact_and_law),
        to=("refused",),
    ),
    Move(
        "reopen_examination",
        DECISION,
        reopening.reopen_examination,
        ("permit.examination_reopened", "permit.receipt_issued"),
        title=frozenset({"none"}),
        application=frozenset({"refused"}),
        stage="application",
        guards=(
            reopening.later_than_refused,
            reopening.criterion_listed,
            guards.opinion_favourable,
            titles.requirements,
        ),
        to=("under_review",),
    ),
    Move(
        "request_renewal",
        FILING,
        acts.request_renewal,
        ("permit.renewal_requested", "permit.receipt_issued"),
        title=EVER_HELD,
        application=frozenset({"granted", "implicitly_granted", "returned"}),
        guards=(recorded_late.answered_since, guards.renewal_window, guards.documents_known),
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
        guards=(recorded_late.granted_since, titles.renewal),
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
        guards=(recorded_late.granted_since, guards.reasons_in_fact_and_law),
        to=("refused",),
    ),
    Move(
        "revoke_permit",
        DECISION,
        acts.revoke_permit,
        ("permit.revoked",),
        title=HELD,
        checks=(guards.revocation_ground,),
        guards=(family.withdrawable, guards.reasons_in_fact_and_law),
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
        "carry_out_removal",
        FACT,
        removing.carry_out,
        ("permit.removal_carried_out",),
        title=NOT_CLOSED,
        guards=(protection.ordered, protection.executable),
    ),
    Move(
        "order_entry_ban",
        RECORD,
        removing.ban,
        ("permit.entry_banned",),
        title=NOT_CLOSED,
        guards=(protection.ban_possible, guards.reasons_in_fact_and_law),
    ),
    Move(
        "lift_entry_ban",
        RECORD,
        removing.lift_ban,
        ("permit.entry_ban_lifted",),
        guards=(protection.ban_stands, guards.reasons),
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
        guards=(recorded_late.there_since,),
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
            "permit.principal_ended",
            "permit.principal_restored",
        ),
    ),
)
"""Every command on an existing file. ``lodge_application`` opens one, and has no state before it."""

MOVES: dict[str, Move] = {move.command: move for move in TABLE}
