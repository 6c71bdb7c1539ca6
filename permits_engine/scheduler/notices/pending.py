"""A message on its way: claimed and not sent, with the file and the person as they are when it goes out."""

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
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.holder import Person
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import codec, history
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.keys.keyring import Cipher

PAGE = 200
OPEN = ("due", "failed", "sending")
"""States of a message with which something is still to be done."""
NAMES = [column.name for column in notices.columns]

_n = notices.c
_urgency = func.coalesce(_n.due_on, "9999-12-31")
_ready = (
    _n.state.in_(OPEN),
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


class Waiting(msgspec.Struct):
    """A message that is claimed and not sent yet, with what its letter needs."""

    notice_id: str
    row: dict[str, Any]
    event: NoticeDue
    permit: Permit
    person: Person
    policy: Policy
    records: Sequence[StoredRecord] = ()
    """The file's history, whose encrypted numbers a letter names."""
    cipher: Cipher | None = None
    """The holder's key; none once their data were erased."""
    situation: Situation | None = None
    """The file as it was evaluated when the message was claimed, in this very pass."""

    @property
    def refused(self) -> list[str]:
        """The channels that are not tried again."""
        return str(self.row["refused_by"] or "").split()


def open_counts(tx: Transaction, now: int) -> list[tuple[str, str, int]]:
    """How many messages wait that may be tried at a moment, by jurisdiction and office."""
    return [(row[0], row[1], row[2]) for row in tx.all(_COUNTS, {"now": now})]


def open_page(
    tx: Transaction, now: int, offices: Iterable[str], after: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """The next rows of messages that may be tried, the most urgent first."""
    place = {"day": "", "after": ""}
    if after is not None:
        place = {"day": after["due_on"] or "9999-12-31", "after": after["notice_id"]}
    rows = tx.all(_PAGE, {"now": now, "offices": list(offices), "size": PAGE, **place})
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def loaded(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> list[Waiting]:
    """Messages of before with what their letters need; one whose file cannot be read is left to status."""
    streams = history.streams(uow.tx, [row["notice_id"] for row in rows])
    records = history.streams(uow.tx, [row["permit_id"] for row in rows])
    uow.expect_files(row["permit_id"] for row in rows)
    uow.expect_persons(row["holder_id"] for row in rows)
    found = []
    for row in rows:
        first = streams[row["notice_id"]][0]
        event = codec.decode(first.name, first.payload)
        assert isinstance(event, NoticeDue)
        try:
            permit, person = uow.file(event.permit_id), uow.person(event.holder_id)
        except PermitsError:
            continue
        assert permit is not None
        policy = uow.policy(permit.jurisdiction)
        past, cipher = records.get(event.permit_id, ()), uow.key(event.holder_id)
        found.append(Waiting(row["notice_id"], row, event, permit, person, policy, past, cipher))
    return found


def still_due(context: Context, tx: Transaction, waiting: Sequence[Waiting], on: date) -> dict[str, bool]:
    """Whether each message is due on the file as it is at this moment.

    Person and file are read again where they have changed since. A message whose file or person cannot be
    read any more is left out: it waits until that is mended.
    """
    if not waiting:
        return {}
    uow = context.begin(tx)
    files = _versions(tx, _VERSIONS, {each.permit.permit_id for each in waiting})
    persons = _versions(tx, _PERSONS, {each.person.holder_id for each in waiting})
    uow.expect_keys(each.person.holder_id for each in waiting)
    current = {}
    for each in waiting:
        try:
            if files.get(each.permit.permit_id) != each.permit.version:
                each.permit = uow.file(each.permit.permit_id) or each.permit
                each.records, each.situation = history.stream(tx, each.permit.permit_id), None
            if persons.get(each.person.holder_id) != each.person.version:
                each.person = uow.person(each.person.holder_id)
            each.cipher = uow.key(each.person.holder_id)
            current[each.notice_id] = each.situation is not None or _is_due(context, each, on)
        except PermitsError as problem:
            if problem.family == "store":
                raise
    return current


def situation_of(context: Context, each: Waiting, on: date) -> Situation:
    """The file on the day of the pass, by the rules known by then."""
    if each.situation is None:
        known = max(on, context.today(each.policy))
        each.situation = Situation(each.permit, on, each.policy.at(known))
    return each.situation


def _is_due(context: Context, each: Waiting, on: date) -> bool:
    found = notice.due(situation_of(context, each, on))
    keys = {(n.kind, n.deadline, n.tier, n.anchor) for n in found}
    return (each.event.kind, each.event.deadline, each.event.tier, each.event.anchor) in keys


def _versions(tx: Transaction, statement: Statement, ids: set[str]) -> dict[str, int]:
    return {row[0]: row[1] for row in tx.all(statement, {"ids": sorted(ids)})}
