"""What the law grants by date: automatic renewals, and silence that accepts, whether or not a pass recorded them.

Every answer about a file on a day begins with ``situation_on``. A pass only records what it derives.
"""

from collections.abc import Callable, Iterable
from datetime import date

from msgspec.structs import replace

from permits_engine.domain.periods import ONE_DAY, term_end
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import GRANTS, Decision, Permit, Request, Term
from permits_engine.domain.rules.policy import Policy, Rules


def situation_on(
    permit: Permit,
    day: date,
    rules: Rules,
    facts: tuple[Fact, ...] | None = None,
    others: Iterable[Permit] = (),
) -> Situation:
    """Return the file on a day, with the terms that the law has granted by then; the file given stays as it is.

    ``others`` are the person's other files, as far as the question needs them.
    """
    if _may_grant(permit, rules.policy):
        permit = with_grants(permit, day, rules, facts, others)
    return Situation(permit, day, rules, facts, others)


def _may_grant(permit: Permit, policy: Policy) -> bool:
    """Return whether the law ever grants anything by date to such a file; most have no such rule."""
    scope = policy.scope(permit.category, permit.title_kind, "renewal")
    if any(value.value is True for value in policy.values("renewal.automatic", scope)):
        return True
    kinds = {request.kind for request in permit.requests}
    return any(_accepts(permit, policy, kind) for kind in kinds)


def _accepts(permit: Permit, policy: Policy, kind: str) -> bool:
    scope = policy.scope(permit.category, permit.title_kind, kind)
    return any(value.value == "acceptance" for value in policy.values("decision.silence", scope))


def with_grants(
    permit: Permit, day: date, rules: Rules, facts: tuple[Fact, ...] | None, others: Iterable[Permit]
) -> Permit:
    """Return the file with the terms granted by date until a day, those not recorded with negative versions."""
    file = permit
    while (found := _next_grant(file, day, rules, facts, others)) is not None:
        if file is permit:
            file = replace(permit, decisions=list(permit.decisions), terms=list(permit.terms))
        decision, term = found
        for recorded, granted in permit.set_aside:
            if granted is not None and (recorded.kind, recorded.on) == (decision.kind, decision.on):
                decision, term = replace(recorded, request=decision.request), granted
        file.take(decision, term)
    return file


def _next_grant(
    permit: Permit, day: date, rules: Rules, facts: tuple[Fact, ...] | None, others: Iterable[Permit]
) -> tuple[Decision, Term] | None:
    """Return the first grant by date that is missing from the file."""
    version = min(-1, *(term.version - 1 for term in permit.terms)) if permit.terms else -1

    def on(at: date) -> Situation:
        s = Situation(permit, at, rules.policy.at(rules.known), facts, others)
        asked.append(s.rules)
        return s

    asked: list[Rules] = []
    try:
        for term in permit.terms:
            if (found := _automatic(term, day, on, version)) is not None:
                return found
        for request in permit.requests:
            if request.filed_on <= day and _accepts(permit, rules.policy, request.kind):
                last = _silent_until(request, day, on)
                if (
                    last is not None
                    and (found := _accepted(on(last + ONE_DAY), request, version)) is not None
                ):
                    return found
        return None
    finally:  # the answer may change when any of these rules does
        for each in asked:
            if each.horizon is not None:
                rules.watch(each.horizon)


def _automatic(
    term: Term, day: date, on: Callable[[date], Situation], version: int
) -> tuple[Decision, Term] | None:
    """Return the automatic renewal of a term, on its last day or once proceedings ended in the holder's favour."""
    due = max(term.valid_until, term.granted_on)
    if due > day or not _is_automatic(on(due), term):
        return None
    for at in (due, *_ends_of_proceedings(on(day), due)):
        s = on(at)
        if s.term is not term:
            return None
        if s.automatic:
            request = s.renewal_request
            decided = Decision("automatic", version, due, request.version if request is not None else None)
            return _granted(s, decided, term.valid_until + ONE_DAY, term.number + 1)
        if not s.proceedings:
            return None
    return None


def _is_automatic(s: Situation, term: Term) -> bool:
    found = s.rules.peek("renewal.automatic", term.valid_until, s.renewal_scope)
    return found is not None and found.value is True


def _ends_of_proceedings(s: Situation, after: date) -> list[date]:
    """Return the days, later than ``after``, on which an appeal was answered or a decision annulled."""
    days = {answer.on for _, answer in s.appeals if answer is not None}
    days |= {d.annulled_on for d in s.permit.decisions if d.annulled_on is not None}
    return sorted(day for day in days if after < day <= s.day)


def _silent_until(request: Request, day: date, on: Callable[[date], Situation]) -> date | None:
    """Return the last day of the time to decide, where it has passed by a day without a decision that counts."""
    at = request.filed_on
    while at <= day:
        s = on(at)
        last = s.decision_due(request)
        if last is not None and s.suspended_by is None:
            if at > last:
                return last
            at = last
        at += ONE_DAY
    return None


def _accepted(s: Situation, request: Request, version: int) -> tuple[Decision, Term] | None:
    """Return the grant by silence of what the office could have granted, so no renewal of a title that was taken."""
    term, last = s.term, s.day - ONE_DAY
    if s.request is not request or s.closure is not None or s.returned_on(request) is not None:
        return None
    if s.rules.get("decision.silence", request.filed_on, s.scope(request)) != "acceptance":
        return None
    if any(_in_time(s, decision, request, last) for decision in s.valid_decisions(request)):
        return None
    decided = Decision("implicitly_granted", version, s.day, request.version)
    if request.kind == "application" or term is None:
        return _granted(s, decided, s.day, 1)
    return _granted(s, decided, s.next_begins(request, term, s.day), term.number + 1) if s.running else None


def _in_time(s: Situation, decision: Decision, request: Request, last: date) -> bool:
    """Return whether a decision ends the silence: a grant by its day, a refusal where needed by its notification."""
    if decision.kind in GRANTS or decision.on > last:
        return decision.on <= last or decision.kind == "implicitly_granted"
    ends = s.rules.get("decision.ends_with", request.filed_on, s.scope(request))
    return ends != "notification" or decision.notified_on(last) is not None


def _granted(s: Situation, decision: Decision, start: date, number: int) -> tuple[Decision, Term] | None:
    stage = "term.first" if number == 1 else "term.renewal"
    scope = s.scope() if number == 1 else s.renewal_scope
    length = s.rules.get(stage, decision.on, scope)
    if length is None:
        return None
    track = "automatic" if decision.kind == "automatic" else "standard"
    term = Term(
        number,
        start,
        term_end(start, length),
        decision.on,
        decision.version,
        track,
        s.permit.title_kind,
        decision.kind,
    )
    return decision, term
