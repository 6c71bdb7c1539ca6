"""Erasing a person: one transaction that destroys their key and everything that only they could be found by.

What a reader of the store then still has of them is what statistics and decisions need, in the permit's own events:
nationality, sex and age on the day. The rows that say which commands were carried out stay, without the digest of what
they said and without the person, so that neither an old command nor an old register brings anybody back.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.queries import data_requests, retention_obstacles
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.views import numbers_of
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import EraseHolder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, Event, HolderErased, HolderRequestAnswered, NoticeSuppressed
from permits_engine.projections import notice_rows, writing
from permits_engine.projections.holder import Person
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events import codec, history
from permits_engine.store.keys import blind_index, erasure
from permits_engine.store.keys.keyring import DESTROY, REGISTER_KEY, register_id

if TYPE_CHECKING:
    from permits_engine.application.context import Context

UNSENT = ("due", "failed", "sending", "parked")
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


def erase(context: Context, uow: UnitOfWork, command: EraseHolder, actor: Actor, today: date) -> Outcome:
    """Erase a person; of one who was erased already nothing more happens.

    Raises ``holder.not_found``, ``holder.held`` with what stands in the way, ``input.invalid`` where the
    reason names the person.
    """
    holder_id = command.holder_id
    if uow.tx.writing:
        uow.write()  # what was decided before in this transaction comes first
        context.keyring.lock(uow.tx, holder_id)
        uow.forget(holder_id)
    gate = uow.holder(holder_id)
    if gate is None:
        raise error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
    seen = gate[0]
    if command.expected_version not in (None, seen):
        raise conflict(holder_id, seen, command.expected_version or 0)
    records = history.stream(uow.tx, holder_id)
    if uow.key(holder_id) is None and any(r.name.startswith(f"{HolderErased.NAME}@") for r in records):
        return Outcome(None, holder_id, seen, ())
    _names_nobody(uow.person(holder_id), reason=command.reason, agreement=command.archive_agreement)
    jurisdiction = context.jurisdiction_of(uow.tx, actor)
    standing = retention_obstacles.standing(context, uow, holder_id, jurisdiction=jurisdiction)
    obstacles = [
        each
        for each in standing.obstacles
        if each.kind != "archive_duty" or command.archive_agreement is None
    ]
    if obstacles:
        raise held(holder_id, obstacles)
    events = _events(context, uow, command, actor, today)
    outcome = Outcome(None, holder_id, seen + len(events), tuple(each.NAME for each in events))
    _destroy(context, uow, holder_id, _commands(context, uow, holder_id))
    _silence(context, uow, holder_id, actor, today)
    uow.append(uow.place(holder_id, seen, events, None))
    uow.move_holder(holder_id, seen, outcome.version)
    if uow.tx.writing:
        uow.write()
        uow.forget(holder_id)
    return outcome


def held(holder_id: str, obstacles: list[retention_obstacles.Obstacle]) -> Exception:
    """``holder.held``: what stands in the way, each with its norm."""
    first = obstacles[0]
    until = f" until {first.until}" if first.until else ""
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    remedy = {
        "archive_duty": "erase then, or with the archives' agreement (archive_agreement)",
        "hold": "lift the hold first (lift_hold)",
    }.get(first.kind, "end the procedure first")
    return error(
        "holder.held",
        f"the holder's data have to be kept: {first.because}{until}, {first.norm}{more}; {remedy}",
        holder_id=holder_id,
        holds=retention_obstacles.told(obstacles),
    )


def _events(
    context: Context, uow: UnitOfWork, command: EraseHolder, actor: Actor, today: date
) -> list[Event]:
    stamp = context.stamper(actor, command, command.on or today)
    wanted = [
        each
        for each in data_requests.requests_of(uow, command.holder_id)
        if each.right == "erasure" and each.answered_on is None
    ]
    return [
        *(stamp(HolderRequestAnswered, of_version=each.version, outcome="granted") for each in wanted),
        stamp(HolderErased, reason=command.reason, archive_agreement=command.archive_agreement),
    ]


def _destroy(context: Context, uow: UnitOfWork, holder_id: str, command_ids: set[str]) -> None:
    if uow.key(holder_id) is not None:
        uow.write_row(DESTROY, {"holder_id": holder_id})
    uow.write_last(blind_index.FORGET, {"holder_id": holder_id})
    for command_id in sorted(command_ids):
        sever = _SEVER if command_id.startswith("register/") else _BLANK
        uow.write_last(sever, {"command_id": command_id, "holder_id": holder_id, "nothing": b""})
    uow.write_last(erasure.BEGIN, {"holder_id": holder_id, "now": context.now()})


def _commands(context: Context, uow: UnitOfWork, holder_id: str) -> set[str]:
    """Under which ids commands about the person were carried out, and rows of a register taken over."""
    files = [row[0] for row in uow.tx.all(retention_obstacles.FILES, {"holder_id": holder_id})]
    found = set()
    for records in history.streams(uow.tx, [holder_id, *files]).values():
        found |= {codec.decode(r.name, r.payload).command_id for r in records}
    index = context.keyring.load(uow.tx, REGISTER_KEY)
    if index is not None:
        for permit_id in files:
            file = PermitFile(context, uow.tx, permit_id)
            numbers = numbers_of(file, "file_number", as_first_written=True)
            found |= {register_id(index, number) for number in numbers}
    return {each for each in found if each is not None}


def _silence(context: Context, uow: UnitOfWork, holder_id: str, actor: Actor, today: date) -> None:
    """Nothing that waits to be said to the person, or about them, is said any more."""
    names = [column.name for column in notices.columns]
    for values in uow.tx.all(_MESSAGES, {"holder_id": holder_id}):
        row = dict(zip(names, values, strict=True))
        event = context.stamper(actor, None, today)(NoticeSuppressed, reason="holder_erased")
        after = notice_rows.after(row, event, row["version"] + 1, context.now())
        uow.write_row(writing.UPDATE_NOTICE, writing.moved(after, row["version"]))
        uow.append(uow.place(row["notice_id"], row["version"], [event], None))


def _names_nobody(person: Person, **texts: str | None) -> None:
    """See that what stays in the history in clear does not say what is being erased."""
    names = {word for word in blind_index.words(person.name) if len(word) >= _SHORT}
    whole = [str(each) for each in (person.birth_date, person.email, person.phone) if each]
    for field, text in texts.items():
        if text and (names & blind_index.words(text) or any(each in text for each in whole)):
            raise invalid(field, "says who the person is, and stays in the history in clear: leave that out")
