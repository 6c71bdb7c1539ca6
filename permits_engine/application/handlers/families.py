"""Family ties between files: a tie is noted on both, and the end of the principal's title on the dependents'.

Each file stays a function of its own history: what it needs to know of another is an event of its own, appended in the
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
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import apply
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

Stamp = Callable[..., Event]


def principal(uow: UnitOfWork, command: RecordFact, permit: Permit) -> Permit | None:
    """Return the file that a tie names, with its dependents loaded.

    Raises ``permit.not_found``, or ``input.invalid`` for a file of another country.
    """
    if command.of is None:
        return None
    found = uow.file(command.of)
    if found is None:
        raise not_found(command.of)
    if found.jurisdiction != permit.jurisdiction:
        raise invalid("of", f"is a file of {found.jurisdiction}, and this one of {permit.jurisdiction}")
    uow.expect_files(each.permit_id for each in found.dependents)
    return found


def link(
    uow: UnitOfWork, command: RecordFact, principal: Permit, policy: Policy, today: date, stamp: Stamp
) -> None:
    """Note a dependent on the principal's file, and on the dependent's where the principal's title has ended."""
    event = stamp(
        DependentLinked,
        dependent=command.permit_id,
        kind=command.kind,
        since=command.since,
        until=command.until,
    )
    _append(uow, principal, event, policy, today)
    propagate(uow, principal, policy, today, stamp)


def propagate(uow: UnitOfWork, permit: Permit, policy: Policy, today: date, stamp: Stamp) -> list[str]:
    """Record the end of a file's title on its dependents, or that it was restored; return the events' names.

    What a dependent's file has recorded already is not recorded again.
    """
    s = situation_on(permit, today, policy.at(today))
    names = []
    for permit_id in dict.fromkeys(each.permit_id for each in permit.dependents):
        dependent = uow.file(permit_id)
        change = pending_change(s, dependent) if dependent is not None else None
        if dependent is None or change is None:
            continue
        kind, day, fields = change
        event = stamp(kind, day, principal=permit.permit_id, **fields)
        _append(uow, dependent, event, policy, today)
        names.append(kind.NAME)
    return names


def pending_change(s: Situation, dependent: Permit) -> tuple[type[Event], date, dict[str, str]] | None:
    """Return the event, day and fields that a dependent's file lacks about its principal's situation."""
    end = family.title_end(s)
    known = next((x for x in reversed(dependent.principals) if x.principal == s.permit.permit_id), None)
    if known is not None and known.restored:
        known = None
    if end is None:
        return (PrincipalRestored, known.on, {}) if known is not None else None
    if known is not None and (known.how, known.on) == end:
        return None
    return PrincipalEnded, end[1], {"how": end[0]}


def _append(uow: UnitOfWork, permit: Permit, event: Event, policy: Policy, today: date) -> None:
    seen = permit.version
    placed = uow.place(permit.permit_id, seen, [event], permit.holder_id)
    apply(permit, seen + 1, event)
    uow.change(permit, policy, today, seen, placed)
