"""The eventsourcing library's application over a store, as a host would use it."""

from datetime import date
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import (
    Actor,
    ApplicationLodged,
    ApplicationReturned,
    Event,
    HolderRegistered,
)
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.application import PermitsApplication, Placed
from permits_engine.store.keys.keyring import DESTROY, Cipher, Keyring, MasterKeys

PERMIT = "0197a1a0-0000-7000-8000-000000000001"
HOLDER = "0197a1a0-0000-7000-8000-0000000000aa"
COMMON: dict[str, Any] = {
    "event_id": "e1",
    "effective_on": date(2014, 3, 10),
    "actor": Actor("o1", "counter"),
    "operator": "test",
    "correlation_id": "c1",
}
LODGED = ApplicationLodged(
    **COMMON, holder_id=HOLDER, jurisdiction="MA", category="regularisation-2014", prefecture="MA-RAB"
)
RETURNED = ApplicationReturned(**COMMON, request=1)


def test_events_saved_are_a_permit(database: Database) -> None:
    """Plain events go in by save, and come out folded, at any version that there is."""
    with PermitsApplication(database=database) as app:
        recordings = app.save(Placed(PERMIT, 1, LODGED), Placed(PERMIT, 2, RETURNED))
        assert [recording.notification.id for recording in recordings] == [1, 2]
        assert app.permit(PERMIT).version == 2
        assert app.permit(PERMIT, 1).version == 1
        assert [n.topic for n in app.notification_log.select(1, 10)] == [
            "permit.application_lodged@1",
            "permit.application_returned@1",
        ]


def test_a_version_past_the_end_is_an_error(database: Database) -> None:
    """It is never silently the last one; and a permit that is not there is not found."""
    with PermitsApplication(database=database) as app:
        app.save(Placed(PERMIT, 1, LODGED))
        with pytest.raises(PermitsError, match=r"position\.beyond_head.*1 events"):
            app.permit(PERMIT, 99)
        with pytest.raises(PermitsError, match=r"permit\.not_found"):
            app.permit("nobody")


def test_a_version_that_is_taken_is_the_librarys_error(database: Database) -> None:
    """The recorder keeps the library's contract."""
    with PermitsApplication(database=database) as app:
        app.save(Placed(PERMIT, 1, LODGED))
        with pytest.raises(IntegrityError):
            app.save(Placed(PERMIT, 1, LODGED))


def test_save_joins_a_hosts_session(database: Database, host: Engine) -> None:
    """Events saved with a session roll back with it."""
    with PermitsApplication(database=database) as app:
        with Session(host) as session:
            assert app.save(Placed(PERMIT, 1, LODGED), session=session) == []
            session.rollback()
        assert app.recorder.max_notification_id() is None
        with Session(host) as session, session.begin():
            app.save(Placed(PERMIT, 1, LODGED), session=session)
        assert app.recorder.max_notification_id() == 1


def test_the_ambient_environment_is_not_looked_at(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of the host's own applications change nothing here."""
    monkeypatch.setenv("PERSISTENCE_MODULE", "eventsourcing.popo")
    monkeypatch.setenv("IS_SNAPSHOTTING_ENABLED", "y")
    monkeypatch.setenv("CIPHER_KEY", "x")
    monkeypatch.setenv("MAPPER_TOPIC", "os:system")
    with PermitsApplication(database=database) as app:
        app.save(Placed(PERMIT, 1, LODGED))
        assert app.permit(PERMIT).version == 1
        assert app.snapshots is None


def test_only_events_of_the_registry_pass(database: Database) -> None:
    """No class is looked up by a stored name, and nothing else is stored."""
    with PermitsApplication(database=database) as app:
        with pytest.raises(PermitsError, match=r"integrity\.broken"):
            app.mapper.to_domain_event(StoredEvent(PERMIT, 1, "os:system", b"{}"))
        for odd in (Placed(PERMIT, 0, LODGED), LODGED, Placed(PERMIT, 1, Event(**COMMON))):
            with pytest.raises(PermitsError, match=r"input\.invalid"):
                app.mapper.to_stored_event(odd)  # type: ignore[arg-type]


def test_personal_data_need_their_key(database: Database) -> None:
    """With the holder and a key of the store personal fields are encrypted; without, nothing is stored."""
    personal = HolderRegistered(**COMMON, family_name="Diallo")
    with PermitsApplication(database=database) as app:
        with pytest.raises(ValueError, match="personal data"):
            app.save(Placed(HOLDER, 1, personal))
        with pytest.raises(IntegrityError, match=r"holder\.erased"):
            app.save(Placed(HOLDER, 1, personal, holder_id=HOLDER, cipher=Cipher(b"k" * 32)))
        with database.write() as tx:
            cipher = Keyring(MasterKeys.in_memory()).mint(tx, HOLDER)
        app.save(Placed(HOLDER, 1, personal, holder_id=HOLDER, cipher=cipher))
        [stored] = app.recorder.select_events(HOLDER)
        assert b"Diallo" not in stored.state
        [placed] = app.events.get(HOLDER)
        assert isinstance(placed, Placed)
        assert isinstance(placed.event, HolderRegistered)
        assert placed.event.family_name is None
        assert placed.recorded_at > 0


def test_a_key_that_was_destroyed_meanwhile_seals_nothing_more(database: Database) -> None:
    """Anyone who still has the key in memory is told as they write: the row is read in the append's own transaction."""
    with database.write() as tx:
        cipher = Keyring(MasterKeys.in_memory()).mint(tx, HOLDER)
    with PermitsApplication(database=database) as app:
        first = HolderRegistered(**COMMON, family_name="Diallo")
        app.save(Placed(HOLDER, 1, first, holder_id=HOLDER, cipher=cipher))
        with database.write() as tx:
            tx.run(DESTROY, {"holder_id": HOLDER})
        with pytest.raises(IntegrityError, match=r"holder\.erased"):
            app.save(Placed(HOLDER, 2, first, holder_id=HOLDER, cipher=cipher))
        assert len(app.recorder.select_events(HOLDER)) == 1
