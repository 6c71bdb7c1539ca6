"""Acts of the clock: what time alone brings about, recorded by a scheduler pass until nothing is due.

They record an effect of law and are no decisions (law 09-08, article 11): each bears the pass's day, or the
earlier day on which it fell due.
"""

from __future__ import annotations

from datetime import date

from permits_engine.domain.decisions.case import Draft
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
from permits_engine.domain.periods import ONE_DAY, add, before, term_end
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Rules


def next_effect(s: Situation) -> Draft | None:
    """Of the acts that are due on the situation's day the one that fell due first, if any."""
    if s.request is None or s.closure is not None:
        return None
    first: Draft | None = None
    for find in (_returned, _silence, _receipt, _title):
        act = find(s)
        if act is not None and (first is None or act.effective_on < first.effective_on):
            first = act
    return first


def _afresh(rules: Rules) -> Rules:
    """The same rules, which remember only what one act asks of them."""
    return rules.policy.at(rules.known)


def _draft(rules: Rules, kind: type[Event], on: date, **fields: object) -> Draft:
    return Draft(kind, on, dict(fields), tuple(rules.used))


def _returned(s: Situation) -> Draft | None:
    request = s.request
    assert request is not None
    on = s.returned_on(request)
    if on is None or request.returned_on is not None or s.outcome is not None:
        return None
    rules = _afresh(s.rules)
    rules.find("documents.completion", request.filed_on, s.scope())
    return _draft(rules, ApplicationReturned, on, request=request.version)


def _silence(s: Situation) -> Draft | None:
    request = s.request
    assert request is not None
    if s.outcome is not None or s.suspended_by is not None or s.returned_on(request) is not None:
        return None
    effect = s.rules.get("decision.silence", request.filed_on, s.scope())
    if effect not in {"refusal", "acceptance"}:
        return None
    last = s.decision_due(request)
    if last is None or s.day <= last:
        return None
    rules = _afresh(s.rules)
    rules.find("decision.limit", request.filed_on, s.scope())
    rules.find("decision.silence", request.filed_on, s.scope())
    on = last + ONE_DAY
    if effect == "refusal":
        return _draft(rules, ImplicitlyRefused, on, request=request.version)
    return _acceptance(s, rules, on)


def _acceptance(s: Situation, rules: Rules, on: date) -> Draft | None:
    """A grant by silence: of what the office could have granted, so of no renewal of a title that was taken.

    Once the title is given back the next pass makes up for it, as for an automatic renewal.
    """
    request, term = s.request, s.term
    assert request is not None
    first = request.kind == "application" or term is None
    if not first and not s.running:
        return None
    length = rules.need("term.first" if first else "term.renewal", on, s.scope())
    if first or term is None:
        start, number = on, 1
    else:
        start, number = s.next_begins(request, term, on), term.number + 1
    return _draft(
        rules,
        ImplicitlyGranted,
        on,
        request=request.version,
        term_number=number,
        valid_from=start,
        valid_until=term_end(start, length),
        term=str(length),
        title_kind=s.permit.title_kind,
    )


def _receipt(s: Situation) -> Draft | None:
    receipt = s.receipt
    if receipt is None or s.title_status == "closed":
        return None
    ahead = s.rules.get("receipt.extend_before", s.day, s.scope())
    if ahead is None or s.day < before(receipt.until, ahead):
        return None
    rules = _afresh(s.rules)
    term = rules.get("receipt.extension", receipt.until, s.scope())
    if term is None:
        return None
    return _draft(rules, ReceiptExtended, min(s.day, receipt.until), until=add(receipt.until, term))


def _title(s: Situation) -> Draft | None:
    term = s.term
    if term is None:
        return None
    if s.lost_on is not None and s.title_status == "lost_by_absence":
        return _lost(s)
    if s.automatic:
        return _automatic(s)
    closes = s.window_closes
    if closes is None or not _lapsed(s) or _settled(s, closes):
        return None
    rules = _afresh(s.rules)
    rules.find("renewal.closes", term.valid_until, s.renewal_scope)
    return _draft(rules, Lapsed, closes + ONE_DAY, term_number=term.number)


def _lapsed(s: Situation) -> bool:
    """Whether the time to ask for a renewal of the last title has passed and nobody asked."""
    return s.title_status == "expired" and s.renewal_request is None and not s.proceedings


def valid_lapses(permit: Permit, rules: Rules) -> list[tuple[date, int]]:
    """The recorded lapses (day, number of the term) that hold as the file is known now.

    A request recorded late, a corrected day or an earlier end of the title makes what a pass recorded void.
    """
    found = []
    for on, number, _ in permit.lapses:
        s = Situation(permit, on, rules)
        if s.term is not None and s.term.number == number and _lapsed(s) and not s.automatic:
            found.append((on, number))
    return found


def valid_losses(permit: Permit, rules: Rules) -> list[date]:
    """The recorded losses by absence that hold as the file is known now: no return in time has been recorded since."""
    return [on for on in permit.losses if Situation(permit, on, rules).lost_on == on]


def _settled(s: Situation, closes: date) -> bool:
    term = s.term
    assert term is not None
    return any(number == term.number and on > closes for on, number, _ in s.permit.lapses)


def _lost(s: Situation) -> Draft | None:
    assert s.lost_on is not None
    if any(on == s.lost_on for on in s.permit.losses):
        return None
    absence = next(a for a in s.permit.absences if (s.absence_limit(a) or date.max) + ONE_DAY == s.lost_on)
    rules = _afresh(s.rules)
    rules.find("absence.limit", absence.out, s.scope())
    return _draft(rules, LostByAbsence, s.lost_on, exit_version=absence.version)


def _automatic(s: Situation) -> Draft | None:
    term = s.term
    assert term is not None
    if s.day < term.valid_until:
        return None
    rules = _afresh(s.rules)
    rules.find("renewal.automatic", term.valid_until, s.renewal_scope)
    length = rules.need("term.renewal", term.valid_until, s.renewal_scope)
    start = term.valid_until + ONE_DAY
    return _draft(
        rules,
        Renewed,
        term.valid_until,
        term_number=term.number + 1,
        valid_from=start,
        valid_until=term_end(start, length),
        term=str(length),
        track="automatic",
        request=s.renewal_request.version if s.renewal_request is not None else None,
    )


def next_effect_day(s: Situation) -> date | None:
    """The first day after the situation's on which an act of the clock may become due."""
    days: list[date] = []
    request, term = s.request, s.term
    if request is None or s.title_status == "closed":
        return None
    if s.pending:
        for limit in (s.completion_due(request) if request.missing else None, s.decision_due(request)):
            if limit is not None:
                days.append(limit + ONE_DAY)
        if s.suspended_by is not None:
            answer = s.answer_due(request, s.suspended_by)
            if answer is not None:
                days.append(answer + ONE_DAY)
    if s.receipt is not None:
        ahead = s.rules.get("receipt.extend_before", s.day, s.scope())
        if ahead is not None:
            days.append(before(s.receipt.until, ahead))
    if term is not None and s.running:
        days += [term.valid_until, s.ends(term) + ONE_DAY]
        if s.window_closes is not None:
            days.append(s.window_closes + ONE_DAY)
        for absence in s.permit.absences:
            limit = s.absence_limit(absence)
            if limit is not None and absence.back is None:
                days.append(limit + ONE_DAY)
    later = [day for day in days if day > s.day]
    return min(later) if later else None
