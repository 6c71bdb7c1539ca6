"""Requests and holds about a person's data, as the history has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.domain.events import (
    Event,
    HolderErased,
    HolderHoldLifted,
    HolderHoldPlaced,
    HolderRequestAnswered,
    HolderRequestRecorded,
)
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import codec, history
from permits_engine.store.events.history import StoredRecord


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


def requests_of(uow: UnitOfWork, holder_id: str) -> list[Request]:
    """Every request of a person, in the order in which they came."""
    return _requests(_events(uow.tx, holder_id))


def holds_of(uow: UnitOfWork, holder_id: str) -> list[Hold]:
    """Every hold that was placed on a person's data."""
    found: dict[int, Hold] = {}
    for version, event in ((version, event) for _, version, event in _events(uow.tx, holder_id)):
        if isinstance(event, HolderHoldPlaced):
            found[version] = Hold(version, event.norm, event.until)
        if isinstance(event, HolderHoldLifted) and event.of_version in found:
            found[event.of_version].lifted = True
    return list(found.values())


def everybodys(tx: Transaction) -> list[Request]:
    """Every request that was ever recorded, the first due first."""
    events = [(r.stream, r.version, codec.decode(r.name, r.payload)) for r in history.asked(tx)]
    return sorted(_requests(events), key=lambda each: (each.due_on, each.holder_id, each.version))


def erased(tx: Transaction) -> list[dict[str, Any]]:
    """Who was erased, on which day and why, in the order of their ids; it names nobody."""
    found = []
    for record in history.asked(tx):
        event = codec.decode(record.name, record.payload)
        if isinstance(event, HolderErased):
            on = event.effective_on.isoformat()
            found.append({"holder_id": record.stream, "on": on, "reason": event.reason})
    return found


def _events(tx: Transaction, holder_id: str) -> list[tuple[str, int, Event]]:
    def decoded(record: StoredRecord) -> tuple[str, int, Event]:
        return record.stream, record.version, codec.decode(record.name, record.payload)

    return [decoded(each) for each in history.stream(tx, holder_id)]


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
