"""The history as it is read: stored records, and pages of the store's one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from eventsourcing import persistence as library

from permits_engine.store.database.errors import not_initialised
from permits_engine.store.database.schema import PEOPLE_ASKED
from permits_engine.store.database.statements import Row, Statement, Transaction


class Record(NamedTuple):
    """The stored fields of an event; ``recorded_at`` in microseconds since the epoch."""

    position: int
    stream: str
    version: int
    name: str
    recorded_at: int
    payload: bytes


class StoredRecord(Record, library.Notification):
    """An event as it is stored; ``recorded_at`` in microseconds since the epoch.

    It is the ``eventsourcing`` library's notification (and so its stored event), made of a row without a step in
    Python. On PostgreSQL position and recorded time are 0 until the transaction that wrote the event commits.
    """

    id = property(itemgetter(0))
    originator_id = property(itemgetter(1))
    originator_version = property(itemgetter(2))
    topic = property(itemgetter(3))
    state = property(itemgetter(5))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, tuple) or not isinstance(other, library.StoredEvent):
            return tuple.__eq__(self, other)
        event = other.originator_id, other.originator_version, other.topic, other.state
        return (self.stream, self.version, self.name, self.payload) == event

    __hash__ = tuple.__hash__


stored: Callable[[Row], StoredRecord] = partial(tuple.__new__, StoredRecord)
"""Return a row as a record, as ``_make`` does, without a step in Python."""


class Head(NamedTuple):
    """The end of the history; position 0 where it is empty."""

    position: int
    recorded_at: int
    simulated: bool
    store_id: str


COLUMNS = "coalesce(position, 0), stream, version, name, coalesce(recorded_at, 0), payload"
_BETWEEN = (
    "SELECT position, stream, version, name, recorded_at, payload FROM events"
    " WHERE position > :position AND position <= :until"
)
_AFTER = Statement(f"{_BETWEEN} ORDER BY position LIMIT :limit")
_OF_NAMES = Statement(
    {
        "sqlite": f"{_BETWEEN} AND name IN (SELECT value FROM json_each(:names)) ORDER BY position LIMIT :limit",
        "postgresql": f"{_BETWEEN} AND name = ANY(CAST(:names AS text[])) ORDER BY position LIMIT :limit",
    }
)
_ASKED = Statement(f"SELECT {COLUMNS} FROM events WHERE {PEOPLE_ASKED} ORDER BY stream, version")
_HEAD = Statement("SELECT position, recorded_at, simulated, store_id FROM head")
_LAST_POSITION = 2**63 - 1


def after(
    tx: Transaction, position: int, limit: int, *, until: int | None = None, names: Sequence[str] = ()
) -> list[StoredRecord]:
    """Return the next events after a position in the store's one order; of some stored types, if given."""
    bounds = {"position": position, "limit": limit, "until": _LAST_POSITION if until is None else until}
    if names:
        return [stored(row) for row in tx.all(_OF_NAMES, {**bounds, "names": list(names)})]
    return [stored(row) for row in tx.all(_AFTER, bounds)]


def asked(tx: Transaction) -> list[StoredRecord]:
    """Return all requests about personal data and what followed, stream by stream; an index of its own serves this."""
    return [stored(row) for row in tx.all(_ASKED)]


def head(tx: Transaction) -> Head:
    """Return the end of the history."""
    row = tx.one(_HEAD)
    if row is None:
        raise not_initialised("", "the store has no head")
    return Head(row[0], row[1], bool(row[2]), row[3])
