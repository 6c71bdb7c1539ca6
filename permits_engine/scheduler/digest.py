"""Each morning's list for an office: what is overdue or about to be, what waits for a hand, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.transactions import Statement, Unit
from permits_engine.store.events import codec, history
from permits_engine.store.events.ids import derived
from permits_engine.store.events.timestamps import moment

BATCH = 200
AHEAD = 7
"""Days: what falls due within them is about to become overdue."""
SHOWN = 100
"""Lines of a letter; the command shows all."""
READY, PARKED = "ready_to_sign", "notice_parked"

_p, _n = permits.c, notices.c
_PENDING = ("incomplete", "under_review", "suspended")
_OPEN = Statement(
    select(_p.permit_id)
    .where(_p.prefecture == bindparam("office"), _p.closed_on.is_(None), _p.parked.is_(None))
    .where(_p.application_status.in_(_PENDING))
    .order_by(_p.permit_id)
)
_PARKED = Statement(
    select(_n.permit_id, _n.kind, _n.reason, _n.updated_at).where(
        _n.office == bindparam("office"), _n.state == "parked"
    )
)
_OFFICES = Statement(
    select(_p.prefecture)
    .where(_p.application_status.in_(_PENDING))
    .union(select(_n.office).where(_n.state == "parked"))
)


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that waits for the office: a deadline, an expedited file to sign, or a parked message.

    ``due_on`` is the day by which it is to be done (for a message, the day since when it waits), ``days`` how
    many are left: below 0 it is overdue.
    """

    what: str
    permit_id: str
    due_on: date | None = None
    days: int | None = None
    detail: str | None = None


class Digest(msgspec.Struct, frozen=True):
    """What an office is told on a morning."""

    office: str
    day: date
    items: list[Item]

    @property
    def notice_id(self) -> str:
        """The letter's identity: one for each office and day, whoever sends it."""
        return derived(f"digest/{self.office}/{self.day.isoformat()}")


def offices(unit: Unit) -> list[str]:
    """The offices for which something is open."""
    return sorted(row[0] for row in unit.all(_OFFICES, {}))


def digest(context: Context, unit: Unit, office: str, day: date, *, ahead: int = AHEAD) -> Digest:
    """What waits in an office on a day, worst first; a file that cannot be folded is left to status."""
    last = day + timedelta(days=ahead)
    policy = context.policies.current(unit, office[:2])
    rules = policy.at(max(day, context.today(policy)))
    items: list[Item] = []
    ids = [row[0] for row in unit.all(_OPEN, {"office": office})]
    for start in range(0, len(ids), BATCH):
        for permit_id, records in history.streams(unit, ids[start : start + BATCH]).items():
            try:
                permit = fold(permit_id, codec.numbered(records))
            except PermitsError:
                continue
            assert permit is not None
            items += _of_file(Situation(permit, day, rules), last)
    for permit_id, kind, reason, updated_at in unit.all(_PARKED, {"office": office}):
        since = moment(updated_at).date()
        items.append(Item(PARKED, permit_id, since, (since - day).days, f"{kind}: {reason}"))
    return Digest(office, day, sorted(items, key=_rank))


def _of_file(s: Situation, last: date) -> Iterator[Item]:
    request = s.request
    ready = request is not None and s.track == "expedited" and s.application_status == "under_review"
    clocks = {kind: on for kind, on, _ in notice.office_clocks(s)}
    if ready:
        target = clocks.pop("expedited_target", None)
        days = None if target is None else (target - s.day).days
        yield Item(READY, s.permit.permit_id, target, days)
    for kind, on in clocks.items():
        if on <= last:
            yield Item(kind, s.permit.permit_id, on, (on - s.day).days)


def _rank(item: Item) -> tuple[int, str, str]:
    # What has no day of its own can be signed at once: it stands with what is due today.
    return (item.days if item.days is not None else 0, item.what, item.permit_id)


def listed(found: Digest) -> list[dict[str, Any]]:
    """The items of a digest as plain rows."""
    rows: list[dict[str, Any]] = msgspec.to_builtins(found.items)
    return [{"office": found.office, **row} for row in rows]
