"""What a person asked about their data, and by when it is to be answered; read from history alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from permits_engine.application import idempotency
from permits_engine.application.context import Context
from permits_engine.commands import AnswerDataRequest, LiftHold, PlaceHold, RecordDataRequest
from permits_engine.domain.errors import error
from permits_engine.domain.events import (
    Actor,
    Basis,
    Event,
    HolderErased,
    HolderHoldLifted,
    HolderHoldPlaced,
    HolderRequestAnswered,
    HolderRequestRecorded,
)
from permits_engine.outcomes import Outcome
from permits_engine.registration import DEFAULT_JURISDICTION
from permits_engine.store.database.transactions import Unit
from permits_engine.store.events import codec, history
from permits_engine.store.events.history import StoredRecord
from permits_engine.work import Work


class Request(msgspec.Struct):
    """One request: ``version`` is that of its event in the holder's stream, and its name."""

    holder_id: str
    version: int
    right: str
    received_on: date
    due_on: date
    answered_on: date | None = None
    outcome: str | None = None

    def state(self, on: date) -> str:
        """Answered, open, or overdue on a day."""
        if self.answered_on is not None:
            return "answered"
        return "overdue" if on > self.due_on else "open"


class Hold(msgspec.Struct):
    """One duty to keep a person's data, placed on them by name."""

    version: int
    norm: str
    until: date | None
    lifted: bool = False


def record(
    context: Context, work: Work, command: RecordDataRequest, actor: Actor, today: date
) -> tuple[Event, ...]:
    """The event of a request, with the last day for its answer by the policy's own counting."""
    policy = work.policy((actor.prefecture or DEFAULT_JURISDICTION)[:2])
    rules, on = policy.at(today), command.on or today
    due = rules.due(on, rules.need("requests.answer", on, {}))
    stamp = context.stamper(actor, command, on)
    basis = Basis(policy.digest, tuple(rules.used))
    return (stamp(HolderRequestRecorded, right=command.right, due_on=due, basis=basis),)


def answer(
    context: Context, work: Work, command: AnswerDataRequest, actor: Actor, today: date
) -> tuple[Event, ...]:
    """The event of an answer; raises ``transition.not_allowed`` where no such request is open."""
    open_ones = [each.version for each in requests_of(work, command.holder_id) if each.answered_on is None]
    if command.of_version not in open_ones:
        raise _nothing(command.name, "request", command.of_version, open_ones)
    stamp = context.stamper(actor, command, command.on or today)
    fields = {"of_version": command.of_version, "outcome": command.outcome, "reason": command.reason}
    return (stamp(HolderRequestAnswered, **fields),)


def hold(context: Context, work: Work, command: PlaceHold, actor: Actor, today: date) -> tuple[Event, ...]:
    """The event of a duty to keep."""
    stamp = context.stamper(actor, command, command.on or today)
    return (stamp(HolderHoldPlaced, norm=command.norm, until=command.until, reason=command.reason),)


def lift(context: Context, work: Work, command: LiftHold, actor: Actor, today: date) -> tuple[Event, ...]:
    """The event of its end; raises ``transition.not_allowed`` where no such hold stands."""
    standing = [each.version for each in holds_of(work, command.holder_id) if not each.lifted]
    if command.of_version not in standing:
        raise _nothing(command.name, "hold", command.of_version, standing)
    stamp = context.stamper(actor, command, command.on or today)
    return (stamp(HolderHoldLifted, of_version=command.of_version, reason=command.reason),)


def carry_out(context: Context, work: Work, command: Any, actor: Actor, today: date, new: Any) -> Outcome:
    """Append to a holder's stream; raises ``holder.not_found``, ``holder.erased``."""
    holder_id = command.holder_id
    gate = work.holder(holder_id)
    if gate is None:
        raise error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
    work.cipher(holder_id)
    events = new(context, work, command, actor, today)
    seen = gate[0]
    records = work.sealed(holder_id, seen, events, holder_id)
    outcome = Outcome(None, holder_id, seen + len(events), tuple(each.NAME for each in events))
    idempotency.remember(work, command, outcome, holder_id, seen)
    work.move_holder(holder_id, seen, outcome.version)
    work.append(records)
    return outcome


# --- what history says ------------------------------------------------------------------------------------


def requests_of(work: Work, holder_id: str) -> list[Request]:
    """Every request of a person, in the order in which they came."""
    return _requests(_events(work.unit, holder_id))


def holds_of(work: Work, holder_id: str) -> list[Hold]:
    """Every hold that was placed on a person's data."""
    found: dict[int, Hold] = {}
    for version, event in ((version, event) for _, version, event in _events(work.unit, holder_id)):
        if isinstance(event, HolderHoldPlaced):
            found[version] = Hold(version, event.norm, event.until)
        if isinstance(event, HolderHoldLifted) and event.of_version in found:
            found[event.of_version].lifted = True
    return list(found.values())


def everybodys(unit: Unit) -> list[Request]:
    """Every request that was ever recorded, the first due first."""
    events = [(r.stream, r.version, codec.decode(r.name, r.payload)) for r in history.asked(unit)]
    return sorted(_requests(events), key=lambda each: (each.due_on, each.holder_id, each.version))


def erased(unit: Unit) -> list[dict[str, Any]]:
    """Who was erased, on which day and why, in the order of their ids; it names nobody."""
    found = []
    for record in history.asked(unit):
        event = codec.decode(record.name, record.payload)
        if isinstance(event, HolderErased):
            on = event.effective_on.isoformat()
            found.append({"holder_id": record.stream, "on": on, "reason": event.reason})
    return found


def _events(unit: Unit, holder_id: str) -> list[tuple[str, int, Event]]:
    def decoded(record: StoredRecord) -> tuple[str, int, Event]:
        return record.stream, record.version, codec.decode(record.name, record.payload)

    return [decoded(each) for each in history.stream(unit, holder_id)]


def _requests(events: Iterable[tuple[str, int, Event]]) -> list[Request]:
    found: dict[tuple[str, int], Request] = {}
    for stream, version, event in events:
        if isinstance(event, HolderRequestRecorded):
            made = Request(stream, version, event.right, event.effective_on, event.due_on)
            found[stream, version] = made
        if isinstance(event, HolderRequestAnswered) and (stream, event.of_version) in found:
            answered = found[stream, event.of_version]
            answered.answered_on, answered.outcome = event.effective_on, event.outcome
    return list(found.values())


def _nothing(command: str, what: str, version: int, standing: list[int]) -> Exception:
    return error(
        "transition.not_allowed",
        f"{command} is not possible: no {what} of version {version} is open; "
        f"open are: {', '.join(map(str, standing)) or 'none'}",
        state={"open": standing},
        command=command,
        allowed=[],
    )
