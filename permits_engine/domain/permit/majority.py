"""Coming of age: until when somebody is a minor, and the months in which they ask for a title of their own."""

from __future__ import annotations

from datetime import date

from permits_engine.domain.periods import ONE_DAY, Period, add, before
from permits_engine.domain.permit.facts import Fact, fact_on, is_of_age
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Term
from permits_engine.domain.rules.policy import Value

MINORITY = ("minor", "unaccompanied_minor")
"""The facts whose last day is the last day of minority."""


def is_adult(s: Situation, age: int | None) -> bool | None:
    """Whether the holder is of age on the day; none where it may be either.

    ``age`` is that of the day where the decider knows it; otherwise the one pinned at filing counts.
    """
    if age is not None:
        return is_of_age(age, s.day, s.day)
    return is_of_age(s.permit.age, s.permit.requests[0].filed_on, s.day)


def recorded_minority(s: Situation) -> Fact | None:
    """The recorded minority with its last day, whether or not it is over on the day."""
    known = [f for f in s.facts if f.kind in MINORITY and f.until is not None and f.since <= s.day]
    return max(known, key=lambda f: f.until or date.min) if known else None


def is_minor(s: Situation, age: int | None) -> bool | None:
    """Whether the holder is a minor on the day, by fact or by age; none where nobody has established it."""
    if any(fact_on(s.facts, kind, s.day) is not None for kind in MINORITY):
        return True
    found = recorded_minority(s)
    if found is not None and found.until is not None and found.until < s.day:
        return False
    grown = is_adult(s, age)
    return None if grown is None else not grown


def reached_on(s: Situation) -> date | None:
    """The day on which the holder comes of age, where the fact of minority says it."""
    found = recorded_minority(s)
    return found.until + ONE_DAY if found is not None and found.until is not None else None


def filing_closes(s: Situation) -> tuple[date, Value] | None:
    """The last day to file after coming of age (decree 2-09-607, article 2), with its rule."""
    reached = reached_on(s)
    rule = s.rules.find("majority.filing", reached, s.scope()) if reached is not None else None
    if reached is None or rule is None or not isinstance(rule.value, Period):
        return None
    return add(reached, rule.value), rule


def announced_from(s: Situation) -> date | None:
    """The first day on which the clock after coming of age is shown: as long before as it lasts."""
    reached, closes = reached_on(s), filing_closes(s)
    if reached is None or closes is None:
        return None
    return before(reached, closes[1].value)


def filing_deadline(s: Situation) -> tuple[date, Fact] | None:
    """The last day to ask for a card after coming of age, while it is announced or runs, with the fact of minority.

    None for whoever has a card already, or has asked for one since on this very file.
    """
    if not s.facts:  # most files, and it is asked of every one on every pass
        return None
    shown, closes, fact = announced_from(s), filing_closes(s), recorded_minority(s)
    if shown is None or closes is None or fact is None or s.closure is not None:
        return None
    if s.permit.title_kind != "minor_document" and s.title_status == "active":
        return None
    reached = reached_on(s)
    asked = s.request is not None and reached is not None and s.request.filed_on >= reached
    return (closes[0], fact) if shown <= s.day <= closes[0] and not asked else None


def ends_with_minority(s: Situation, term: Term) -> bool:
    """Whether a term ends on the last day of minority, as a minors' document does."""
    found = recorded_minority(s)
    return found is not None and s.permit.title_kind == "minor_document" and term.valid_until == found.until
