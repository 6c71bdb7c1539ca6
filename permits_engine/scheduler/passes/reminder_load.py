"""How many first reminders are sent on each day: by the tiers alone, and after spreading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import TypedDict

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, event_store, folded

BATCH = 500
_ENDING = Statement(
    "SELECT permit_id FROM permits WHERE valid_until >= :first AND permit_id > :after"
    " ORDER BY permit_id LIMIT :size"
)


class LoadRow(TypedDict):
    """How many first reminders leave an office on a day, before and after spreading."""

    day: str
    prefecture: str
    before: int
    after: int
    capacity: int | None


def plan(context: Context, first: date, last: date) -> list[LoadRow]:
    """Return the load by day and prefecture in a period (both days inclusive), if nothing else happens.

    Each row: ``day``, ``prefecture``, ``before`` and ``after`` spreading, and the office's ``capacity`` where it
    has one. Raises ``input.invalid``.
    """
    if last < first:
        raise invalid("to", f"{last} lies before {first}")
    load = _Load(context, first, last)
    for rows in context.database.pages(_ENDING, {"first": first.isoformat()}, size=BATCH):
        ids = [row[0] for row in rows]
        with context.database.read() as tx:
            for permit_id, records in event_store(tx).several(ids).items():
                load.add(tx, permit_id, records)
    return [
        {
            "day": day.isoformat(),
            "prefecture": office,
            "before": load.before[day, office],
            "after": load.after[day, office],
            "capacity": load.capacity[office],
        }
        for day, office in sorted(load.before.keys() | load.after.keys())
    ]


class _Load:
    """First reminders by day and prefecture, before and after spreading."""

    def __init__(self, context: Context, first: date, last: date) -> None:
        self.context, self.first, self.last = context, first, last
        self.before: Counter[tuple[date, str]] = Counter()
        self.after: Counter[tuple[date, str]] = Counter()
        self.capacity: dict[str, int | None] = {}

    def add(self, tx: Transaction, permit_id: str, records: Iterable[Placed]) -> None:
        """Count the first reminder of a permit; skip one that cannot be read (see ``permits status``)."""
        try:
            permit = folded(permit_id, records)
            s = situation_on(
                permit, self.first, self.context.policies.current(tx, permit.jurisdiction).at(self.first)
            )
            days = notices.first_reminder(s)
        except PermitsError:
            return
        for load, day in zip((self.before, self.after), days or (), strict=False):
            if self.first <= day <= self.last:
                load[day, s.prefecture] += 1
                if s.prefecture not in self.capacity:
                    scope = s.scope(office=s.prefecture)
                    self.capacity[s.prefecture] = s.rules.get("reminders.capacity", self.first, scope)
