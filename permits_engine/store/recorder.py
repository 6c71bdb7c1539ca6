"""The recorders of the ``eventsourcing`` library over the store's own tables.

They raise the library's own (PEP 249) errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any
from uuid import UUID

from eventsourcing import persistence as library

from permits_engine.domain.errors import PermitsError
from permits_engine.store import history
from permits_engine.store.database import Database, Statement, Unit
from permits_engine.store.hosting import HostSession
from permits_engine.store.keyring import require_keys

POLL_SECONDS = 0.1
_BATCH = 500
_MOST = 2**31 - 1
_ERRORS: dict[str, type[library.PersistenceError]] = {
    "concurrency.conflict": library.IntegrityError,
    "integrity.broken": library.IntegrityError,
    "holder.erased": library.IntegrityError,
    "input.invalid": library.DataError,
    "store.not_initialised": library.ProgrammingError,
    "store.unavailable": library.OperationalError,
}

_COLUMNS = "stream, version, name, payload, coalesce(recorded_at, 0)"
_EVENTS = f"SELECT {_COLUMNS} FROM events WHERE stream = :stream AND version > :gt AND version <= :lte"
_ASCENDING = Statement(f"{_EVENTS} ORDER BY version LIMIT :limit")
_DESCENDING = Statement(f"{_EVENTS} ORDER BY version DESC LIMIT :limit")
_BETWEEN = (
    "SELECT stream, version, name, payload, position FROM events WHERE position BETWEEN :start AND :stop"
)
_NOTIFICATIONS = Statement(f"{_BETWEEN} ORDER BY position LIMIT :limit")
_OF_TOPICS = Statement(
    {
        "sqlite": f"{_BETWEEN} AND name IN (SELECT value FROM json_each(:topics)) ORDER BY position LIMIT :limit",
        "postgresql": f"{_BETWEEN} AND name IN (SELECT json_array_elements_text(CAST(:topics AS json)))"
        " ORDER BY position LIMIT :limit",
    }
)
_PLACE_NOW = Statement("SET CONSTRAINTS events_placed IMMEDIATE")
_TRACK = Statement(
    "INSERT INTO tracking (application_name, position) VALUES (:name, :position)"
    " ON CONFLICT (application_name) DO UPDATE SET position = excluded.position"
    " WHERE tracking.position < excluded.position RETURNING position"
)
_TRACKED = Statement("SELECT position FROM tracking WHERE application_name = :name")


@dataclass(frozen=True, eq=False)
class RecordedEvent(library.StoredEvent):
    """A stored event with its recorded time (microseconds since the epoch); equal to one without it."""

    recorded_at: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, library.StoredEvent):
            return NotImplemented
        return self._fields() == (other.originator_id, other.originator_version, other.topic, other.state)

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> tuple[object, ...]:
        return self.originator_id, self.originator_version, self.topic, self.state


@dataclass(frozen=True)
class SealedEvent(library.StoredEvent):
    """An event on its way into the store, sealed under a holder's key: that is looked at again as it is written."""

    holder_id: str = ""


class Recorder(library.ApplicationRecorder):
    """Events in the store's one order; ids of streams are texts.

    ``now`` gives the moment in microseconds since the epoch.
    """

    def __init__(self, database: Database, *, now: Callable[[], int] | None = None) -> None:
        self.database = database
        self.now = now or _clock

    def insert_events(
        self,
        stored_events: Sequence[library.StoredEvent],
        *,
        session: HostSession | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """Append events; their positions, or none in a host's ``session``, where they are given at its commit."""
        with _translated(), self.database.write(session) as unit:
            self._also(unit, **kwargs)
            if not stored_events:
                return None
            records = [
                history.Record(str(s.originator_id), s.originator_version, s.topic, s.state)
                for s in stored_events
            ]
            sealed = {s.holder_id for s in stored_events if isinstance(s, SealedEvent)}
            require_keys(unit, sorted(sealed))
            history.append(unit, records, now=self.now())
            if session is not None:
                return None
            if unit.dialect == "postgresql":
                unit.run(_PLACE_NOW)
            last = history.head(unit).position
        return list(range(last - len(records) + 1, last + 1))

    def _also(self, unit: Unit, **kwargs: Any) -> None:
        """What is recorded in the same transaction as the events."""

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[library.StoredEvent]:
        """The events of a stream between two versions."""
        bounds = {
            "stream": str(originator_id),
            "gt": -1 if gt is None else gt,
            "lte": _MOST if lte is None else lte,
            "limit": _MOST if limit is None else limit,
        }
        with _translated(), self.database.read() as unit:
            return [RecordedEvent(*row) for row in unit.all(_DESCENDING if desc else _ASCENDING, bounds)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[library.Notification]:
        """The events of all streams between two positions, in order."""
        import json

        bounds = {
            "start": (start or 0) + (0 if inclusive_of_start else 1),
            "stop": 2**63 - 1 if stop is None else stop,
            "limit": limit,
            "topics": json.dumps(list(topics)),
        }
        with _translated(), self.database.read() as unit:
            rows = unit.all(_OF_TOPICS if topics else _NOTIFICATIONS, bounds)
        return [library.Notification(*row) for row in rows]

    def max_notification_id(self) -> int | None:
        """The position of the head; none where nothing was recorded."""
        with _translated(), self.database.read() as unit:
            return history.head(unit).position or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> library.Subscription[library.ApplicationRecorder]:
        """The events after a position, and those to come, until stopped."""
        return PollingSubscription(self, gt, topics)


class PollingSubscription(library.Subscription[library.ApplicationRecorder]):
    """Looks for new events every tenth of a second: nothing that it waits for can be lost."""

    def __init__(
        self, recorder: library.ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._waiting: Iterator[library.Notification] = iter(())
        self._stopping = Event()

    def stop(self) -> None:
        """End the iteration, also one that waits."""
        super().stop()
        self._stopping.set()

    def __next__(self) -> library.Notification:
        while not self._stopping.is_set():
            for notification in self._waiting:
                self._last_notification_id = notification.id
                return notification
            self._waiting = self._pull()
        raise StopIteration

    def _pull(self) -> Iterator[library.Notification]:
        found = self._recorder.select_notifications(
            self._last_notification_id, _BATCH, topics=self._topics, inclusive_of_start=False
        )
        if not found:
            self._stopping.wait(POLL_SECONDS)
        return iter(found)


class Tracker(library.TrackingRecorder):
    """How far each downstream application has come; a position is recorded once, by whoever is first."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def insert_tracking(self, tracking: library.Tracking) -> None:
        """Record a position; the library's ``IntegrityError`` where it was reached already."""
        with _translated(), self.database.write() as unit:
            _track(unit, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """The last position recorded for an application."""
        with _translated(), self.database.read() as unit:
            row = unit.one(_TRACKED, {"name": application_name})
        return None if row is None else int(row[0])


class Processor(Recorder, Tracker, library.ProcessRecorder):
    """Events together with the position of the event that they follow from."""

    def _also(self, unit: Unit, **kwargs: Any) -> None:
        tracking: library.Tracking | None = kwargs.get("tracking")
        if tracking is not None:
            _track(unit, tracking)


def _track(unit: Unit, tracking: library.Tracking) -> None:
    given = {"name": tracking.application_name, "position": tracking.notification_id}
    if unit.one(_TRACK, given) is None:
        name, position = tracking.application_name, tracking.notification_id
        raise library.IntegrityError(f"{name} has processed position {position} already")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PermitsError as problem:
        kind = _ERRORS.get(problem.code, library.DatabaseError)
        raise kind(str(problem)) from problem


def _clock() -> int:
    return time.time_ns() // 1000
