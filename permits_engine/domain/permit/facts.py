"""Facts about a person that have legal effects: recorded with evidence, valid from a day and perhaps until one.

A fact that was not recorded is neither true nor false: it is unknown, and the decider is asked.
"""

from collections.abc import Iterable
from datetime import date

import msgspec

MAJORITY = 18
"""Age in full years at which a person is of age (law 02-03, article 6; family code, article 209)."""


class Fact(msgspec.Struct, frozen=True):
    """A fact of a kind listed by the policy; both ends are inclusive, ``until`` none means open."""

    kind: str
    since: date
    until: date | None = None
    version: int = 0
    of: str | None = None

    def holds(self, day: date) -> bool:
        """Return whether the fact is valid on the day."""
        return self.since <= day and (self.until is None or day <= self.until)


def latest(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return the facts without those replaced by a later record of the same kind and first day."""
    kept: dict[tuple[str, date], Fact] = {}
    for fact in facts:
        kept.pop((fact.kind, fact.since), None)
        kept[fact.kind, fact.since] = fact
    return tuple(kept.values())


def fact_on(facts: Iterable[Fact], kind: str, day: date) -> Fact | None:
    """Return the fact of that kind which is valid on the day."""
    return next((fact for fact in facts if fact.kind == kind and fact.holds(day)), None)


def any_on(facts: Iterable[Fact], kinds: Iterable[str], day: date) -> bool:
    """Return whether a fact of one of those kinds is valid on the day."""
    return any(fact.kind in kinds and fact.holds(day) for fact in facts)


def is_recorded(facts: Iterable[Fact], kind: str) -> bool:
    """Return whether any fact of that kind was ever recorded, so that the question has been examined."""
    return any(fact.kind == kind for fact in facts)


def is_of_age(age: int | None, known_on: date, day: date, at_most: int | None = None) -> bool | None:
    """Return whether a person of that age on one day is of age on another; none where both are possible.

    An age in full years leaves a year open, because decisions do not read the birth date; ``at_most`` is the greatest
    age that it can have been.
    """
    if age is None:
        return None
    years = day.year - known_on.year - ((day.month, day.day) < (known_on.month, known_on.day))
    if age + years >= MAJORITY:
        return True
    exact = (day.month, day.day) == (known_on.month, known_on.day)
    return False if max(age, at_most or 0) + years + (0 if exact else 1) < MAJORITY else None
