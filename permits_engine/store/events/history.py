"""The history as it is read: in the order of its streams, or of the store. ``recorder`` alone appends to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from eventsourcing import persistence as library

from permits_engine.store.database.errors import not_initialised
from permits_engine.store.database.schema import PEOPLE_ASKED
from permits_engine.store.database.statements import Row, Statement, Transaction

_CHUNK = 500


class _Row(NamedTuple):
    position: int
    stream: str
    version: int
    name: str
    recorded_at: int
    payload: bytes


class StoredRecord(_Row, library.Notification):
    """An event as it is stored; ``recorded_at`` in microseconds since the epoch.

    It is the ``eventsourcing`` library's notification (and so its stored event) with the time beside, made of a
    row without a step in Python. On PostgreSQL position and recorded time are 0 until the transaction that
    wrote the event commits.
    """

    id = property(itemgetter(0))
    originator_id = property(itemgetter(1))
    originator_version = property(itemgetter(2))
    topic = property(itemgetter(3))
    state = property(itemgetter(5))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, tuple) or not isinstance(other, library.StoredEvent):
            return tuple.__eq__(self, other)
        return (self.stream, self.version, self.name, self.payload) == (
            other.originator_id,
            other.originator_version,
            other.topic,
            other.state,
        )

    __hash__ = tuple.__hash__


# As ``_make`` does, without a step in Python for each of a million rows.
_stored: Callable[[Row], StoredRecord] = partial(tuple.__new__, StoredRecord)


class Head(NamedTuple):
    """The end of the history; position 0 where it is empty."""

    position: int
    recorded_at: int
    simulated: bool
    store_id: str


_COLUMNS = "coalesce(position, 0), stream, version, name, coalesce(recorded_at, 0), payload"
_STREAM = f"""SELECT {_COLUMNS} FROM events
    WHERE stream = :stream AND version > :after AND version <= :until ORDER BY version"""
_ASCENDING = Statement(_STREAM)
_FIRST = Statement(f"{_STREAM} LIMIT :limit")
_LAST = Statement(f"{_STREAM} DESC LIMIT :limit")
_STREAMS = Statement(
    {
        "sqlite": f"""SELECT {_COLUMNS} FROM events
            WHERE stream IN (SELECT value FROM json_each(:ids)) ORDER BY stream, version""",
        "postgresql": f"""SELECT {_COLUMNS} FROM events
            WHERE stream = ANY(CAST(:ids AS text[])) ORDER BY stream, version""",
    }
)
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
_ASKED = Statement(f"SELECT {_COLUMNS} FROM events WHERE {PEOPLE_ASKED} ORDER BY stream, version")
_HEAD = Statement("SELECT position, recorded_at, simulated, store_id FROM head")
_LAST_VERSION = _ALL = 2**31 - 1
_LAST_POSITION = 2**63 - 1


def stream(
    tx: Transaction,
    stream_id: str,
    *,
    after: int = 0,
    until: int | None = None,
    limit: int | None = None,
    last_first: bool = False,
) -> list[StoredRecord]:
    """The events of a stream after one version and up to another; ``limit`` of them, the first or the last."""
    bounds = {"stream": stream_id, "after": after, "until": _LAST_VERSION if until is None else until}
    if limit is None and not last_first:
        return [_stored(row) for row in tx.all(_ASCENDING, bounds)]
    bounds["limit"] = _ALL if limit is None else limit
    return [_stored(row) for row in tx.all(_LAST if last_first else _FIRST, bounds)]


def streams(tx: Transaction, ids: Sequence[str]) -> dict[str, list[StoredRecord]]:
    """The events of several streams, in the order asked for; streams without events are left out."""
    found: dict[str, list[StoredRecord]] = {each: [] for each in ids}
    wanted = list(found)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        for row in tx.all(_STREAMS, {"ids": chunk}):
            found[row[1]].append(_stored(row))
    return {each: records for each, records in found.items() if records}


def after(
    tx: Transaction, position: int, limit: int, *, until: int | None = None, names: Sequence[str] = ()
) -> list[StoredRecord]:
    """The next events after a position, in the store's one order; of some stored types, where they are given."""
    bounds: dict[str, object] = {
        "position": position,
        "limit": limit,
        "until": _LAST_POSITION if until is None else until,
    }
    if not names:
        return [_stored(row) for row in tx.all(_AFTER, bounds)]
    bounds["names"] = list(names)
    return [_stored(row) for row in tx.all(_OF_NAMES, bounds)]


def asked(tx: Transaction) -> list[StoredRecord]:
    """What people asked about their own data and what became of it, stream by stream; by an index of its own."""
    return [_stored(row) for row in tx.all(_ASKED)]


def head(tx: Transaction) -> Head:
    """Where the history ends."""
    row = tx.one(_HEAD)
    if row is None:
        raise not_initialised("", "the store has no head")
    return Head(row[0], row[1], bool(row[2]), row[3])
