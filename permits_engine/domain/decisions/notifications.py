"""Notification of decisions."""

from collections.abc import Iterator
from datetime import date

from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import DecisionNotified
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import REFUSALS, Appeal, Decision

NOTIFIABLE = frozenset({"issued", "renewed", "refused", "renewal_refused", "revoked"})


def is_regular(case: Case, mode: str, proven: bool) -> bool:
    """Return whether a notification is regular: proven, and in a form that the policy names (law 03-01)."""
    forms = case.get("notification.regular") or ()  # consulted in any case: it is the basis of either answer
    return proven and mode in forms


@recording(DecisionNotified)
def notify_decision(case: Case) -> list[Draft]:
    """Record a notification, regular or not."""
    c, (version, _) = case.command, _decision_to_notify(case)
    proven = bool(c.proof and c.proof.strip())
    regular = is_regular(case, c.mode, proven)
    return [case.draft(DecisionNotified, decision_version=version, regular=regular, proven=proven)]


def _decision_to_notify(case: Case) -> tuple[int, Decision | Appeal]:
    """Return the decision or answer to an appeal that is meant, or the latest one not notified yet."""
    found = sorted(_notifiable(case.situation), key=lambda each: each[1])
    wanted = case.command.decision_version
    if wanted is not None:
        meant = next((each for version, _, each in found if version == wanted), None)
        if meant is None:
            listed = ", ".join(str(version) for version, *_ in found) or "none"
            raise invalid("decision_version", f"event {wanted} is no decision to notify; there is: {listed}")
        if meant.notified_on(date.max) is not None:
            raise case.not_allowed(f"decision {wanted} was regularly notified already")
        _not_overtaken(case, meant)
        return wanted, meant
    for version, _, each in reversed(found):
        annulled = isinstance(each, Decision) and each.annulled_on is not None
        if not annulled and each.notified_on(date.max) is None:
            _not_overtaken(case, each)
            return version, each
    raise case.not_allowed("there is no decision left to notify")


def _notifiable(s: Situation) -> Iterator[tuple[int, tuple[date, int], Decision | Appeal]]:
    """Yield the decisions and the express answers to appeals by the day, each with its version and place in time."""
    for decision in s.permit.decisions:
        if decision.kind in NOTIFIABLE and decision.on <= s.day:
            yield decision.version, decision.order, decision
    for appeal in s.permit.appeals:
        if appeal.ruling is not None and appeal.decided_on is not None and appeal.decided_on <= s.day:
            yield appeal.ruling, (appeal.decided_on, appeal.ruling), appeal


def _not_overtaken(case: Case, meant: Decision | Appeal) -> None:
    """Refuse to notify a refusal after silence has granted what it refused (LO 4/2000, additional provision 1)."""
    silent = case.situation.outcome
    if (
        isinstance(meant, Decision)
        and meant.kind in REFUSALS
        and silent is not None
        and silent.kind == "implicitly_granted"
        and silent.request == meant.request
    ):
        raise case.not_allowed(f"silence granted the request on {silent.on}, before the refusal was notified")
