"""Erasure of a person: one transaction destroys their key and all entries by which they could be found.

The permits' own events keep what statistics and decisions need: nationality, sex and age on the day. The rows of
commands stay without their digest and the person, so that no old command or register brings the person back.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.application.context import Context, competence
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.queries import data_requests, retention_obstacles
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.retention_obstacles import Obstacle
from permits_engine.application.queries.views import numbers_of
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import EraseHolder
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events import Actor, Event, HolderErased, HolderRequestAnswered, NoticeSuppressed
from permits_engine.projections import notice_rows, writing
from permits_engine.projections.holder import Person
from permits_engine.projections.search_entries import FILES
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.transactions import Statement
from permits_engine.store.keys import blind_index, erasure
from permits_engine.store.keys.keyring import DESTROY, REGISTER_KEY, register_id

UNSENT = ("due", "failed", "sending", "parked")
"""States of messages that may still be sent."""
_MESSAGES = Statement(
    select(*notices.columns)
    .join(permits, permits.c.permit_id == notices.c.permit_id)
    .where(permits.c.holder_id == bindparam("holder_id"), notices.c.state.in_(UNSENT))
    .order_by(notices.c.notice_id)
)
_BLANK = Statement(
    "UPDATE commands SET digest = :nothing, holder_id = NULL, permit_id = NULL"
    " WHERE command_id = :command_id AND holder_id = :holder_id"
)
_SEVER = Statement(
    "UPDATE commands SET digest = :nothing, holder_id = NULL, permit_id = NULL, stream = ''"
    " WHERE command_id = :command_id AND holder_id = :holder_id"
)
_SHORT = 3


class _Inputs(msgspec.Struct):
    """What the decision looks at, and what the erasure removes."""

    person: Person
    obstacles: list[Obstacle]
    requests: list[int]
    """Versions of the requests for erasure that are open."""
    command_ids: set[str]
    messages: list[dict[str, Any]]


def erase_holder(context: Context, uow: UnitOfWork, command: EraseHolder, actor: Actor) -> Outcome:
    """Erase a person; do nothing for one who was erased already.

    Raises ``holder.not_found``, ``holder.held`` with the obstacles, ``input.invalid`` where the reason names the
    person.
    """
    today = competence(context, uow, command, actor)
    holder_id = command.holder_id
    if uow.tx.writing:
        uow.write()  # what was decided before in this transaction comes first
        context.keyring.lock(uow.tx, holder_id)
        uow.forget(holder_id)
    seen = uow.holder_version(holder_id)
    if command.expected_version not in (None, seen):
        raise conflict(holder_id, seen, command.expected_version or 0)
    if uow.key(holder_id) is None and _erased_before(uow, holder_id):
        return Outcome(None, holder_id, seen, ())
    inputs = _load(context, uow, command, actor)
    _check(command, inputs)
    stamp = context.stamper(actor, command, command.on or today)
    new = [stamp(HolderRequestAnswered, of_version=each, outcome="granted") for each in inputs.requests]
    new.append(stamp(HolderErased, reason=command.reason, archive_agreement=command.archive_agreement))
    _destroy(context, uow, holder_id, inputs.command_ids)
    _suppress(context, uow, inputs.messages, actor, today)
    uow.extend_holder(uow.place(holder_id, seen, new, None))
    if uow.tx.writing:
        uow.write()
        uow.forget(holder_id)
    return Outcome(None, holder_id, seen + len(new), tuple(each.NAME for each in new))


def _erased_before(uow: UnitOfWork, holder_id: str) -> bool:
    records = uow.store.stream(holder_id)
    return any(each.name.startswith(f"{HolderErased.NAME}@") for each in records)


def _load(context: Context, uow: UnitOfWork, command: EraseHolder, actor: Actor) -> _Inputs:
    holder_id = command.holder_id
    jurisdiction = context.jurisdiction_of(uow.tx, actor)
    names = [column.name for column in notices.columns]
    return _Inputs(
        uow.person(holder_id),
        retention_obstacles.assess(context, uow, holder_id, jurisdiction=jurisdiction).obstacles,
        [
            each.version
            for each in data_requests.requests_of(uow.tx, holder_id)
            if each.right == "erasure" and each.answered_on is None
        ],
        _command_ids(context, uow, holder_id),
        [dict(zip(names, row, strict=True)) for row in uow.tx.all(_MESSAGES, {"holder_id": holder_id})],
    )


def _command_ids(context: Context, uow: UnitOfWork, holder_id: str) -> set[str]:
    """Return the ids of the commands about the person, those of imported register rows included."""
    files = [row[0] for row in uow.tx.all(FILES, {"holder_id": holder_id})]
    found = set()
    for records in uow.store.several([holder_id, *files]).values():
        found |= {r.event.command_id for r in records}
    index = context.keyring.load(uow.tx, REGISTER_KEY)
    if index is not None:
        for permit_id in files:
            file = PermitFile(context, uow.tx, permit_id)
            numbers = numbers_of(file, "file_number", as_first_written=True)
            found |= {register_id(index, number) for number in numbers}
    return {each for each in found if each is not None}


def _check(command: EraseHolder, inputs: _Inputs) -> None:
    """Raise what prevents the erasure."""
    _check_anonymous(inputs.person, reason=command.reason, agreement=command.archive_agreement)
    obstacles = [
        each for each in inputs.obstacles if each.kind != "archive_duty" or command.archive_agreement is None
    ]
    if obstacles:
        raise held(command.holder_id, obstacles)


def held(holder_id: str, obstacles: list[Obstacle]) -> PermitsError:
    """Return ``holder.held`` with the obstacles, each with its norm."""
    first = obstacles[0]
    until = f" until {first.until}" if first.until else ""
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    remedy = {
        "archive_duty": "erase then, or with the archives' agreement (archive_agreement)",
        "hold": "lift the hold first (lift_hold)",
    }.get(first.kind, "end the procedure first")
    message = f"the holder's data have to be kept: {first.because}{until}, {first.norm}{more}; {remedy}"
    return error("holder.held", message, holder_id=holder_id, holds=msgspec.to_builtins(obstacles))


def _check_anonymous(person: Person, **texts: str | None) -> None:
    """Raise ``input.invalid`` where a text that stays readable in the history names the person."""
    said = blind_index.words(" ".join(name for name in person.names if name))
    names = {word for word in said if len(word) >= _SHORT}
    birth_date = str(person.born.whole) if person.born and person.born.whole else None
    whole = [each for each in (birth_date, person.email, person.phone) if each]
    for field, text in texts.items():
        if text and (names & blind_index.words(text) or any(each in text for each in whole)):
            raise invalid(field, "identifies the person and stays readable in the history: leave that out")


def _destroy(context: Context, uow: UnitOfWork, holder_id: str, command_ids: set[str]) -> None:
    if uow.key(holder_id) is not None:
        uow.write_row(DESTROY, {"holder_id": holder_id})
    uow.write_last(blind_index.FORGET, {"holder_id": holder_id})
    for command_id in sorted(command_ids):
        sever = _SEVER if command_id.startswith("register/") else _BLANK
        uow.write_last(sever, {"command_id": command_id, "holder_id": holder_id, "nothing": b""})
    uow.write_last(erasure.BEGIN, {"holder_id": holder_id, "now": context.now()})


def _suppress(
    context: Context, uow: UnitOfWork, messages: list[dict[str, Any]], actor: Actor, today: date
) -> None:
    """Suppress the messages to the person, or about them, that were not sent yet."""
    for row in messages:
        event: Event = context.stamper(actor, None, today)(NoticeSuppressed, reason="holder_erased")
        after = notice_rows.after(row, event, row["version"] + 1, context.now())
        uow.write_row(writing.UPDATE_NOTICE, writing.moved(after, row["version"]))
        uow.append(uow.place(row["notice_id"], row["version"], [event], None))
