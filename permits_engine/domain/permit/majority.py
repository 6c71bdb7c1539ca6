"""Coming of age: until when the holder is a minor, and the months to apply for a card of their own."""

from datetime import date

from permits_engine.domain.periods import ONE_DAY, Period, add, before
from permits_engine.domain.permit.facts import Fact, any_on, is_of_age
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Term
from permits_engine.domain.rules.policy import Value

MINORITY = ("minor", "unaccompanied_minor")
"""Facts whose last day is the last day of minority."""


def is_adult(s: Situation, age: int | None, at_most: int | None = None) -> bool | None:
    """Return whether the holder is of age on the day; none where both are possible.

    ``age`` is the least on the day, where known, and ``at_most`` the greatest where that is another; otherwise the age
    recorded at filing counts.
    """
    if age is not None:
        return is_of_age(age, s.day, s.day, at_most)
    return is_of_age(s.permit.age, s.permit.requests[0].filed_on, s.day, s.permit.age_at_most)


def recorded_minority(s: Situation) -> Fact | None:
    """Return the fact of minority with its last day, whether or not it is over on the day."""
    known = [f for f in s.facts if f.kind in MINORITY and f.until is not None and f.since <= s.day]
    return max(known, key=lambda f: f.until or date.min) if known else None


def is_minor(s: Situation, age: int | None, at_most: int | None = None) -> bool | None:
    """Return whether the holder is a minor on the day, by fact or by age; none where not established."""
    if any_on(s.facts, MINORITY, s.day):
        return True
    found = recorded_minority(s)
    if found is not None and found.until is not None and found.until < s.day:
        return False
    grown = is_adult(s, age, at_most)
    return None if grown is None else not grown


def reached_on(s: Situation) -> date | None:
    """Return the day on which the holder comes of age, where the fact of minority tells."""
    found = recorded_minority(s)
    return found.until + ONE_DAY if found is not None and found.until is not None else None


def filing_closes(s: Situation) -> tuple[date, Value] | None:
    """Return the last day to file after coming of age (decree 2-09-607, article 2), with its rule."""
    reached = reached_on(s)
    rule = s.rules.find("majority.filing", reached, s.scope()) if reached is not None else None
    if reached is None or rule is None or not isinstance(rule.value, Period):
        return None
    return add(reached, rule.value), rule


def filing_deadline(s: Situation) -> tuple[date, Fact] | None:
    """Return the last day to apply for a card after coming of age, with the fact of minority.

    It is announced as long before the day as it lasts after it. None for a holder who has a card already, or has
    applied on this file since.
    """
    if not s.facts:  # most files, and every pass asks
        return None
    reached, closes, fact = reached_on(s), filing_closes(s), recorded_minority(s)
    if reached is None or closes is None or fact is None or s.closure is not None:
        return None
    if s.permit.title_kind != "minor_document" and s.title_status == "active":
        return None
    last, rule = closes
    applied = s.request is not None and s.request.filed_on >= reached
    return (last, fact) if before(reached, rule.value) <= s.day <= last and not applied else None


def ends_with_minority(s: Situation, term: Term) -> bool:
    """Return whether a term ends on the last day of minority, as that of a minors' document does."""
    found = recorded_minority(s)
    return found is not None and s.permit.title_kind == "minor_document" and term.valid_until == found.until
