"""Notices that are claimed and not sent yet, with the permit and the person that their letters name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, or_, select

from permits_engine.application.context import Context
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import NoticeDue
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.holder import Person
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, event_store
from permits_engine.store.keys.keyring import Cipher

PAGE = 200
OPEN = ("due", "failed", "sending")
"""States of a notice that may still be sent."""
NAMES = [column.name for column in notices.columns]

_n = notices.c
_urgency = func.coalesce(_n.due_on, "9999-12-31")
_ready = (
    _n.state.in_(bindparam("states", expanding=True)),
    or_(_n.next_attempt_at.is_(None), _n.next_attempt_at <= bindparam("now")),
)
_PAGE = Statement(
    select(*notices.columns)
    .where(
        *_ready,
        _n.office.in_(bindparam("offices", expanding=True)),
        or_(
            _urgency > bindparam("day"), (_urgency == bindparam("day")) & (_n.notice_id > bindparam("after"))
        ),
    )
    .order_by(_urgency, _n.notice_id)
    .limit(bindparam("size"))
)
_COUNTS = Statement(
    select(permits.c.jurisdiction, _n.office, func.count())
    .join(permits, permits.c.permit_id == _n.permit_id)
    .where(*_ready)
    .group_by(permits.c.jurisdiction, _n.office)
)
_VERSIONS = Statement(among("SELECT permit_id, version FROM permits WHERE permit_id"))
_PERSONS = Statement(among("SELECT holder_id, version FROM holders WHERE holder_id"))


class PendingNotice(msgspec.Struct):
    """A notice that is claimed and not sent yet, with the data of its letter.

    ``records`` is the history of the permit, whose encrypted numbers a letter names; ``cipher`` the holder's key, none
    after an erasure; ``situation`` the permit as evaluated on the day of the pass, if it was.
    """

    notice_id: str
    row: dict[str, Any]
    event: NoticeDue
    permit: Permit
    person: Person
    policy: Policy
    records: Sequence[Placed] = ()
    cipher: Cipher | None = None
    situation: Situation | None = None

    @property
    def refused(self) -> list[str]:
        """The channels that refused for good."""
        return str(self.row["refused_by"] or "").split()

    def on(self, context: Context, day: date) -> Situation:
        """Return the permit on the day of the pass, by the rules known by then."""
        if self.situation is None:
            known = max(day, context.today(self.policy))
            self.situation = situation_on(self.permit, day, self.policy.at(known))
        return self.situation


def open_counts(tx: Transaction, now: int, states: Sequence[str] = OPEN) -> list[tuple[str, str, int]]:
    """Return the number of notices that may be tried at a moment, by jurisdiction and office."""
    rows = tx.all(_COUNTS, {"now": now, "states": list(states)})
    return [(row[0], row[1], row[2]) for row in rows]


def open_page(
    tx: Transaction, now: int, states: Sequence[str], offices: Iterable[str], after: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the next rows of notices that may be tried, the most urgent first."""
    place = {"day": "", "after": ""}
    if after is not None:
        place = {"day": after["due_on"] or "9999-12-31", "after": after["notice_id"]}
    asked = {"now": now, "states": list(states), "offices": list(offices), "size": PAGE, **place}
    return [dict(zip(NAMES, row, strict=True)) for row in tx.all(_PAGE, asked)]


def load(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> list[PendingNotice]:
    """Return pending notices with their data; unreadable permits are skipped (see ``permits status``)."""
    streams = uow.store.several([row["notice_id"] for row in rows])
    records = uow.store.several([row["permit_id"] for row in rows])
    uow.expect_files(row["permit_id"] for row in rows)
    uow.expect_persons(row["holder_id"] for row in rows)
    found = []
    for row in rows:
        event = next(streams[row["notice_id"]]).event
        assert isinstance(event, NoticeDue)
        try:
            permit, person = uow.file(event.permit_id), uow.person(event.holder_id)
            past = list(records.get(event.permit_id, ()))
        except PermitsError:
            continue
        assert permit is not None
        policy = uow.policy(permit.jurisdiction)
        cipher = uow.key(event.holder_id)
        found.append(PendingNotice(row["notice_id"], row, event, permit, person, policy, past, cipher))
    return found


def still_due(
    context: Context, tx: Transaction, pending: Sequence[PendingNotice], on: date
) -> dict[str, bool]:
    """Return for each notice whether it is due on the permit's current state.

    Permits and persons that changed since are read again. A notice whose permit or person can no longer be read is
    left out: it waits until that is repaired.
    """
    if not pending:
        return {}
    uow = context.begin(tx)
    files = _versions(tx, _VERSIONS, {each.permit.permit_id for each in pending})
    persons = _versions(tx, _PERSONS, {each.person.holder_id for each in pending})
    uow.expect_keys(each.person.holder_id for each in pending)
    current = {}
    for each in pending:
        try:
            if files.get(each.permit.permit_id) != each.permit.version:
                each.permit = uow.file(each.permit.permit_id) or each.permit
                each.records, each.situation = event_store(tx).stream(each.permit.permit_id), None
            if persons.get(each.person.holder_id) != each.person.version:
                each.person = uow.person(each.person.holder_id)
            each.cipher = uow.key(each.person.holder_id)
            current[each.notice_id] = each.situation is not None or _is_due(context, each, on)
        except PermitsError as problem:
            if problem.family == "store":
                raise
    return current


def _is_due(context: Context, each: PendingNotice, on: date) -> bool:
    s = each.on(context, on)
    if each.event.kind == notice.MOVED:
        return each.event.due_on in notice.named(s).values()
    keys = {(n.kind, n.deadline, n.tier, n.anchor) for n in notice.due(s)}
    return (each.event.kind, each.event.deadline, each.event.tier, each.event.anchor) in keys


def _versions(tx: Transaction, statement: Statement, ids: set[str]) -> dict[str, int]:
    return {row[0]: row[1] for row in tx.all(statement, {"ids": sorted(ids)})}
