"""The morning digest of an office: overdue and near deadlines, files to sign and parked notices, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NotRequired, TypedDict

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import event_store, folded
from permits_engine.store.events.ids import derived
from permits_engine.store.events.timestamps import moment

BATCH = 200
AHEAD = 7
"""Days: a deadline due within them is near."""
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
    "SELECT permit_id, kind, reason, updated_at FROM notices WHERE office = :office AND state = 'parked'"
)
_OFFICES = Statement(
    select(_p.prefecture)
    .where(_p.application_status.in_(_PENDING))
    .union(select(_n.office).where(_n.state == "parked"))
)


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task of an office: a deadline, an expedited file to sign, or a parked notice.

    ``due_on`` is the day of the deadline (for a notice, the day since when it is parked), ``days`` the days left:
    below 0 it is overdue.
    """

    what: str
    permit_id: str
    due_on: date | None = None
    days: int | None = None
    detail: str | None = None


class Digest(msgspec.Struct, frozen=True):
    """The open tasks of an office on a day."""

    office: str
    day: date
    items: list[Item]

    @property
    def notice_id(self) -> str:
        """The letter's identity: one for each office and day, whatever process sends it."""
        return derived(f"digest/{self.office}/{self.day.isoformat()}")


def offices(tx: Transaction) -> list[str]:
    """Return the offices that have open tasks."""
    return sorted(row[0] for row in tx.all(_OFFICES, {}))


def digest(context: Context, tx: Transaction, office: str, day: date, *, ahead: int = AHEAD) -> Digest:
    """Return the open tasks of an office on a day, worst first; unreadable permits are skipped."""
    last = day + timedelta(days=ahead)
    policy = context.policies.current(tx, office[:2])
    rules = policy.at(max(day, context.today(policy)))
    items: list[Item] = []
    ids = [row[0] for row in tx.all(_OPEN, {"office": office})]
    for start in range(0, len(ids), BATCH):
        for permit_id, records in event_store(tx).several(ids[start : start + BATCH]).items():
            try:
                permit = folded(permit_id, records)
            except PermitsError:
                continue
            items += _items(situation_on(permit, day, rules), last)
    for permit_id, kind, reason, updated_at in tx.all(_PARKED, {"office": office}):
        since = moment(updated_at).date()
        items.append(Item(PARKED, permit_id, since, (since - day).days, f"{kind}: {reason}"))
    return Digest(office, day, sorted(items, key=_rank))


class TaskRow(TypedDict):
    """An item of an office's digest as shown."""

    office: str
    what: str
    permit_id: str
    due_on: NotRequired[str]
    days: NotRequired[int]
    detail: NotRequired[str]


def as_rows(found: Digest) -> list[TaskRow]:
    """Return the items of a digest as plain rows."""
    rows: list[Any] = [{"office": found.office, **msgspec.to_builtins(item)} for item in found.items]
    return rows


def _items(s: Situation, last: date) -> Iterator[Item]:
    deadlines = {kind: on for kind, on, _ in notice.office_deadlines(s)}
    if s.request is not None and s.track == "expedited" and s.application_status == "under_review":
        target = deadlines.pop("expedited_target", None)
        days = None if target is None else (target - s.day).days
        yield Item(READY, s.permit.permit_id, target, days)
    for kind, on in deadlines.items():
        if on <= last:
            yield Item(kind, s.permit.permit_id, on, (on - s.day).days)


def _rank(item: Item) -> tuple[int, str, str]:
    # A task without a day can be done at once: it ranks with those of today.
    return (item.days if item.days is not None else 0, item.what, item.permit_id)
