"""Notification of decisions."""

from __future__ import annotations

from datetime import date

from permits_engine.domain.decisions.case import Case, Draft, not_allowed
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import DecisionNotified
from permits_engine.domain.permit.state import Decision

NOTIFIABLE = frozenset({"issued", "renewed", "refused", "renewal_refused", "revoked"})


def _to_notify(case: Case) -> Decision:
    decisions = [d for d in case.situation.permit.decisions if d.kind in NOTIFIABLE and d.on <= case.on]
    wanted = case.command.decision_version
    if wanted is not None:
        found = next((d for d in decisions if d.version == wanted), None)
        if found is None:
            listed = ", ".join(str(d.version) for d in decisions) or "none"
            raise invalid("decision_version", f"event {wanted} is no decision to notify; there is: {listed}")
        if found.notified_on(date.max) is not None:
            raise not_allowed(case, f"decision {wanted} was regularly notified already")
        return found
    for decision in reversed(decisions):
        if decision.annulled_on is None and decision.notified_on(date.max) is None:
            return decision
    raise not_allowed(case, "there is no decision left to notify")


def notify_decision(case: Case) -> list[Draft]:
    """A notification; regular only in a form that the policy names, with proof (law 03-01)."""
    c, decision = case.command, _to_notify(case)
    proven = bool(c.proof and c.proof.strip())
    regular = is_regular(case, c.mode, proven)
    return [
        case.draft(
            DecisionNotified,
            decision_version=decision.version,
            mode=c.mode,
            regular=regular,
            proven=proven,
            proof=c.proof,
        )
    ]


def is_regular(case: Case, mode: str, proven: bool) -> bool:
    forms = case.rules.get("notification.regular", case.on, case.scope()) or ()
    return proven and mode in forms
