"""Requests of persons about their data, duties to keep them, and their erasure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from permits_engine.application.context import Context, competence
from permits_engine.application.handlers import holders
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome
from permits_engine.application.queries.data_requests import holds_of, requests_of
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import AnswerDataRequest, Command, LiftHold, PlaceHold, RecordDataRequest
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import (
    Actor,
    Basis,
    Event,
    HolderHoldLifted,
    HolderHoldPlaced,
    HolderRequestAnswered,
    HolderRequestRecorded,
)

DataRequestCommand = RecordDataRequest | AnswerDataRequest | PlaceHold | LiftHold


def needs(command: DataRequestCommand, needs: Needs) -> None:
    """Name what the commands read."""
    needs.holders.add(command.holder_id)
    needs.keys.add(command.holder_id)


def handle(context: Context, uow: UnitOfWork, command: DataRequestCommand, actor: Actor) -> Outcome:
    """Record a request, its answer or a hold; raise ``holder.not_found``, ``holder.erased``."""
    today = competence(context, uow, command, actor)
    uow.holder_version(command.holder_id)
    uow.cipher(command.holder_id)
    event = _EVENT_OF[type(command)](context, uow, command, actor, today)
    return holders.append(uow, command, command.holder_id, [event])


def _recorded(
    context: Context, uow: UnitOfWork, command: RecordDataRequest, actor: Actor, today: date
) -> Event:
    """Return the event of a request, with the last day for its answer by the policy's own counting."""
    policy = uow.policy(context.jurisdiction_of(uow.tx, actor))
    rules, on = policy.at(today), command.on or today
    due = rules.due(on, rules.need("requests.answer", on, {}))
    stamp = context.stamper(actor, command, on)
    basis = Basis(policy.digest, tuple(rules.used))
    return stamp(HolderRequestRecorded, right=command.right, due_on=due, basis=basis)


def _answered(
    context: Context, uow: UnitOfWork, command: AnswerDataRequest, actor: Actor, today: date
) -> Event:
    open_ones = [each.version for each in requests_of(uow.tx, command.holder_id) if each.answered_on is None]
    if command.of_version not in open_ones:
        raise _not_open(command, "request", command.of_version, open_ones)
    stamp = context.stamper(actor, command, command.on or today)
    fields = {"of_version": command.of_version, "outcome": command.outcome, "reason": command.reason}
    return stamp(HolderRequestAnswered, **fields)


def _held(context: Context, uow: UnitOfWork, command: PlaceHold, actor: Actor, today: date) -> Event:
    stamp = context.stamper(actor, command, command.on or today)
    return stamp(HolderHoldPlaced, norm=command.norm, until=command.until, reason=command.reason)


def _lifted(context: Context, uow: UnitOfWork, command: LiftHold, actor: Actor, today: date) -> Event:
    open_ones = [each.version for each in holds_of(uow.tx, command.holder_id) if not each.lifted]
    if command.of_version not in open_ones:
        raise _not_open(command, "hold", command.of_version, open_ones)
    stamp = context.stamper(actor, command, command.on or today)
    return stamp(HolderHoldLifted, of_version=command.of_version, reason=command.reason)


_EVENT_OF: dict[type[Command], Callable[..., Event]] = {
    RecordDataRequest: _recorded,
    AnswerDataRequest: _answered,
    PlaceHold: _held,
    LiftHold: _lifted,
}


def _not_open(command: Command, what: str, version: int, open_ones: list[int]) -> PermitsError:
    return error(
        "transition.not_allowed",
        f"{command.name} is not possible: no {what} of version {version} is open; "
        f"open are: {', '.join(map(str, open_ones)) or 'none'}",
        state={"open": open_ones},
        command=command.name,
        allowed=[],
    )
