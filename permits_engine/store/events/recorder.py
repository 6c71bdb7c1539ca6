"""The recorder of the ``eventsourcing`` library over the store's own tables: the one road into the events.

On its own transactions it raises the library's own (PEP 249) errors, as the library's contract has it; on one
that the engine has opened, the engine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from threading import Event
from typing import Any
from uuid import UUID

from eventsourcing import persistence as library

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.host_transactions import HostSession
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.events.history import COLUMNS, StoredRecord, stored
from permits_engine.store.events.notification import ChangeListener
from permits_engine.store.keys.keyring import require_keys

BATCH = 500
_ERRORS: dict[str, type[library.PersistenceError]] = {
    "concurrency.conflict": library.IntegrityError,
    "integrity.broken": library.IntegrityError,
    "holder.erased": library.IntegrityError,
    "input.invalid": library.DataError,
    "store.not_initialised": library.ProgrammingError,
    "store.unavailable": library.OperationalError,
}

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
_OF_STREAM = f"SELECT {COLUMNS} FROM events WHERE stream = :stream AND version > :after AND version <= :until"
_STREAM = Statement(f"{_OF_STREAM} ORDER BY version LIMIT :limit")
_LAST_FIRST = Statement(f"{_OF_STREAM} ORDER BY version DESC LIMIT :limit")
_STREAMS = Statement(
    {
        name: f"{query} ORDER BY stream, version"
        for name, query in among(f"SELECT {COLUMNS} FROM events WHERE stream").items()
    }
)
_ALL = 2**31 - 1
_NOW = Statement("SELECT set_config('permits.now', :now, true)")
_PLACE_NOW = Statement("SET CONSTRAINTS events_placed IMMEDIATE")
_TRACK = Statement(
    "INSERT INTO tracking (application_name, position) VALUES (:name, :position)"
    " ON CONFLICT (application_name) DO UPDATE SET position = excluded.position"
    " WHERE tracking.position < excluded.position RETURNING position"
)
_TRACKED = Statement("SELECT position FROM tracking WHERE application_name = :name")


class EncryptedRecord(StoredRecord):
    """An event to be stored, encrypted under a holder's key: a transaction of the recorder's own checks that key."""

    holder_id: str


class TransactionRecorder(library.AggregateRecorder):
    """The recorder in one open transaction; it raises the engine's errors."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    def insert_events(
        self,
        stored_events: Sequence[library.StoredEvent],
        *,
        now: int = 0,
        tracking: library.Tracking | None = None,
        rows: Callable[[Transaction], None] | None = None,
        **unknown: Any,
    ) -> Sequence[int] | None:
        """Append events, after all that belongs with them; their positions are given at the commit.

        ``now`` is in microseconds since the epoch; recorded time never goes back, and on PostgreSQL it is the
        server's own at commit unless the store is simulated. ``rows`` writes the read models, ``tracking`` is the
        notification of another application that was processed. Raises ``concurrency.conflict``.
        """
        if unknown:  # the library passes on whatever save() was given
            raise TypeError(f"unknown: {', '.join(unknown)}")
        tx = self.tx
        if tracking is not None:
            _track(tx, tracking)
        if rows is not None:
            rows(tx)
        if not stored_events:
            return None
        if tx.simulated and tx.dialect == "postgresql" and tx.simulated_now != now:
            tx.one(_NOW, {"now": str(now)})
            tx.simulated_now = now
        given = [_values(each, now) for each in stored_events]
        if tx.each(_APPEND, given) != len(given):
            stream, version = stored_events[0].originator_id, stored_events[0].originator_version
            message = f"stream {stream} has changed meanwhile; read it again and decide anew"
            raise error("concurrency.conflict", message, stream=stream, version=version)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredRecord]:
        """Return the events of a stream between two versions; ``limit`` of them, the first or the last."""
        bounds = {
            "stream": str(originator_id),
            "after": -1 if gt is None else gt,
            "until": _ALL if lte is None else lte,
            "limit": _ALL if limit is None else limit,
        }
        return [stored(row) for row in self.tx.all(_LAST_FIRST if desc else _STREAM, bounds)]

    def select_streams(self, ids: Sequence[str]) -> dict[str, list[StoredRecord]]:
        """Return the events of several streams, in the order asked for; leave out streams without events."""
        found: dict[str, list[StoredRecord]] = {each: [] for each in ids}
        wanted = list(found)
        for start in range(0, len(wanted), BATCH):
            for row in self.tx.all(_STREAMS, {"ids": wanted[start : start + BATCH]}):
                found[row[1]].append(stored(row))
        return {each: records for each, records in found.items() if records}


