"""The quality checks of a decision, above all of one against the holder.

They read what history holds, years later as on the day: who decided and in which role, the reasons, the legal basis,
the documents requested, the notification. What history does not show is open, never passed.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from permits_engine.domain.events import (
    Event,
    Issued,
    Refused,
    RemovalOrdered,
    RenewalRefused,
    Renewed,
    Revoked,
)
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.phrases import Phrase
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import RANKS, Value

PASSED, FAILED, OPEN, IDLE = "passed", "failed", "open", "not_applicable"
DECISIONS: dict[type[Event], str] = {
    Issued: "issue_permit",
    Refused: "refuse_application",
    Renewed: "renew_permit",
    RenewalRefused: "refuse_renewal",
    Revoked: "revoke_permit",
    RemovalOrdered: "order_removal",
}
"""Events that are decisions on a stay, and the commands that lead to them."""
_LAW = frozenset(RANKS[: RANKS.index("communique") + 1])
"""Ranks of norms on which a decision may rest; a convention or a practice alone is no basis."""


class MessageStatus(msgspec.Struct, frozen=True):
    """A message to the holder: its kind, the event that it is about, its language, whether it was sent."""

    kind: str
    anchor: int
    language: str
    sent: bool | None = None


class QualityCheck(msgspec.Struct, frozen=True):
    """One check: passed, failed, open (history does not show) or not_applicable, and why, as a phrase."""

    name: str
    status: str
    because: str


class AssessedDecision(msgspec.Struct, frozen=True):
    """A decision with what it is assessed by.

    ``before`` is the file on the day of decision under the rules recorded with it, ``after`` the file as known now;
    ``words`` are the reasons as written, by field (none: not decrypted).
    """

    event: Event
    version: int
    before: Situation
    after: Permit
    messages: Sequence[MessageStatus] = ()
    words: dict[str, str] | None = None

    @property
    def adverse(self) -> bool:
        """Whether it takes something from the holder, or gives less than the rules."""
        event = self.event
        return not isinstance(event, Issued | Renewed) or (isinstance(event, Renewed) and event.excluded)


def assess(decision: AssessedDecision) -> list[QualityCheck]:
    """Return every check in its order; none for an event that is no decision of a person."""
    if type(decision.event) not in DECISIONS:
        return []
    return [QualityCheck(name, *check(decision)) for name, check in _CHECKS.items()]


_Verdict = tuple[str, str]


def _competent(d: AssessedDecision) -> _Verdict:
    s, event = d.before, d.event
    problem = competence.competence_error(s.rules, s.day, DECISIONS[type(event)], event.actor, s.prefecture)
    if problem is not None:
        return FAILED, problem.said
    role, office = event.actor.role, event.actor.prefecture
    if office:
        return PASSED, Phrase("competent", role=role, office=office, on=s.day)
    return PASSED, Phrase("competent.everywhere", role=role, on=s.day)


def _delegated(d: AssessedDecision) -> _Verdict:
    s, actor = d.before, d.event.actor
    scope = competence.actor_scope(DECISIONS[type(d.event)], actor)
    wanted = s.rules.find("delegation.required", s.day, scope)
    if wanted is None or wanted.value is not True:
        return IDLE, Phrase("delegation.unasked")
    held = s.rules.find("delegation", s.day, scope)
    if held is None:
        return FAILED, Phrase("delegation.missing", actor=actor.id, on=s.day)
    return PASSED, Phrase("delegation.held", reference=str(held.value), source=str(held.source))


def _written(d: AssessedDecision) -> _Verdict:
    if not d.adverse:
        return PASSED, Phrase("written.card")
    return (PASSED, Phrase("written.recorded")) if _reasons(d) else (FAILED, Phrase("written.missing"))


def _reasons(d: AssessedDecision, name: str | None = None) -> bool:
    """Return whether reasons are recorded; without decryption, whether anything is."""
    if d.words is None:
        return d.event.sealed is not None
    given = d.words.values() if name is None else [d.words.get(name, "")]
    return any(text.strip() for text in given)


def _reason(name: str) -> Callable[[AssessedDecision], _Verdict]:
    def check(d: AssessedDecision) -> _Verdict:
        if not d.adverse:
            return IDLE, Phrase("reasons.needless")
        event = d.event
        field = name if name in type(event).ENCRYPTED else None
        if field is None and not isinstance(event, Renewed):
            field = "reasons"
        if not _reasons(d, None if isinstance(event, Renewed) else field):
            return FAILED, Phrase("reasons.missing")
        return PASSED, Phrase("reasons.recorded" if d.words is not None else "reasons.encrypted")

    return check


def _based(d: AssessedDecision) -> _Verdict:
    event = d.event
    found = [value for value in _rules(d) if value.rank in _LAW and value.name != "competence"]
    for value in sorted(found, key=lambda each: RANKS.index(each.rank)):
        if value.source.article or not d.adverse:
            return PASSED, _source(value)
    if isinstance(event, Revoked):
        grounds = d.before.rules.get("revocation.grounds", d.before.day, d.before.scope()) or {}
        if event.ground in grounds:
            return PASSED, Phrase("basis.ground", ground=event.ground)
    if not d.adverse:
        named = tuple(dict.fromkeys(map(_source, _rules(d))))
        return OPEN, Phrase("basis.weak", sources=named) if named else Phrase("basis.none")
    if d.words is None:
        return OPEN, Phrase("basis.encrypted")
    text = d.words.get("reasons_in_law") or d.words.get("reasons") or " ".join(d.words.values())
    if re.search(r"\d", text):
        return PASSED, Phrase("basis.named")
    return FAILED, Phrase("basis.unnamed")


def _source(value: Value) -> Phrase:
    return Phrase("source", source=str(value.source), rank=value.rank)


def _rules(d: AssessedDecision) -> list[Value]:
    basis, by_id = d.event.basis, d.before.rules.policy.by_id
    return [by_id[rule] for rule in (basis.rules if basis is not None else ()) if rule in by_id]


def _asked(d: AssessedDecision) -> _Verdict:
    s = d.before
    request = d.after.request(getattr(d.event, "request", None)) or s.request
    asks = [ask for ask in request.asks if ask.on <= s.day] if request is not None else []
    if request is None or not asks:
        return IDLE, Phrase("documents.unasked")
    listed = s.rules.get("documents.list", request.filed_on, s.scope(request))
    if listed is None:
        return IDLE, Phrase("documents.no_list")
    allowed = {*listed, *listed.values(), *request.missing}
    unknown = sorted({code for ask in asks for code in ask.documents} - allowed)
    if unknown:
        return FAILED, Phrase("documents.unlisted", documents=tuple(unknown))
    return PASSED, Phrase("documents.listed")


def _notified(d: AssessedDecision) -> _Verdict:
    if isinstance(d.event, RemovalOrdered):
        return PASSED, Phrase("notified.at", at=d.event.notified_at)
    found = d.after.decision(d.version)
    if found is None or not found.notifications:
        if not d.adverse:
            return OPEN, Phrase("notified.missing")
        if found is not None and found.annulled_on is not None:
            return IDLE, Phrase("notified.annulled", on=found.annulled_on)
        return FAILED, Phrase("notified.never")
    regular = [each.on for each in found.notifications if each.regular]
    if not regular:
        return FAILED, Phrase("notified.irregular")
    return PASSED, Phrase("notified.regular", on=min(regular))


def _message(d: AssessedDecision) -> MessageStatus | None:
    found = d.after.decision(d.version)
    anchors = {each.version for each in found.notifications} if found is not None else set()
    sent = [x for x in d.messages if x.kind == "decision_notified" and x.anchor in anchors]
    return next((x for x in sent if x.sent), sent[0] if sent else None)


def _routes(d: AssessedDecision) -> _Verdict:
    if not d.adverse:
        return IDLE, Phrase("routes.needless")
    message = _message(d)
    if message is None or message.sent is not True:
        return OPEN, Phrase("routes.unknown" if message is None else "routes.unsent")
    return PASSED, Phrase("routes.stated")


def _language(d: AssessedDecision) -> _Verdict:
    message = _message(d)
    if message is None or not message.language:
        return OPEN, Phrase("language.unknown")
    return PASSED, Phrase("language.holders", language=message.language)


def _human(d: AssessedDecision) -> _Verdict:
    if d.event.actor.role == "scheduler":
        if isinstance(d.event, Renewed) and d.event.track == "automatic":
            return IDLE, Phrase("human.law")
        return FAILED, Phrase("human.program")
    return PASSED, Phrase("human.person", actor=d.event.actor.id)


def _protected(d: AssessedDecision) -> _Verdict:
    if not isinstance(d.event, RemovalOrdered):
        return IDLE, Phrase("protection.needless")
    if d.event.asks:
        return FAILED, Phrase("protection.skipped", facts=tuple(d.event.asks))
    return PASSED, Phrase("protection.checked")


_CHECKS: dict[str, Callable[[AssessedDecision], _Verdict]] = {
    "competent_actor": _competent,
    "delegation_valid_on_date": _delegated,
    "written": _written,
    "reasons_in_fact": _reason("reasons_in_fact"),
    "reasons_in_law": _reason("reasons_in_law"),
    "legal_basis_exists": _based,
    "documents_asked_are_listed": _asked,
    "notified_in_writing": _notified,
    "notice_states_appeal_route_and_deadline": _routes,
    "language_ok": _language,
    "human_decision": _human,
    "protection_predicates_checked": _protected,
}
QUALITY_CHECKS = tuple(_CHECKS)
"""The names of the checks, in their order."""
