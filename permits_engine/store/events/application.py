"""The ``eventsourcing`` library's application over a store: every event is appended and read through it.

Units of work use its event store, mapper and recorder in their own transaction. A host uses the same ones for the
library's logs, subscriptions and projections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import msgspec
from eventsourcing import persistence as library
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.utils import Environment

from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import EVENTS, Event, stored_name
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Permit
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.events import codec
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.events.recorder import EncryptedRecord, Recorder, TransactionRecorder
from permits_engine.store.keys.keyring import Cipher

STORE = "PERMITS_STORE"
"""The setting with a store's address, for what the library opens by settings alone (projection runners)."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An event at its version in a stream: the library's domain event.

    To append an event with personal fields, give the holder and their key. The personal fields of an event that was
    read are still encrypted (see ``decrypted``).
    """

    stream: str
    version: int
    event: Event
    holder_id: str | None = None
    cipher: Cipher | None = None
    stored: StoredRecord | None = None
    """The row that was read; none for a new event."""

    @property
    def originator_id(self) -> str:
        """The library's name for the stream."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The library's name for the version."""
        return self.version

    @property
    def name(self) -> str:
        """The type under which it is stored, ``name@schema_version``."""
        return stored_name(self.event) if self.stored is None else self.stored.name

    @property
    def position(self) -> int:
        """The position in the store's order; 0 for a new event."""
        return 0 if self.stored is None else self.stored.position

    @property
    def recorded_at(self) -> int:
        """The recorded time, in microseconds since the epoch; 0 for a new event."""
        return 0 if self.stored is None else self.stored.recorded_at

    def decrypted(self, holder_id: str, cipher: Cipher | None) -> Event:
        """Return the event with its personal fields; without a key it stays as it is."""
        return codec.decrypt(
            self.event,
            stream=self.stream,
            version=self.version,
            holder_id=holder_id,
            cipher=cipher,
            name=self.name,
        )

    def __repr__(self) -> str:
        return f"<Placed {self.stream} {self.version} {self.event.NAME}>"


_record = partial(tuple.__new__, StoredRecord)
_encrypted = partial(tuple.__new__, EncryptedRecord)


