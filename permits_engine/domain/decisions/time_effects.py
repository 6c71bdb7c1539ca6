"""Time effects: what time alone does to a file.

They are effects of law and no decisions (law 09-08, article 11): each is dated on the day of the pass, or on the
earlier day on which it fell due.
"""

from collections.abc import Iterator
from datetime import date

from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.decisions.terms import term_fields
from permits_engine.domain.events import (
    AppealDecided,
    ApplicationReturned,
    Event,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Lapsed,
    LostByAbsence,
    ReceiptExtended,
    Renewed,
)
from permits_engine.domain.periods import ONE_DAY, add, before
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit, Request, Term
from permits_engine.domain.rules.policy import Rules

TIME_EFFECTS = (
    ReceiptExtended,
    ApplicationReturned,
    ImplicitlyRefused,
    ImplicitlyGranted,
    Lapsed,
    LostByAbsence,
)
"""Events that only time brings about; an automatic renewal and a rejection by silence are two more."""


def next_effect(s: Situation) -> Draft | None:
    """Return the time effect due on the day that fell due first, if any."""
    if s.request is None or s.closure is not None:
        return None
    effects = (
        *_grants(s),
        _returned(s, s.request),
        _silence(s, s.request),
        _receipt(s),
        _title(s),
        *_unanswered(s),
    )
    found = [effect for effect in effects if effect is not None]
    return min(found, key=lambda effect: effect.effective_on) if found else None


def _fresh(s: Situation) -> Rules:
    """Return the same rules with an empty memory, for the basis of one effect."""
    return s.rules.policy.at(s.rules.known)


def _draft(rules: Rules, kind: type[Event], on: date, **fields: object) -> Draft:
    return Draft(kind, on, dict(fields), tuple(rules.used))


def _grants(s: Situation) -> Iterator[Draft]:
    """Yield what the law has granted by date and no pass has recorded."""
    for term in s.permit.terms:
        if term.version < 0 and term.granted_on <= s.day:
            yield _grant(s, term)


def _grant(s: Situation, term: Term) -> Draft:
    rules, on = _fresh(s), term.granted_on
    decision = next(d for d in s.permit.decisions if d.version == term.version)
    request = s.permit.request(decision.request)
    if term.kind == "automatic":
        rules.find("renewal.automatic", term.valid_from - ONE_DAY, s.renewal_scope)
    elif request is not None:
        rules.find("decision.limit", request.filed_on, s.scope(request))
        rules.find("decision.silence", request.filed_on, s.scope(request))
    first = term.number == 1
    length = rules.need(
        "term.first" if first else "term.renewal", on, s.scope() if first else s.renewal_scope
    )
    fields = term_fields(term.number, term.valid_from, term.valid_until, length)
    if term.kind == "automatic":
        return _draft(rules, Renewed, on, track="automatic", request=decision.request, **fields)
    kind = s.permit.title_kind
    return _draft(rules, ImplicitlyGranted, on, request=decision.request, title_kind=kind, **fields)


def _unanswered(s: Situation) -> Iterator[Draft]:
    """Yield the appeals that silence has rejected (law 41-90, article 23)."""
    for appeal, answer in s.appeals:
        if answer is not None and answer.by_silence and appeal.silence_recorded != answer.on:
            rules = _fresh(s)
            for name in ("appeal.ruling", "appeal.silence"):
                rules.find(name, appeal.on, s.scope(body=appeal.body))
            fields = {"body": appeal.body, "outcome": answer.outcome, "decision_version": appeal.against}
            of = appeal.version
            yield _draft(rules, AppealDecided, answer.on, by_silence=True, appeal_version=of, **fields)


def _returned(s: Situation, request: Request) -> Draft | None:
    on = s.returned_on(request)
    if on is None or request.returned_on is not None or s.outcome is not None:
        return None
    rules = _fresh(s)
    rules.find("documents.completion", request.filed_on, s.scope())
    return _draft(rules, ApplicationReturned, on, request=request.version)


