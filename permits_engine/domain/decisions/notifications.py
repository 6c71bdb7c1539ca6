"""Notification of decisions."""

from datetime import date

from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import DecisionNotified
from permits_engine.domain.permit.state import Decision

NOTIFIABLE = frozenset({"issued", "renewed", "refused", "renewal_refused", "revoked"})


def is_regular(case: Case, mode: str, proven: bool) -> bool:
    """Return whether a notification is regular: proven, and in a form that the policy names (law 03-01)."""
    forms = case.get("notification.regular") or ()  # consulted in any case: it is the basis of either answer
    return proven and mode in forms


@recording(DecisionNotified)
def notify_decision(case: Case) -> list[Draft]:
    """Record a notification, regular or not."""
    c, decision = case.command, _decision_to_notify(case)
    proven = bool(c.proof and c.proof.strip())
    regular = is_regular(case, c.mode, proven)
    version = decision.version
    return [case.draft(DecisionNotified, decision_version=version, regular=regular, proven=proven)]


def _decision_to_notify(case: Case) -> Decision:
    """Return the decision meant, or the latest one not notified yet."""
    decisions = [d for d in case.situation.permit.decisions if d.kind in NOTIFIABLE and d.on <= case.on]
    wanted = case.command.decision_version
    if wanted is not None:
        found = next((d for d in decisions if d.version == wanted), None)
        if found is None:
            listed = ", ".join(str(d.version) for d in decisions) or "none"
            raise invalid("decision_version", f"event {wanted} is no decision to notify; there is: {listed}")
        if found.notified_on(date.max) is not None:
            raise case.not_allowed(f"decision {wanted} was regularly notified already")
        return found
    for decision in reversed(decisions):
        if decision.annulled_on is None and decision.notified_on(date.max) is None:
            return decision
    raise case.not_allowed("there is no decision left to notify")
