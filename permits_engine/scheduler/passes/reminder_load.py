"""How many first reminders leave on which day: as the tiers alone would have it, and as they are spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.schema import permits
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import codec, history

BATCH = 500
_p = permits.c
_ENDING = Statement(
    select(_p.permit_id)
    .where(_p.valid_until >= bindparam("first"), _p.permit_id > bindparam("after"))
    .order_by(_p.permit_id)
    .limit(bindparam("size"))
)


def plan(
    database: Database,
    context: Context,
    first: date,
    last: date,
    progress: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """The load by day and prefecture from one day to another, if nothing else happens to the files.

    Each row: ``day``, ``prefecture``, ``before`` and ``after`` spreading, and the office's ``capacity`` where it
    states one. Raises ``input.invalid``.
    """
    if last < first:
        raise invalid("to", f"{last} lies before {first}")
    before: defaultdict[tuple[date, str], int] = defaultdict(int)
    after: defaultdict[tuple[date, str], int] = defaultdict(int)
    capacity: dict[str, int | None] = {}
    cursor, done = "", 0
    while True:
        with database.read() as tx:
            wanted = {"first": first.isoformat(), "after": cursor, "size": BATCH}
            ids = [row[0] for row in tx.all(_ENDING, wanted)]
            for permit_id, records in history.streams(tx, ids).items():
                try:
                    permit = fold(permit_id, codec.numbered(records))
                    assert permit is not None
                    rules = context.policies.current(tx, permit.jurisdiction).at(first)
                    s = Situation(permit, first, rules)
                    days = notices.first_reminder(s)
                except PermitsError:
                    continue  # the file is parked and named by status
                if days is None:
                    continue
                for load, day in ((before, days[0]), (after, days[1])):
                    if first <= day <= last:
                        load[day, s.prefecture] += 1
                        if s.prefecture not in capacity:
                            scope = s.scope(office=s.prefecture)
                            capacity[s.prefecture] = rules.get("reminders.capacity", first, scope)
        if not ids:
            break
        cursor, done = ids[-1], done + len(ids)
        if progress is not None:
            progress(done)
    return [
        {
            "day": day.isoformat(),
            "prefecture": office,
            "before": before.get((day, office), 0),
            "after": after.get((day, office), 0),
            "capacity": capacity[office],
        }
        for day, office in sorted(before.keys() | after.keys())
    ]
