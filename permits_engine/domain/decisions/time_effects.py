"""Time effects: what time alone does to a file.

They are effects of law and no decisions (law 09-08, article 11): each is dated on the day of the pass, or on the
earlier day on which it fell due.
"""

from datetime import date

from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.decisions.terms import term_fields
from permits_engine.domain.events import (
    ApplicationReturned,
    Event,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Lapsed,
    LostByAbsence,
    ReceiptExtended,
    Renewed,
)
from permits_engine.domain.periods import ONE_DAY, Period, add, before, term_end
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
"""Events that only time brings about; an automatic renewal is one too."""


def next_effect(s: Situation) -> Draft | None:
    """Return the time effect due on the day that fell due first, if any."""
    if s.request is None or s.closure is not None:
        return None
    effects = (_returned(s, s.request), _silence(s, s.request), _receipt(s), _title(s))
    found = [effect for effect in effects if effect is not None]
    return min(found, key=lambda effect: effect.effective_on) if found else None


def _fresh(s: Situation) -> Rules:
    """Return the same rules with an empty memory, for the basis of one effect."""
    return s.rules.policy.at(s.rules.known)


def _draft(rules: Rules, kind: type[Event], on: date, **fields: object) -> Draft:
    return Draft(kind, on, dict(fields), tuple(rules.used))


def _term(start: date, number: int, length: Period) -> dict[str, object]:
    return term_fields(number, start, term_end(start, length), length)


def _returned(s: Situation, request: Request) -> Draft | None:
    on = s.returned_on(request)
    if on is None or request.returned_on is not None or s.outcome is not None:
        return None
    rules = _fresh(s)
    rules.find("documents.completion", request.filed_on, s.scope())
    return _draft(rules, ApplicationReturned, on, request=request.version)


def _silence(s: Situation, request: Request) -> Draft | None:
    if s.outcome is not None or s.suspended_by is not None or s.returned_on(request) is not None:
        return None
    effect = s.rules.get("decision.silence", request.filed_on, s.scope())
    last = s.decision_due(request) if effect in {"refusal", "acceptance"} else None
    if last is None or s.day <= last:
        return None
    rules = _fresh(s)
    rules.find("decision.limit", request.filed_on, s.scope())
    rules.find("decision.silence", request.filed_on, s.scope())
    if effect == "refusal":
        return _draft(rules, ImplicitlyRefused, last + ONE_DAY, request=request.version)
    return _acceptance(s, request, rules, last + ONE_DAY)


def _acceptance(s: Situation, request: Request, rules: Rules, on: date) -> Draft | None:
    """Grant by silence what the office could have granted, so no renewal of a title that was taken.

    Once the title is restored, the next pass makes up for it, as for an automatic renewal.
    """
    term = s.term
    if request.kind == "application" or term is None:
        granted = _term(on, 1, rules.need("term.first", on, s.scope()))
    elif s.running:
        length = rules.need("term.renewal", on, s.scope())
        granted = _term(s.next_begins(request, term, on), term.number + 1, length)
    else:
        return None
    kind = s.permit.title_kind
    return _draft(rules, ImplicitlyGranted, on, request=request.version, title_kind=kind, **granted)


def _receipt(s: Situation) -> Draft | None:
    receipt = s.receipt
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
    if s.automatic:
        return _automatic(s, term)
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
    absence = next(a for a in s.permit.absences if (s.absence_limit(a) or date.max) + ONE_DAY == on)
    rules = _fresh(s)
    rules.find("absence.limit", absence.out, s.scope())
    return _draft(rules, LostByAbsence, on, exit_version=absence.version)


def _automatic(s: Situation, term: Term) -> Draft | None:
    request, on = s.renewal_request, term.valid_until
    if s.day < on:
        return None
    rules = _fresh(s)
    rules.find("renewal.automatic", on, s.renewal_scope)
    granted = _term(on + ONE_DAY, term.number + 1, rules.need("term.renewal", on, s.renewal_scope))
    answered = request.version if request is not None else None
    return _draft(rules, Renewed, on, track="automatic", request=answered, **granted)


def next_effect_day(s: Situation) -> date | None:
    """Return the first later day on which a time effect may become due."""
    request, term = s.request, s.term
    if request is None or s.closure is not None:
        return None
    limits: list[date | None] = []
    days: list[date] = []
    if s.pending:
        limits += [s.completion_due(request) if request.missing else None, s.decision_due(request)]
        if s.suspended_by is not None:
            limits.append(s.answer_due(request, s.suspended_by))
    if s.receipt is not None:
        ahead = s.rules.get("receipt.extend_before", s.day, s.scope())
        if ahead is not None:
            days.append(before(s.receipt.until, ahead))
    if term is not None and s.running:
        days.append(term.valid_until)
        limits += [s.ends(term), s.window_closes]
        limits += [s.absence_limit(absence) for absence in s.permit.absences if absence.back is None]
    days += [limit + ONE_DAY for limit in limits if limit is not None]
    return min((day for day in days if day > s.day), default=None)


def valid_lapses(permit: Permit, rules: Rules) -> list[tuple[date, int]]:
    """Return the recorded lapses (day, number of the term) that still hold.

    A request recorded late, a corrected day or an earlier end of the title voids what a pass recorded.
    """
    found = []
    for on, number, _ in permit.lapses:
        s = Situation(permit, on, rules)
        if s.term is not None and s.term.number == number and _has_lapsed(s) and not s.automatic:
            found.append((on, number))
    return found


def valid_losses(permit: Permit, rules: Rules) -> list[date]:
    """Return the recorded losses by absence that still hold: no return in time was recorded since."""
    return [on for on in permit.losses if Situation(permit, on, rules).lost_on == on]
