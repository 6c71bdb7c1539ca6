"""A host's own code on the ``eventsourcing`` library: projections, and commands that follow from its notifications."""

import re
from functools import partial
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.projection import Projection, ProjectionRunner
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from permits_engine import RecordExit, RecordReturn
from permits_engine.store.events.application import PermitsApplication, Placed
from permits_engine.store.events.recorder import Recorder
from permits_engine.testing import Office
from tests.integration.embedding.conftest import host_url, refused

NOTIFICATION = Tracking("appointments", 17)


class Names(Recorder):
    """The names of the events: a table of the host's beside the store's own."""

    host: SqlEngine

    def add(self, name: str, tracking: Tracking) -> None:
        """Write one name, and track it in the same transaction."""
        with self.host.begin() as connection:
            self.insert_tracking(tracking, session=connection)
            connection.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})


class CountNames(Projection[Names]):
    """Writes the name of every event."""

    name = "names"

    def process_event(self, domain_event: Placed, tracking: Tracking) -> None:
        """Write the event's name."""
        self.view.add(domain_event.name, tracking)


def test_a_projection_gets_every_event_once(office: Office, store_url: str) -> None:
    """Started again it goes on after the position that it recorded with its own rows."""
    host = Names.host = create_engine(host_url(store_url))
    with host.begin() as connection:
        connection.execute(text("CREATE TABLE names (name TEXT NOT NULL)"))
    settings = {"PERSISTENCE_MODULE": "permits_engine.store.events.application", "PERMITS_STORE": store_url}
    for _ in range(2):
        office.title()
        with ProjectionRunner(
            application_class=PermitsApplication,
            projection_class=CountNames,
            view_class=Names,
            env=settings,
        ) as runner:
            runner.wait(office.position(), timeout=30)
        with host.connect() as connection:
            counted = sorted(row[0] for row in connection.execute(text("SELECT name FROM names")))
        assert counted == sorted(each["type"] for each in office.engine.subscribe(timeout=0))
    host.dispose()


def test_a_command_that_follows_from_a_notification_is_carried_out_once(office: Office) -> None:
    """Command and position commit together; the same notification again is a conflict, and records nothing."""
    permit_id = office.title()
    office.at("2017-06-01")
    actor = office.actor("counter")
    left = RecordExit(permit_id=permit_id, on="2017-05-01")
    office.engine.execute(left, actor=actor, tracking=NOTIFICATION)
    recorder = office.engine.application.recorder
    assert recorder.max_tracking_id("appointments") == 17
    end = office.position()
    back = RecordReturn(permit_id=permit_id, on="2017-05-20")
    for position in (17, 16):
        tracking = Tracking("appointments", position)
        problem = refused(
            "concurrency.conflict", partial(office.engine.execute, back, actor=actor, tracking=tracking)
        )
        assert problem.details["application"] == "appointments"
    assert office.position() == end


def test_a_repeated_command_still_tracks_its_notification(office: Office) -> None:
    """Its first run may have come from elsewhere: the outcome is the first one, and the position moves."""
    permit_id = office.title()
    office.at("2017-06-01")
    left = RecordExit(permit_id=permit_id, on="2017-05-01", command_id="exit")
    first = office.engine.execute(left, actor=office.actor("counter"))
    again = office.engine.execute(left, actor=office.actor("counter"), tracking=NOTIFICATION)
    assert (again.version, again.replayed) == (first.version, True)
    assert office.engine.application.recorder.max_tracking_id("appointments") == 17


def test_a_refused_command_and_a_rolled_back_session_track_nothing(office: Office, store_url: str) -> None:
    """The notification can be processed again."""
    permit_id = office.title()
    office.at("2017-06-01")
    recorder = office.engine.application.recorder
    actor = office.actor("counter")
    back = RecordReturn(permit_id=permit_id, on="2017-05-20")
    refused(
        "transition.not_allowed",
        lambda: office.engine.execute(back, actor=actor, tracking=NOTIFICATION),
    )
    assert recorder.max_tracking_id("appointments") is None
    host = create_engine(host_url(store_url))
    left = RecordExit(permit_id=permit_id, on="2017-05-01")
    with Session(host) as session:
        office.engine.execute(left, actor=actor, session=session, tracking=NOTIFICATION)
        session.rollback()
    assert recorder.max_tracking_id("appointments") is None
    with Session(host) as session, session.begin():
        office.engine.execute(left, actor=actor, session=session, tracking=NOTIFICATION)
    assert recorder.max_tracking_id("appointments") == 17
    with pytest.raises(IntegrityError, match=re.escape("17 of appointments")):
        recorder.insert_tracking(NOTIFICATION)
    host.dispose()


def test_what_is_read_stays_encrypted(office: Office) -> None:
    """Events of the application's store show no personal field until they are decrypted with the holder's key."""
    holder_id = office.holder()
    placed: Any
    placed, *_ = office.engine.application.events.get(holder_id)
    assert placed.event.family_name is None
    with office.engine.context.database.read() as tx:
        cipher = office.engine.context.keyring.load(tx, holder_id)
    assert placed.decrypted(holder_id, cipher).family_name == "Diallo"