class Recorder(library.ProcessRecorder):
    """Events in the store's one order, and how far downstream applications have come; ids of streams are texts.

    ``now`` gives the moment in microseconds since the epoch. Thread-safe.
    """

    def __init__(self, database: Database, *, now: Callable[[], int] | None = None) -> None:
        self.database = database
        self.now = now or _clock

    # --- events ---

    def insert_events(
        self,
        stored_events: Sequence[library.StoredEvent],
        *,
        tx: Transaction | None = None,
        session: HostSession | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """Append events (see ``TransactionRecorder``); return their positions.

        In an open ``tx`` or a host's ``session`` positions are given at its commit: none is returned.
        """
        if tx is not None:
            return TransactionRecorder(tx).insert_events(stored_events, **kwargs)
        with _translated(), self.database.write(session) as own:
            # The caller that brings an open transaction has read the keys in it.
            require_keys(own, sorted({s.holder_id for s in stored_events if isinstance(s, EncryptedRecord)}))
            TransactionRecorder(own).insert_events(stored_events, **{"now": self.now(), **kwargs})
            if session is not None or not stored_events:
                return None
            if own.dialect == "postgresql":
                own.run(_PLACE_NOW)
            last = history.head(own).position
        return list(range(last - len(stored_events) + 1, last + 1))

    def select_events(self, originator_id: UUID | str, **kwargs: Any) -> Sequence[StoredRecord]:
        """Return the events of a stream between two versions."""
        with _translated(), self.database.read() as tx:
            return TransactionRecorder(tx).select_events(originator_id, **kwargs)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[StoredRecord]:
        """Return the events of all streams between two positions, in order."""
        after = (start or 0) - (1 if inclusive_of_start else 0)
        with _translated(), self.database.read() as tx:
            return history.after(tx, after, limit, until=stop, names=topics)

    def max_notification_id(self) -> int | None:
        """Return the position of the head; none where nothing was recorded."""
        with _translated(), self.database.read() as tx:
            return history.head(tx).position or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = (), *, timeout: float | None = None
    ) -> Following:
        """Follow the events after a position; end when stopped, or after ``timeout`` seconds without an event."""
        return Following(self, gt, topics, timeout=timeout)

    # --- tracking ---

    def insert_tracking(self, tracking: library.Tracking, *, session: HostSession | None = None) -> None:
        """Record a position, in a host's ``session`` if given; the library's ``IntegrityError`` if it was reached."""
        with _translated(), self.database.write(session) as tx:
            _track(tx, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the last position recorded for an application."""
        with _translated(), self.database.read() as tx:
            row = tx.one(_TRACKED, {"name": application_name})
        return None if row is None else int(row[0])


class Following(library.Subscription[Recorder]):
    """The events as they are recorded: PostgreSQL notifies, and a short poll does not depend on it.

    No transaction is open, and no thread runs, while the caller works on an event.
    """

    def __init__(
        self,
        recorder: Recorder,
        gt: int | None = None,
        topics: Sequence[str] = (),
        *,
        timeout: float | None = None,
    ) -> None:
        super().__init__(recorder, gt, topics)
        self.timeout = timeout
        self._waiting: Iterator[StoredRecord] = iter(())
        self._stopping = Event()
        self._listener: ChangeListener | None = None
        self._idle_since = time.monotonic()

    def stop(self) -> None:
        """End the iteration, also one that waits."""
        super().stop()
        self._stopping.set()

    def __next__(self) -> StoredRecord:
        while not self._stopping.is_set():
            for record in self._waiting:
                self._last_notification_id = record.position
                return record
            if not self._look():
                break
        self.close()
        raise StopIteration

    def close(self) -> None:
        """End the iteration and close the listener, in the thread that iterates."""
        self.stop()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def _look(self) -> bool:
        """Read the next events, or wait for some; return whether to continue."""
        with self._recorder.database.read() as tx:
            found = history.after(tx, self._last_notification_id or 0, BATCH, names=self._topics)
        self._waiting = iter(found)
        if found:
            self._idle_since = time.monotonic()
            if self._listener is not None:
                self._listener.reset()
            return True
        left = inf if self.timeout is None else self.timeout - (time.monotonic() - self._idle_since)
        if left <= 0:
            return False
        if self._listener is None:
            self._listener = ChangeListener(self._recorder.database)
        self._listener.wait(left)
        return True


def _values(each: library.StoredEvent, now: int) -> dict[str, Any]:
    return {
        "stream": each.originator_id,
        "version": each.originator_version,
        "name": each.topic,
        "payload": each.state,
        "now": now,
    }


def _track(tx: Transaction, tracking: library.Tracking) -> None:
    given = {"name": tracking.application_name, "position": tracking.notification_id}
    if tx.one(_TRACK, given) is None:
        name, position = tracking.application_name, tracking.notification_id
        message = f"notification {position} of {name} was processed already: go on after it"
        raise error("concurrency.conflict", message, application=name, position=position)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PermitsError as problem:
        kind = _ERRORS.get(problem.code, library.DatabaseError)
        raise kind(str(problem)) from problem


def _clock() -> int:
    return time.time_ns() // 1000
