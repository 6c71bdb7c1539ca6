"""Orders to leave that a new card ends, on whichever file of the person they were made (law 02-03, article 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.domain.events import Event, RemovalAnnulled
from permits_engine.domain.permit import removal
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import apply
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy


def annul(
    uow: UnitOfWork,
    granted: Permit,
    others: Iterable[Permit],
    policy: Policy,
    today: date,
    stamp: Callable[..., Event],
) -> None:
    """Record on the person's files that an order has ended with the card that was given."""
    for file in (granted, *others):
        if not file.removals:
            continue
        rest = tuple(each for each in (granted, *others) if each is not file)
        s = situation_on(file, today, policy.at(today), others=rest)
        order = removal.latest(s)
        ended = removal.ended_by_title(s, order) if order is not None else None
        if (
            order is None
            or ended is None
            or order.annulled_on is not None
            or order.carried_out_on is not None
        ):
            continue
        event = stamp(RemovalAnnulled, ended[1], order_version=order.version, title=ended[0])
        seen = file.version
        placed = uow.place(file.permit_id, seen, [event], file.holder_id)
        apply(file, seen + 1, event)
        uow.change(file, policy, today, seen, placed)
