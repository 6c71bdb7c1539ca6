"""The ``eventsourcing`` library's application over a store: everything that is recorded passes here.

Its recorder, mapper, event store and repository are what the engine's units of work write and read by; a host
has the same ones for the library's logs, subscriptions and projections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import msgspec
from eventsourcing import persistence as library
from eventsourcing.application import AggregateNotFoundError, Application, ProcessingEvent, Repository
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.utils import Environment

from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import EVENTS, Event, stored_name
from permits_engine.domain.permit.fold import Permit, fold
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.events import codec
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.events.recorder import EncryptedRecord, Recorder, TransactionRecorder
from permits_engine.store.keys.keyring import Cipher

STORE = "PERMITS_STORE"
"""The setting of the address of a store, for what the library opens by settings alone (projection runners)."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in a stream; with the holder's key where it carries personal data.

    The library's domain event. What is read has its personal fields encrypted, until they are ``decrypted``.
    """

    originator_id: str
    originator_version: int
    event: Event
    holder_id: str | None = None
    cipher: Cipher | None = None
    stored: StoredRecord | None = None
    """As it was read; none for what is new."""

    @property
    def recorded_at(self) -> int:
        """In microseconds since the epoch; 0 for what is new."""
        return 0 if self.stored is None else self.stored.recorded_at

    def decrypted(self, holder_id: str, cipher: Cipher | None) -> Event:
        """Return the event with its personal fields; without a key it stays as it is."""
        if self.stored is None:
            return self.event
        _, stream, version, name, _, _ = self.stored
        return codec.decrypt(
            self.event, stream=stream, version=version, holder_id=holder_id, cipher=cipher, name=name
        )

    def __repr__(self) -> str:
        return f"<Placed {self.originator_id} {self.originator_version} {self.event.NAME}>"


_record = partial(tuple.__new__, StoredRecord)
_encrypted = partial(tuple.__new__, EncryptedRecord)


class EventMapper(library.Mapper[str]):
    """Events by the closed registry and the store's codec: no class is ever looked up by a stored name."""

    def __init__(self) -> None:
        super().__init__(library.JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredRecord:
        """The stored form; raises ``input.invalid`` for what is no event of the registry at its place."""
        if type(domain_event) is not Placed or domain_event.originator_version < 1:
            raise invalid("event", "must be Placed in a stream, at a version from 1")
        stream, version, event = (
            domain_event.originator_id,
            domain_event.originator_version,
            domain_event.event,
        )
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
        """The event, its personal fields encrypted; raises ``integrity.broken``."""
        if type(stored_event) is StoredRecord:
            _, stream, version, name, _, payload = stored_event
            try:
                event = codec.readers[name](payload)
            except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError):
                event = codec.decode(name, payload)  # says what is wrong
            return Placed(stream, version, event, None, None, stored_event)
        return Placed(
            str(stored_event.originator_id),
            stored_event.originator_version,
            codec.decode(stored_event.topic, stored_event.state),
        )


class Events(library.EventStore[str]):
    """The library's event store; several streams at once too, where it stands in one transaction."""

    def several(self, ids: Sequence[str]) -> dict[str, Iterator[DomainEventProtocol[str]]]:
        """The events of several streams, as ``get`` gives those of one; streams without events are left out."""
        found = cast(TransactionRecorder, self.recorder).select_streams(ids)
        return {stream: map(self.mapper.to_domain_event, records) for stream, records in found.items()}


class Files(Repository[str]):
    """The library's repository in one transaction.

    Nothing is kept from one transaction to the next, so there are no locks and no cache; the library's would
    leave a list that refers to itself to the garbage collector, for each repository.
    """

    def __init__(self, event_store: Events) -> None:
        self.event_store = event_store
        self.snapshot_store = None
        self.cache = None

    def file(self, permit_id: str) -> Permit | None:
        """The file that a stream tells; none where there is no such stream. Raises ``integrity.broken``."""
        try:
            found: Permit = self.get(permit_id, projector_func=projector(permit_id))
        except AggregateNotFoundError:
            return None
        return found


