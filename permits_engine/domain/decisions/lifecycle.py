"""The table of the lifecycle: for each command the states in which it is possible, its guards and its effect."""

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
from permits_engine.domain.decisions.case import Case, Effect, record
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

DECISION, FACT, FILING, RECORD = "decision", "fact", "filing", "record"
"""Natures of commands: a decision cannot precede the last one; facts and filings can be recorded late."""

OPEN = frozenset({"under_review", "suspended", "implicitly_refused"})
REFUSABLE = frozenset({"under_review", "implicitly_refused"})
UNDECIDED = OPEN | {"incomplete"}
NONE = frozenset({"none"})
HELD = frozenset({"active", "expired_in_window"})
EVER_HELD = HELD | {"expired"}
NOT_CLOSED = EVER_HELD | NONE | {"revoked", "lost_by_absence"}


class Transition(msgspec.Struct, frozen=True):
    """One row of the table.

    ``checks`` examine the input before anything else. ``title``, ``application`` and ``stage`` are the states in which
    the command is possible (none: any). ``guards`` run in order after the state.
    """

    command: str
    nature: str
    effect: Effect
    title: frozenset[str] | None = None
    application: frozenset[str] | None = None
    stage: str | None = None
    checks: tuple[Guard, ...] = ()
    guards: tuple[Guard, ...] = ()

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the events that the command can record."""
        return tuple(event.NAME for event in self.effect.events)


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        "supply_documents",
        FACT,
        documents.supply_documents,
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(documents.documents_outstanding,),
    ),
    Transition(
        "request_documents",
        DECISION,
        record(DocumentsRequested),
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(documents.documents_may_be_asked,),
    ),
    Transition(
        "extend_decision",
        DECISION,
        record(DecisionExtended),
        title=NOT_CLOSED,
        application=frozenset({"under_review", "suspended"}),
        guards=(documents.extension_possible,),
    ),
    Transition(
        "record_opinion",
        RECORD,
        applications.record_opinion,
        title=NOT_CLOSED,
        application=UNDECIDED,
        guards=(guards.reasons_given,),
    ),
    Transition(
        "issue_permit",
        DECISION,
        applications.issue_permit,
        title=NONE,
        application=OPEN,
        stage="application",
        guards=(
            applications.opinion_favourable,
            titles.ground_established,
            titles.no_overlap,
        ),
    ),
    Transition(
        "refuse_application",
        DECISION,
        applications.refuse_application,
        title=NONE,
        application=REFUSABLE,
        stage="application",
        guards=(guards.reasons_in_fact_and_law,),
    ),
    Transition(
        "reopen_examination",
        DECISION,
        applications.reopen_examination,
        title=NONE,
        application=frozenset({"refused"}),
        stage="application",
        guards=(
            applications.after_refusal,
            applications.criterion_listed,
            applications.opinion_favourable,
            titles.ground_established,
        ),
    ),
    Transition(
        "request_renewal",
        FILING,
        renewals.request_renewal,
        title=EVER_HELD,
        application=frozenset({"granted", "implicitly_granted", "returned"}),
        guards=(guards.not_answered_since, renewals.renewal_window, documents.documents_listed),
    ),
    Transition(
        "renew_permit",
        DECISION,
        renewals.renew_permit,
        title=EVER_HELD,
        application=OPEN | {"implicitly_granted"},
        stage="renewal",
        guards=(titles.ground_for_renewal, titles.no_overlap_by_renewal),
    ),
    Transition(
        "refuse_renewal",
        DECISION,
        renewals.refuse_renewal,
        title=EVER_HELD,
        application=REFUSABLE,
        stage="renewal",
        guards=(guards.reasons_in_fact_and_law,),
    ),
    Transition(
        "revoke_permit",
        DECISION,
        record(Revoked),
        title=HELD,
        checks=(revocations.revocation_ground,),
        guards=(revocations.tie_has_ended, guards.reasons_in_fact_and_law),
    ),
    Transition("notify_decision", FACT, notifications.notify_decision),
    Transition(
        "lodge_appeal", FACT, appeals.lodge_appeal, title=NOT_CLOSED, guards=(appeals.appeal_possible,)
    ),
    Transition(
        "decide_appeal",
        DECISION,
        appeals.decide_appeal,
        title=NOT_CLOSED,
        guards=(appeals.appeal_pending, guards.reasons_given),
    ),
    Transition("record_fact", FACT, record(FactNoted), checks=(removals.known_fact,)),
    Transition(
        "order_removal",
        RECORD,
        removals.order_removal,
        title=NOT_CLOSED,
        checks=(removals.ground_listed, removals.notified_by_then),
        guards=(removals.no_removal_in_force, removals.not_protected, removals.conviction_recorded),
    ),
    Transition(
        "annul_removal", RECORD, removals.annul_removal, title=NOT_CLOSED, guards=(removals.removal_in_force,)
    ),
    Transition(
        "carry_out_removal",
        FACT,
        removals.carry_out_removal,
        title=NOT_CLOSED,
        guards=(removals.not_ended_by_card, removals.removal_in_force, removals.may_be_carried_out),
    ),
    Transition(
        "order_entry_ban",
        RECORD,
        removals.order_ban,
        title=NOT_CLOSED,
        guards=(removals.ban_possible, guards.reasons_in_fact_and_law),
    ),
    Transition(
        "lift_entry_ban", RECORD, removals.lift_ban, guards=(removals.ban_in_force, guards.reasons_given)
    ),
    Transition("record_exit", FACT, record(ExitRecorded), title=NOT_CLOSED, guards=(records.later_exit,)),
    Transition("record_return", FACT, record(ReturnRecorded), title=NOT_CLOSED, guards=(records.abroad,)),
    Transition(
        "transfer_file",
        RECORD,
        record(Transferred),
        title=NOT_CLOSED,
        checks=(records.office_exists,),
        guards=(records.other_office,),
    ),
    Transition("replace_card", RECORD, record(CardReplaced), title=HELD),
    Transition("close_permit", DECISION, record(Closed), title=NOT_CLOSED, guards=(guards.not_filed_since,)),
    Transition("correct_record", FACT, records.correct_record, checks=(records.correctable,)),
    Transition("run_clock", RECORD, timeline.record_time_effects),
)
"""Every command on an existing file; ``lodge_application``, which opens one, has no state before it."""

TRANSITION_OF: dict[str, Transition] = {each.command: each for each in TRANSITIONS}


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
