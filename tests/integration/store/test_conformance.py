"""The eventsourcing library's own conformance cases, on both databases."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.tests import persistence as cases

from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.recorder import Recorder


class Silent(Recorder):
    """The library's case for aggregates wants no positions back."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class OnStore:
    """A case on a fresh store; streams are named by texts."""

    database: Database

    def new_originator_id(self) -> str:
        return str(uuid4())

    def fill(self, url: str) -> Iterator[None]:
        self.database = Database.open(url, create_ok=True)
        upgrade.initialise(self.database, now=0)
        yield
        self.database.close()


class OnSqlite(OnStore):
    @pytest.fixture(autouse=True)
    def store(self, sqlite_url: str) -> Iterator[None]:
        yield from self.fill(sqlite_url)


class OnPostgresql(OnStore):
    @pytest.fixture(autouse=True)
    def store(self, postgresql_url: str) -> Iterator[None]:
        yield from self.fill(postgresql_url)


class Aggregates:
    def create_recorder(self: Any) -> Any:
        return Silent(self.database)


class Applications:
    def create_recorder(self: Any) -> Any:
        return Recorder(self.database)

    def test_subscribe(self: Any) -> None:
        """A subscription gives what was recorded, then what is recorded later, until it is stopped."""
        self.optional_test_insert_subscribe()


class Trackers:
    def create_recorder(self: Any) -> Any:
        return Recorder(self.database)


class Processors:
    def create_recorder(self: Any) -> Any:
        return Recorder(self.database)


class TestAggregatesOnSqlite(Aggregates, OnSqlite, cases.AggregateRecorderTestCase):
    """Streams of events."""


class TestAggregatesOnPostgresql(Aggregates, OnPostgresql, cases.AggregateRecorderTestCase):
    """Streams of events."""


class TestApplicationsOnSqlite(Applications, OnSqlite, cases.ApplicationRecorderTestCase[Recorder]):
    """All streams in one order."""


class TestApplicationsOnPostgresql(Applications, OnPostgresql, cases.ApplicationRecorderTestCase[Recorder]):
    """All streams in one order."""


class TestTrackersOnSqlite(Trackers, OnSqlite, cases.TrackingRecorderTestCase):
    """Positions reached downstream."""


class TestTrackersOnPostgresql(Trackers, OnPostgresql, cases.TrackingRecorderTestCase):
    """Positions reached downstream."""


class TestProcessorsOnSqlite(Processors, OnSqlite, cases.ProcessRecorderTestCase):
    """Events together with the position that they follow from."""


class TestProcessorsOnPostgresql(Processors, OnPostgresql, cases.ProcessRecorderTestCase):
    """Events together with the position that they follow from."""


class TestOrderOnSqlite(Applications, OnSqlite, cases.NonInterleavingNotificationIDsBaseCase):
    """Two writers at once do not mix their positions."""

    test_subscribe = None


class TestOrderOnPostgresql(Applications, OnPostgresql, cases.NonInterleavingNotificationIDsBaseCase):
    """Two writers at once do not mix their positions."""

    test_subscribe = None
