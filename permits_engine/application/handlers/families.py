"""What happens on one file and concerns another: a family tie is noted on both, and the end of a title is told.

Each file stays a function of its own history: what it has to know of another one is told to it by an event, in the
transaction of what happened there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from permits_engine.application.outcome import not_found
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RecordFact
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import DependentLinked, Event, PrincipalEnded, PrincipalRestored
from permits_engine.domain.permit import family
from permits_engine.domain.permit.fold import apply
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

Stamp = Callable[..., Event]


def principal(uow: UnitOfWork, command: RecordFact, permit: Permit) -> Permit | None:
    """The file that a tie names; raises ``permit.not_found``, or ``input.invalid`` for one of another country."""
    if command.of is None:
        return None
    found = uow.file(command.of)
    if found is None:
        raise not_found(command.of)
    if found.jurisdiction != permit.jurisdiction:
        raise invalid("of", f"is a file of {found.jurisdiction}, and this one of {permit.jurisdiction}")
    return found


def link(
    uow: UnitOfWork, command: RecordFact, above: Permit, policy: Policy, today: date, stamp: Stamp
) -> None:
    """Note on a principal's file that another one hangs on it, and tell that one where its title has ended."""
    event = stamp(
        DependentLinked,
        dependent=command.permit_id,
        kind=command.kind,
        since=command.since,
        until=command.until,
    )
    _append(uow, above, event, policy, today)
    propagate(uow, above, policy, today, stamp)


def propagate(uow: UnitOfWork, permit: Permit, policy: Policy, today: date, stamp: Stamp) -> list[str]:
    """Tell every file that hangs on this one what has become of its title; gives the events' names.

    What was told already is not told again, and what fell away is taken back.
    """
    s = Situation(permit, today, policy.at(today))
    names = []
    for dependent in dict.fromkeys(each.permit_id for each in permit.dependents):
        below = uow.file(dependent)
        told = pending_change(s, below) if below is not None else None
        if below is None or told is None:
            continue
        kind, day, how = told
        _append(uow, below, stamp(kind, day, principal=permit.permit_id, **how), policy, today)
        names.append(kind.NAME)
    return names


def pending_change(s: Situation, below: Permit) -> tuple[type[Event], date, dict[str, str]] | None:
    """What a file that hangs on another one has yet to be told about it: the event, its day and its field."""
    end = family.title_end(s)
    known = next((x for x in reversed(below.principals) if x.principal == s.permit.permit_id), None)
    if known is not None and known.restored:
        known = None
    if end is None:
        return (PrincipalRestored, known.on, {}) if known is not None else None
    if known is not None and (known.how, known.on) == end:
        return None
    return PrincipalEnded, end[1], {"how": end[0]}


def _append(uow: UnitOfWork, permit: Permit, event: Event, policy: Policy, today: date) -> None:
    seen = permit.version
    records = uow.place(permit.permit_id, seen, [event], permit.holder_id)
    apply(permit, seen + 1, event)
    uow.change(permit, policy, today, seen, records)
