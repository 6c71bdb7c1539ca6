"""The ``eventsourcing`` library's application over a store: for hosts that work with its repository and logs.

The engine's own commands do not pass here: they write the permits' rows in the same transaction, this does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from eventsourcing import persistence as library
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.utils import Environment

from permits_engine.domain import events as e
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.permit import Permit, fold
from permits_engine.store import codec
from permits_engine.store.database import Database
from permits_engine.store.keyring import Cipher
from permits_engine.store.recorder import Processor, RecordedEvent, Recorder, SealedEvent, Tracker


@dataclass(frozen=True)
class Placed:
    """An event at its place in a stream; with the holder's key where it carries personal data."""

    originator_id: str
    originator_version: int
    event: e.Event
    holder_id: str | None = None
    cipher: Cipher | None = field(default=None, repr=False, compare=False)
    recorded_at: int = field(default=0, compare=False)


class EventMapper(library.Mapper[str]):
    """Events by the closed registry and the store's codec: no class is ever looked up by a stored name."""

    def __init__(self) -> None:
        super().__init__(library.JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> library.StoredEvent:
        """The stored form; raises ``input.invalid`` for what is no event of the registry at its place."""
        if not isinstance(domain_event, Placed) or domain_event.originator_version < 1:
            raise invalid("event", "must be Placed in a stream, at a version from 1")
        name = e.stored_name(domain_event.event)
        if e.EVENTS.get(name) is not type(domain_event.event):
            raise invalid("event", f"{name} is not an event of this program")
        payload = codec.encode(
            domain_event.event,
            version=domain_event.originator_version,
            stream=domain_event.originator_id,
            holder_id=domain_event.holder_id,
            cipher=domain_event.cipher,
        )
        place = domain_event.originator_id, domain_event.originator_version
        if domain_event.cipher is None or domain_event.holder_id is None:
            return library.StoredEvent(*place, name, payload)
        return SealedEvent(*place, name, payload, holder_id=domain_event.holder_id)

    def to_domain_event(self, stored_event: library.StoredEvent) -> DomainEventProtocol[str]:
        """The event, its personal fields sealed; raises ``integrity.broken``."""
        event = codec.decode(stored_event.topic, stored_event.state)
        moment = stored_event.recorded_at if isinstance(stored_event, RecordedEvent) else 0
        return Placed(
            str(stored_event.originator_id), stored_event.originator_version, event, recorded_at=moment
        )


class Factory(library.InfrastructureFactory[library.TrackingRecorder]):
    """Recorders over an open database, which stays the business of whoever opened it."""

    def __init__(self, env: Environment, database: Database, now: Callable[[], int] | None) -> None:
        super().__init__(env)
        self.database = database
        self.now = now

    def mapper(self, transcoder: Any = None, mapper_class: Any = None) -> library.Mapper[Any]:
        """The store's own mapper, whatever is asked for."""
        return EventMapper()

    def aggregate_recorder(self, purpose: str = "events") -> library.AggregateRecorder:
        """The recorder of events; there are no snapshots, which would keep erased data."""
        if purpose != "events":
            raise library.NotSupportedError(
                "there are no snapshots: streams are short, and data can be erased"
            )
        return Recorder(self.database, now=self.now)

    def application_recorder(self) -> library.ApplicationRecorder:
        """The recorder of events."""
        return Recorder(self.database, now=self.now)

    def tracking_recorder(
        self, tracking_recorder_class: type[library.TrackingRecorder] | None = None
    ) -> library.TrackingRecorder:
        """The recorder of how far each downstream application has come."""
        return Tracker(self.database)

    def process_recorder(self) -> library.ProcessRecorder:
        """The recorder of both."""
        return Processor(self.database, now=self.now)


class PermitsApplication(Application[str]):
    """The library's application over a store.

    ``save(Placed(…), session=…)`` appends, in a host's transaction where one is given. ``now`` gives the moment
    in microseconds since the epoch. The process's environment is not looked at.
    """

    name = "permits"

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], int] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._database = database
        self._now = now
        super().__init__(env)

    def construct_env(self, name: str, env: Mapping[str, str] | None = None) -> Environment:
        """Only what the caller gave: a host's variables are about the host's own applications."""
        return Environment(name, env)

    def construct_factory(self, env: Environment) -> Factory:
        """The factory over this store."""
        return Factory(env, self._database, self._now)

    def permit(self, permit_id: str, version: int | None = None) -> Permit:
        """A permit as its stream tells, up to a version.

        Raises ``permit.not_found``, and ``position.beyond_head`` for a version that is not there yet.
        """
        try:
            found = cast(
                Permit, self.repository.get(permit_id, version=version, projector_func=cast(Any, _project))
            )
        except AggregateNotFoundError:
            raise error("permit.not_found", f"there is no permit {permit_id}", permit_id=permit_id) from None
        if version is not None and found.version < version:
            raise error(
                "position.beyond_head", f"permit {permit_id} has {found.version} events: ask for one of them"
            )
        return found


def _project(permit: Permit | None, events: Iterable[Placed]) -> Permit | None:
    placed = list(events)
    return (
        fold(placed[0].originator_id, [(p.originator_version, p.event) for p in placed]) if placed else permit
    )