def _silence(s: Situation, request: Request) -> Draft | None:
    on = s.implicit_on
    if on is None or s.recorded_silence(on) is not None:
        return None
    rules = _fresh(s)
    rules.find("decision.limit", request.filed_on, s.scope())
    rules.find("decision.silence", request.filed_on, s.scope())
    return _draft(rules, ImplicitlyRefused, on, request=request.version)


def _receipt(s: Situation) -> Draft | None:
    receipt = s.paper if s.receipt is not None else None
    ahead = s.rules.get("receipt.extend_before", s.day, s.scope()) if receipt is not None else None
    if receipt is None or ahead is None or s.day < before(receipt.until, ahead):
        return None
    rules = _fresh(s)
    term = rules.get("receipt.extension", receipt.until, s.scope())
    if term is None:
        return None
    return _draft(rules, ReceiptExtended, min(s.day, receipt.until), until=add(receipt.until, term))


def _title(s: Situation) -> Draft | None:
    term = s.term
    if term is None:
        return None
    if s.lost_on is not None and s.title_status == "lost_by_absence":
        return _lost(s, s.lost_on)
    closes = s.window_closes
    if closes is None or not _has_lapsed(s):
        return None
    if any(number == term.number and on > closes for on, number, _ in s.permit.lapses):
        return None
    rules = _fresh(s)
    rules.find("renewal.closes", term.valid_until, s.renewal_scope)
    return _draft(rules, Lapsed, closes + ONE_DAY, term_number=term.number)


def _has_lapsed(s: Situation) -> bool:
    """Return whether the time to request a renewal has passed without a request."""
    return s.title_status == "expired" and s.renewal_request is None and not s.proceedings


def _lost(s: Situation, on: date) -> Draft | None:
    if on in s.permit.losses:
        return None
    absence = next(a for a in s.absences if (s.absence_limit(a) or date.max) + ONE_DAY == on)
    rules = _fresh(s)
    rules.find("absence.limit", absence.out, s.scope())
    return _draft(rules, LostByAbsence, on, exit_version=absence.version)


def next_effect_day(s: Situation) -> date | None:
    """Return the first later day on which a time effect may become due."""
    request, term = s.request, s.term
    if request is None or s.closure is not None:
        return None
    limits: list[date | None] = []
    days: list[date] = []
    if s.pending:
        limits += [s.decision_due(request), s.latest(lambda each: each.decision_due(request))]
        if request.missing:
            limits.append(s.latest(lambda each: each.completion_due(request)))
        number = s.suspended_by
        if number is not None:
            limits.append(s.latest(lambda each: each.answer_due(request, number)))
    if s.receipt is not None and s.paper is not None:
        ahead = s.rules.get("receipt.extend_before", s.day, s.scope())
        if ahead is not None:
            days += [before(s.paper.until, ahead), before(s.receipt.until, ahead)]
    for appeal in s.pending_appeals:
        limits.append(s.latest(lambda each, appeal=appeal: each.ruling_due(appeal)))  # type: ignore[misc]
    if term is not None and s.running:
        days.append(term.valid_until)
        limits += [s.ends(term), s.window_closes]
        limits += [s.absence_limit(absence) for absence in s.absences if absence.back is None]
    days += [limit + ONE_DAY for limit in limits if limit is not None]
    if s.rules.doubts and s.rules.horizon is not None:  # a date that becomes official moves a last day
        days.append(s.rules.horizon)
    return min((day for day in days if day > s.day), default=None)


def valid_lapses(permit: Permit, rules: Rules) -> list[tuple[date, int]]:
    """Return the recorded lapses (day, number of the term) that still hold.

    A request recorded late, a corrected day or an earlier end of the title voids what a pass recorded.
    """
    found = []
    for on, number, _ in permit.lapses:
        s = situation_on(permit, on, rules)
        if s.term is not None and s.term.number == number and _has_lapsed(s):
            found.append((on, number))
    return found


def valid_losses(permit: Permit, rules: Rules) -> list[date]:
    """Return the recorded losses by absence that still hold: no return in time was recorded since."""
    return [on for on in permit.losses if situation_on(permit, on, rules).lost_on == on]
