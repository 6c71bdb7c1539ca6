"""The term of a card: its length and its last day."""

from datetime import date
from typing import Any

from permits_engine.domain.decisions.case import Case
from permits_engine.domain.errors import invalid
from permits_engine.domain.periods import Period, term_end
from permits_engine.domain.permit import majority


def _scope(case: Case, name: str) -> dict[str, str]:
    return case.scope(stage="application" if name == "term.first" else "renewal")


def granted_term(case: Case, name: str, valid_from: date, most: str) -> Period:
    """Return the term asked for within the bounds of the law, or the policy's default."""
    scope = _scope(case, name)
    default: Period = case.rules.need(name, case.on, scope)
    if case.command.term is None:
        return default
    asked = Period.parse(case.command.term)
    try:
        end = term_end(valid_from, asked)
    except ValueError as problem:
        raise invalid("term", str(problem)) from None
    longest = case.rules.get(most, case.on, scope) or default
    shortest = case.rules.get("term.minimum", case.on, scope)
    if asked.hours or end < valid_from or (shortest and end < term_end(valid_from, shortest)):
        raise invalid("term", f"{asked} is shorter than the law's least term, {shortest}")
    if end > term_end(valid_from, longest):
        raise invalid("term", f"{asked} is longer than the longest term allowed here, {longest}")
    return asked


def departure_from(case: Case, name: str, valid_from: date, term: Period) -> str | None:
    """Return the rule that gives a longer term as of right; the shorter one is recorded as departing from it."""
    scope = _scope(case, name)
    if case.rules.get("term.shorter", case.on, scope) != "departure":
        return None
    rule = case.rules.find(name, case.on, scope)
    if rule is None or not isinstance(rule.value, Period):
        return None
    return rule.id if term_end(valid_from, term) < term_end(valid_from, rule.value) else None


def term_fields(number: int, valid_from: date, valid_until: date, length: Period) -> dict[str, Any]:
    """Return the fields of a grant that name its term."""
    return {"term_number": number, "valid_from": valid_from, "valid_until": valid_until, "term": str(length)}


def last_day(case: Case, name: str, last: date) -> date:
    """Return the last day of a term; a title for minors ends with minority."""
    if not case.rules.get("term.until_majority", case.on, _scope(case, name)):
        return last
    minority = majority.recorded_minority(case.situation)
    if minority is None or minority.until is None or minority.until < case.on:
        return last
    return min(last, minority.until)
