"""What a person asked about their data, and by when it is to be answered; read from history alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from permits_engine.application.context import competence
from permits_engine.application.handlers import erasure
from permits_engine.application.outcome import Outcome
from permits_engine.application.queries.data_requests import holds_of, requests_of
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import (
    AnswerDataRequest,
    Command,
    EraseHolder,
    LiftHold,
    PlaceHold,
    RecordDataRequest,
)
from permits_engine.domain.events import Actor

if TYPE_CHECKING:
    from permits_engine.application.context import Context

from datetime import date

from permits_engine.application import idempotency
from permits_engine.application.context import Context
from permits_engine.domain.errors import error
from permits_engine.domain.events import (
    Basis,
    Event,
    HolderHoldLifted,
    HolderHoldPlaced,
    HolderRequestAnswered,
    HolderRequestRecorded,
)


def record(
    context: Context, uow: UnitOfWork, command: RecordDataRequest, actor: Actor, today: date
) -> tuple[Event, ...]:
    """The event of a request, with the last day for its answer by the policy's own counting."""
    policy = uow.policy(context.jurisdiction_of(uow.tx, actor))
    rules, on = policy.at(today), command.on or today
    due = rules.due(on, rules.need("requests.answer", on, {}))
    stamp = context.stamper(actor, command, on)
    basis = Basis(policy.digest, tuple(rules.used))
    return (stamp(HolderRequestRecorded, right=command.right, due_on=due, basis=basis),)


def answer(
    context: Context, uow: UnitOfWork, command: AnswerDataRequest, actor: Actor, today: date
) -> tuple[Event, ...]:
    """The event of an answer; raises ``transition.not_allowed`` where no such request is open."""
    open_ones = [each.version for each in requests_of(uow, command.holder_id) if each.answered_on is None]
    if command.of_version not in open_ones:
        raise _nothing(command.name, "request", command.of_version, open_ones)
    stamp = context.stamper(actor, command, command.on or today)
    fields = {"of_version": command.of_version, "outcome": command.outcome, "reason": command.reason}
    return (stamp(HolderRequestAnswered, **fields),)


def hold(
    context: Context, uow: UnitOfWork, command: PlaceHold, actor: Actor, today: date
) -> tuple[Event, ...]:
    """The event of a duty to keep."""
    stamp = context.stamper(actor, command, command.on or today)
    return (stamp(HolderHoldPlaced, norm=command.norm, until=command.until, reason=command.reason),)


def lift(
    context: Context, uow: UnitOfWork, command: LiftHold, actor: Actor, today: date
) -> tuple[Event, ...]:
    """The event of its end; raises ``transition.not_allowed`` where no such hold stands."""
    standing = [each.version for each in holds_of(uow, command.holder_id) if not each.lifted]
    if command.of_version not in standing:
        raise _nothing(command.name, "hold", command.of_version, standing)
    stamp = context.stamper(actor, command, command.on or today)
    return (stamp(HolderHoldLifted, of_version=command.of_version, reason=command.reason),)


def carry_out(
    context: Context, uow: UnitOfWork, command: Any, actor: Actor, today: date, new: Any
) -> Outcome:
    """Append to a holder's stream; raises ``holder.not_found``, ``holder.erased``."""
    holder_id = command.holder_id
    gate = uow.holder(holder_id)
    if gate is None:
        raise error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
    uow.cipher(holder_id)
    events = new(context, uow, command, actor, today)
    seen = gate[0]
    records = uow.place(holder_id, seen, events, holder_id)
    outcome = Outcome(None, holder_id, seen + len(events), tuple(each.NAME for each in events))
    idempotency.remember(uow, command, outcome, holder_id, seen)
    uow.move_holder(holder_id, seen, outcome.version)
    uow.append(records)
    return outcome


# --- what history says ------------------------------------------------------------------------------------


def _nothing(command: str, what: str, version: int, standing: list[int]) -> Exception:
    return error(
        "transition.not_allowed",
        f"{command} is not possible: no {what} of version {version} is open; "
        f"open are: {', '.join(map(str, standing)) or 'none'}",
        state={"open": standing},
        command=command,
        allowed=[],
    )


_APPENDED: dict[type[Command], Any] = {
    RecordDataRequest: record,
    AnswerDataRequest: answer,
    PlaceHold: hold,
    LiftHold: lift,
}


def change(context: Context, uow: UnitOfWork, command: Any, actor: Actor) -> Outcome:
    """Carry out a command about a person's data; raises ``actor.not_competent`` first of all."""
    today = competence(context, uow, command, actor)
    if isinstance(command, EraseHolder):
        return erasure.erase(context, uow, command, actor, today)
    return carry_out(context, uow, command, actor, today, _APPENDED[type(command)])
