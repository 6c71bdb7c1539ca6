"""Since and until when something holds, found by asking on the days on which anything can change."""

from collections.abc import Callable, Iterator
from datetime import date

from permits_engine.domain.periods import ONE_DAY, Period, add
from permits_engine.domain.permit import majority, removal
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.situation import Situation

PARAMETERS = ("right", "removal.protected", "removal.lawful", "stay.facts", "extension.blanket")
"""Parameters whose own first and last days may start or end something."""


def on_day(s: Situation, day: date) -> Situation:
    """Return the same file, by the same rules and facts, on another day."""
    return situation_on(s.permit, day, s.rules.policy.at(s.rules.known), s.given_facts, s.others)


def interval_around(s: Situation, same: Callable[[date], bool]) -> tuple[date | None, date | None]:
    """Return the first and last day, where known, of the run of days around the situation's on which ``same`` holds."""
    days = sorted(set(days_of_change(s)))
    since = next((day for day in reversed(days) if day <= s.day and not same(day - ONE_DAY)), None)
    ended = next((day for day in days if day > s.day and not same(day)), None)
    return since, ended - ONE_DAY if ended is not None else None


def days_of_change(s: Situation) -> Iterator[date]:
    """Yield the days on which something about the file, its holder or the rules may change."""
    permit = s.permit
    days = {day for _, day in permit.names} | {s.day}
    yield from days
    for term in permit.terms:
        yield term.valid_from
        yield term.valid_until + ONE_DAY
        yield s.ends(term) + ONE_DAY
        days |= {term.valid_until, s.ends(term) + ONE_DAY}
    yield from (receipt.until + ONE_DAY for receipt in permit.receipts)
    # Last days depend on what had happened by then: ask after each event and after each term.
    for day in days:
        yield from (due + ONE_DAY for due in _dues(on_day(s, day)) if due is not None)
    yield from _of_person(s)
    for name in PARAMETERS:
        for value in s.rules.policy.parameters.get(name, ()):
            if value.known <= s.rules.known:
                yield value.since
                if value.until is not None:
                    yield value.until + ONE_DAY


def _dues(s: Situation) -> Iterator[date | None]:
    """Yield the last days of the periods that run on a day."""
    yield s.window_closes
    for request in s.permit.requests:
        yield s.latest(lambda each, request=request: each.completion_due(request))  # type: ignore[misc]
        yield s.latest(lambda each, request=request: each.decision_due(request))  # type: ignore[misc]
    for decision in s.permit.decisions:
        yield s.departure_due(decision)
    for absence in s.permit.absences:
        yield s.absence_limit(absence)


def _of_person(s: Situation) -> Iterator[date]:
    listed = s.rules.get("removal.protected", s.day, s.scope()) or {}
    for fact in s.facts:
        yield fact.since
        if fact.until is not None:
            yield fact.until + ONE_DAY
        after = listed.get(fact.kind, {}).get("after")
        if after is not None:
            yield add(fact.since, Period.parse(after))
    for order in s.permit.removals:
        yield order.on
        closes = removal.appeal_closes(s, order)
        if closes is not None:
            yield removal.local_day(s, closes[0]) + ONE_DAY
    filing = majority.filing_closes(s)
    if filing is not None:
        yield filing[0] + ONE_DAY