class Factory(library.InfrastructureFactory[library.TrackingRecorder]):
    """Recorders over an open database, which stays the business of whoever opened it."""

    def __init__(
        self, env: Environment, database: Database | None = None, now: Callable[[], int] | None = None
    ) -> None:
        super().__init__(env)
        self._own = Database.open(env.get(STORE) or "sqlite:///permits.db") if database is None else None
        self.database: Database = database or self._own  # type: ignore[assignment]
        self.recorder = Recorder(self.database, now=now)

    def mapper(self, transcoder: Any = None, mapper_class: Any = None) -> library.Mapper[Any]:
        """The store's own mapper, whatever is asked for."""
        return EventMapper()

    def event_store(self, mapper: Any = None, recorder: Any = None) -> Any:
        """The store's own event store."""
        return Events(mapper or EventMapper(), recorder or self.recorder)

    def aggregate_recorder(self, purpose: str = "events") -> library.AggregateRecorder:
        """The recorder of events; there are no snapshots, which would keep erased data."""
        if purpose != "events":
            raise library.NotSupportedError(
                "there are no snapshots: streams are short, and data can be erased"
            )
        return self.recorder

    def application_recorder(self) -> Recorder:
        """The recorder of events."""
        return self.recorder

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> Any:
        """The recorder of how far each downstream application has come; one of a host's own class where given."""
        return self.recorder if tracking_recorder_class is None else tracking_recorder_class(self.database)

    def process_recorder(self) -> Recorder:
        """The recorder of both."""
        return self.recorder

    def close(self) -> None:
        """Close the database, where it was opened here."""
        if self._own is not None:
            self._own.close()


class PermitsApplication(Application[str]):
    """The library's application over a store; the engine holds one as ``application``.

    ``save(Placed(…), session=…)`` appends, in a host's transaction where one is given. ``now`` gives the moment
    in microseconds since the epoch. The process's environment is not looked at.
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
        """Only what the caller gave: a host's variables are about the host's own applications."""
        return Environment(name, env)

    def construct_factory(self, env: Environment) -> Factory:
        """The factory over this store."""
        return Factory(env, *self._given)

    def within(self, tx: Transaction) -> Events:
        """The event store in one open transaction."""
        return Events(self.mapper, TransactionRecorder(tx))

    def record(self, uow: ProcessingEvent[str], **kwargs: Any) -> None:
        """Record a unit of work in its own open transaction: its events, and the rows that go with them."""
        uow.saved_kwargs = kwargs
        try:
            self._record(uow)
        finally:
            uow.saved_kwargs = {}  # what writes the rows is the work itself: no cycle is left to the collector
        uow.events = []

    def permit(self, permit_id: str, version: int | None = None) -> Permit:
        """A permit as its stream tells, up to a version.

        Raises ``permit.not_found``, and ``position.beyond_head`` for a version that is not there yet.
        """
        try:
            found = cast(
                Permit, self.repository.get(permit_id, version=version, projector_func=projector(permit_id))
            )
        except AggregateNotFoundError:
            raise error("permit.not_found", f"there is no permit {permit_id}", permit_id=permit_id) from None
        if version is not None and found.version < version:
            raise error(
                "position.beyond_head", f"permit {permit_id} has {found.version} events: ask for one of them"
            )
        return found


def numbered(placed: Iterable[Any]) -> list[tuple[int, Event]]:
    """Versions and events, as a fold takes them."""
    return [(each.originator_version, each.event) for each in placed]


def projector(permit_id: str) -> Any:
    """The library's projector function: the fold of a whole stream (a correction acts on what came before it)."""

    def project(_: Permit | None, placed: Iterable[Any]) -> Permit | None:
        return fold(permit_id, numbered(placed))

    return project
