"""The history: events appended to streams, and read in the order of their streams or of the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from permits_engine.domain.errors import error
from permits_engine.store.failures import not_initialised
from permits_engine.store.schema import PEOPLE_ASKED
from permits_engine.store.sql import Row, Statement, Unit

_CHUNK = 500


class Record(NamedTuple):
    """An event as it is to be stored."""

    stream: str
    version: int
    name: str
    payload: bytes


class StoredRecord(NamedTuple):
    """An event as it is stored; ``recorded_at`` in microseconds since the epoch.

    On PostgreSQL position and recorded time are 0 until the transaction that wrote the event commits.
    """

    position: int
    stream: str
    version: int
    name: str
    recorded_at: int
    payload: bytes


# As ``_make`` does, without a step in Python for each of a million rows.
_stored: Callable[[Row], StoredRecord] = partial(tuple.__new__, StoredRecord)


class Head(NamedTuple):
    """The end of the history; position 0 where it is empty."""

    position: int
    recorded_at: int
    simulated: bool
    store_id: str


# SQLite has one writer, so the place after the head is known at once; a trigger moves the head there.
# PostgreSQL gives the place at commit. A stream's version that is taken is a missing row, not an exception:
# on PostgreSQL an exception would break the host's whole transaction.
_APPEND = Statement(
    {
        "sqlite": """INSERT INTO events (position, stream, version, name, recorded_at, payload)
            SELECT position + 1, :stream, :version, :name, max(:now, recorded_at), :payload FROM head""",
        "postgresql": """INSERT INTO events (stream, version, name, payload)
            VALUES (:stream, :version, :name, :payload) ON CONFLICT (stream, version) DO NOTHING""",
    }
)
_NOW = Statement("SELECT set_config('permits.now', :now, true)")
_COLUMNS = "coalesce(position, 0), stream, version, name, coalesce(recorded_at, 0), payload"
_STREAM = Statement(
    f"""SELECT {_COLUMNS} FROM events
    WHERE stream = :stream AND version > :after AND version <= :until ORDER BY version"""
)
_STREAMS = Statement(
    {
        "sqlite": f"""SELECT {_COLUMNS} FROM events
            WHERE stream IN (SELECT value FROM json_each(:ids)) ORDER BY stream, version""",
        "postgresql": f"""SELECT {_COLUMNS} FROM events
            WHERE stream = ANY(CAST(:ids AS text[])) ORDER BY stream, version""",
    }
)
_AFTER = Statement(
    "SELECT position, stream, version, name, recorded_at, payload FROM events"
    " WHERE position > :position ORDER BY position LIMIT :limit"
)
_ASKED = Statement(f"SELECT {_COLUMNS} FROM events WHERE {PEOPLE_ASKED} ORDER BY stream, version")
_HEAD = Statement("SELECT position, recorded_at, simulated, store_id FROM head")
_LAST_VERSION = 2**31 - 1


def append(unit: Unit, records: Sequence[Record], *, now: int) -> None:
    """Add events after those that their streams hold.

    ``now`` is in microseconds since the epoch; recorded time never goes back, and on PostgreSQL it is the
    server's own at commit unless the store is simulated. Raises ``concurrency.conflict`` where a version is
    taken.
    """
    if unit.simulated and unit.dialect == "postgresql" and unit.simulated_now != now:
        unit.one(_NOW, {"now": str(now)})
        unit.simulated_now = now
    rows = [
        {"stream": stream, "version": version, "name": name, "payload": payload, "now": now}
        for stream, version, name, payload in records
    ]
    done = unit.each(_APPEND, rows)
    if done != len(rows):
        first = records[0]
        raise error(
            "concurrency.conflict",
            f"stream {first.stream} has changed meanwhile; read it again and decide anew",
            stream=first.stream,
            version=first.version,
        )


def stream(unit: Unit, stream_id: str, *, after: int = 0, until: int | None = None) -> list[StoredRecord]:
    """The events of a stream after one version and up to another."""
    bounds = {"stream": stream_id, "after": after, "until": _LAST_VERSION if until is None else until}
    return [_stored(row) for row in unit.all(_STREAM, bounds)]


def streams(unit: Unit, ids: Sequence[str]) -> dict[str, list[StoredRecord]]:
    """The events of several streams, in the order asked for; streams without events are left out."""
    found: dict[str, list[StoredRecord]] = {each: [] for each in ids}
    wanted = list(found)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        given = json.dumps(chunk) if unit.dialect == "sqlite" else chunk
        for row in unit.all(_STREAMS, {"ids": given}):
            found[row[1]].append(_stored(row))
    return {each: records for each, records in found.items() if records}


def after(unit: Unit, position: int, limit: int) -> list[StoredRecord]:
    """The next events after a position, in the store's one order."""
    return [_stored(row) for row in unit.all(_AFTER, {"position": position, "limit": limit})]


def asked(unit: Unit) -> list[StoredRecord]:
    """What people asked about their own data and what became of it, stream by stream; by an index of its own."""
    return [_stored(row) for row in unit.all(_ASKED)]


def head(unit: Unit) -> Head:
    """Where the history ends."""
    row = unit.one(_HEAD)
    if row is None:
        raise not_initialised("", "the store has no head")
    return Head(row[0], row[1], bool(row[2]), row[3])
