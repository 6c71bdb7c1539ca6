"""Requests and holds about a person's data, as recorded in the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, TypedDict

import msgspec

from permits_engine.domain.events import (
    HolderErased,
    HolderHoldLifted,
    HolderHoldPlaced,
    HolderRequestAnswered,
    HolderRequestRecorded,
)
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import history
from permits_engine.store.events.application import Placed, decoded, event_store


class DataRequest(msgspec.Struct):
    """A request of a person; ``version`` is that of its event in the holder's stream."""

    holder_id: str
    version: int
    right: str
    received_on: date
    due_on: date
    answered_on: date | None = None
    outcome: str | None = None

    def state(self, on: date) -> str:
        """Return answered, open, or overdue on a day."""
        if self.answered_on is not None:
            return "answered"
        return "overdue" if on > self.due_on else "open"


class DataHold(msgspec.Struct):
    """A duty to keep a person's data."""

    version: int
    norm: str
    until: date | None
    lifted: bool = False


class RequestRow(TypedDict):
    """A request as shown, with its state on a day."""

    holder_id: str
    version: int
    right: str
    received_on: str
    due_on: str
    answered_on: str | None
    outcome: str | None
    state: str


class ErasedRow(TypedDict):
    """An erased holder."""

    holder_id: str
    on: str
    reason: str


def as_row(request: DataRequest, on: date) -> RequestRow:
    """Return a request as shown, with its state on a day."""
    row: Any = {**msgspec.to_builtins(request), "state": request.state(on)}
    found: RequestRow = row
    return found


def requests_of(tx: Transaction, holder_id: str) -> list[DataRequest]:
    """Return every request of a person, in the order in which they came."""
    return _requests(event_store(tx).get(holder_id))


def holds_of(tx: Transaction, holder_id: str) -> list[DataHold]:
    """Return every hold that was placed on a person's data."""
    found: dict[int, DataHold] = {}
    for each in event_store(tx).get(holder_id):
        event = each.event
        if isinstance(event, HolderHoldPlaced):
            found[each.version] = DataHold(each.version, event.norm, event.until)
        if isinstance(event, HolderHoldLifted) and event.of_version in found:
            found[event.of_version].lifted = True
    return list(found.values())


def all_requests(tx: Transaction) -> list[DataRequest]:
    """Return every request that was ever recorded, the first due first."""
    return sorted(
        _requests(map(decoded, history.asked(tx))),
        key=lambda each: (each.due_on, each.holder_id, each.version),
    )


def erased(tx: Transaction) -> list[ErasedRow]:
    """Return the erasures in the order of the holders' ids, each with its day and reason."""
    return [
        {"holder_id": each.stream, "on": event.effective_on.isoformat(), "reason": event.reason}
        for each in map(decoded, history.asked(tx))
        if isinstance(event := each.event, HolderErased)
    ]


def _requests(events: Iterable[Placed]) -> list[DataRequest]:
    found: dict[tuple[str, int], DataRequest] = {}
    for each in events:
        stream, version, event = each.stream, each.version, each.event
        if isinstance(event, HolderRequestRecorded):
            made = DataRequest(stream, version, event.right, event.effective_on, event.due_on)
            found[stream, version] = made
        if isinstance(event, HolderRequestAnswered) and (stream, event.of_version) in found:
            answered = found[stream, event.of_version]
            answered.answered_on, answered.outcome = event.effective_on, event.outcome
    return list(found.values())