class EventMapper(library.Mapper[str]):
    """Maps events by the closed registry and the store's codec: a stored name never selects a class to import."""

    def __init__(self) -> None:
        super().__init__(library.JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredRecord:
        """Return the stored form; raise ``input.invalid`` for what is no placed event of the registry."""
        if type(domain_event) is not Placed or domain_event.version < 1:
            raise invalid("event", "must be Placed in a stream, at a version from 1")
        stream, version, event = domain_event.stream, domain_event.version, domain_event.event
        holder_id, cipher = domain_event.holder_id, domain_event.cipher
        name = stored_name(event)
        if EVENTS.get(name) is not type(event):
            raise invalid("event", f"{name} is not an event of this program")
        payload = codec.encode(event, version=version, stream=stream, holder_id=holder_id, cipher=cipher)
        if cipher is None or holder_id is None:
            return _record((0, stream, version, name, 0, payload))
        record = _encrypted((0, stream, version, name, 0, payload))
        record.__dict__["holder_id"] = holder_id
        return record

    def to_domain_event(self, stored_event: library.StoredEvent) -> Placed:
        """Return the event, its personal fields encrypted; raise ``integrity.broken``."""
        if type(stored_event) is StoredRecord:
            _, stream, version, name, _, payload = stored_event
            return Placed(stream, version, codec.decode(name, payload), None, None, stored_event)
        event = codec.decode(stored_event.topic, stored_event.state)
        return Placed(str(stored_event.originator_id), stored_event.originator_version, event)


class Events(library.EventStore[str]):
    """The library's event store, with reads of several streams and of folded permits in one open transaction."""

    def get(self, originator_id: str, **bounds: Any) -> Iterator[Placed]:
        """Return the events of a stream; ``gt``, ``lte``, ``desc`` and ``limit`` bound the versions."""
        return cast("Iterator[Placed]", super().get(originator_id, **bounds))

    def stream(self, stream_id: str, *, after: int = 0) -> list[Placed]:
        """Return the events of a stream after a version."""
        return list(self.get(stream_id, gt=after))

    def several(self, ids: Sequence[str]) -> dict[str, Iterator[Placed]]:
        """Return the events of several streams in the order asked for; leave out streams without events.

        An event is decoded when it is reached: only then is ``integrity.broken`` raised.
        """
        found = cast(TransactionRecorder, self.recorder).select_streams(ids)
        to_event = cast(EventMapper, self.mapper).to_domain_event
        return {stream: map(to_event, records) for stream, records in found.items()}

    def permit(self, permit_id: str) -> Permit | None:
        """Return the permit that a stream folds to, none without such a stream; raise ``integrity.broken``."""
        return fold(permit_id, numbered(self.get(permit_id)))


class Factory(library.InfrastructureFactory[library.TrackingRecorder]):
    """Recorders over an open database, or over one that is opened by settings and closed here."""

    def __init__(
        self, env: Environment, database: Database | None = None, now: Callable[[], int] | None = None
    ) -> None:
        super().__init__(env)
        self._own = Database.open(env.get(STORE) or "sqlite:///permits.db") if database is None else None
        self.database: Database = database or self._own  # type: ignore[assignment]
        self.recorder = Recorder(self.database, now=now)

    def mapper(self, transcoder: Any = None, mapper_class: Any = None) -> library.Mapper[Any]:
        """Return the store's own mapper, whatever the settings say."""
        return EventMapper()

    def event_store(self, mapper: Any = None, recorder: Any = None) -> Any:
        """Return the store's own event store."""
        return Events(mapper or EventMapper(), recorder or self.recorder)

    def aggregate_recorder(self, purpose: str = "events") -> library.AggregateRecorder:
        """Return the recorder of events; refuse snapshots, which would keep erased data."""
        if purpose != "events":
            raise library.NotSupportedError(
                "there are no snapshots: streams are short, and data can be erased"
            )
        return self.recorder

    def application_recorder(self) -> Recorder:
        """Return the recorder of events."""
        return self.recorder

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> Any:
        """Return the recorder of positions of downstream applications, of a host's own class if given."""
        return self.recorder if tracking_recorder_class is None else tracking_recorder_class(self.database)

    process_recorder = application_recorder

    def close(self) -> None:
        """Close the database if it was opened here."""
        if self._own is not None:
            self._own.close()


class PermitsApplication(Application[str]):
    """The library's application over a store; the engine holds one as ``application``.

    ``save(Placed(…), session=…)`` appends, in a host's transaction if given. ``now`` returns microseconds since the
    epoch. The process's environment is not read.
    """

    name = "permits"
    events: Events

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        database: Database | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        self._given = database, now
        super().__init__(env)
        self.recorder: Recorder
        self.database: Database = self.recorder.database

    def construct_env(self, name: str, env: Mapping[str, str] | None = None) -> Environment:
        """Return only what the caller gave: a host's variables configure the host's own applications."""
        return Environment(name, env)

    def construct_factory(self, env: Environment) -> Factory:
        """Return the factory over this store."""
        return Factory(env, *self._given)

    def within(self, tx: Transaction) -> Events:
        """Return the event store in one open transaction."""
        return event_store(tx)

    def permit(self, permit_id: str, version: int | None = None) -> Permit:
        """Return a permit at a version (default: the latest); raise ``permit.not_found``, ``position.beyond_head``."""
        found = fold(permit_id, numbered(self.events.get(permit_id, lte=version)))
        if found is None:
            raise error("permit.not_found", f"there is no permit {permit_id}", permit_id=permit_id)
        if version is not None and found.version < version:
            message = f"permit {permit_id} has {found.version} events: ask for one of them"
            raise error("position.beyond_head", message)
        return found


def event_store(tx: Transaction) -> Events:
    """Return the event store in one open transaction: what it puts and gets is the transaction's."""
    return Events(_MAPPER, TransactionRecorder(tx))


def folded(permit_id: str, placed: Iterable[Placed]) -> Permit:
    """Return the permit that its events fold to, of which there is one at least; raise ``integrity.broken``."""
    permit = fold(permit_id, numbered(placed))
    assert permit is not None
    return permit


def numbered(placed: Iterable[Placed]) -> list[tuple[int, Event]]:
    """Return versions and events, as a fold takes them."""
    return [(each.version, each.event) for each in placed]


_MAPPER = EventMapper()
decoded = _MAPPER.to_domain_event
"""Return the event of a record, for readers of pages of the whole history; raise ``integrity.broken``."""
