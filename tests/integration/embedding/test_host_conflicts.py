"""In one transaction with the host another writer is first: nothing half written, nothing retried unasked."""

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session

from permits_engine import (
    Engine,
    IssuePermit,
    PermitsError,
    RecordExit,
    RecordReturn,
    RequestRenewal,
    TransferFile,
)
from permits_engine.commands import Command
from permits_engine.testing import FakeClock, an_application
from tests.acts import ADVISED
from tests.integration.application.conftest import COUNTER, DECIDER, Office
from tests.integration.embedding.conftest import Host, host_url, refused


def test_a_conflict_found_while_writing_leaves_nothing_half_written(office: Office, host: Host) -> None:
    """The holder's row version changed after the file's row was written: the host commits without either.

    Another decision on the same holder is committed between the reading and the writing.
    """
    holder_id = office.holder()
    permit_id, other = office.application(holder_id), office.application(holder_id)
    for each in (permit_id, other):
        office.do("record_opinion", "2017-01-20", permit_id=each, **ADVISED)
    before = office.engine.permit(permit_id).version
    loser = _Overtaken(office.engine, permit_id)
    with Session(host.engine) as session, session.begin():
        host.note(session, "a")
        refused(
            "concurrency.conflict",
            lambda: loser.execute(IssuePermit(permit_id=permit_id), actor=DECIDER, session=session),
        )
        host.note(session, "b")
    assert host.words() == ["a", "b"]
    assert office.engine.permit(permit_id).version == before
    assert office.engine.store.rebuild(check=True).differences == []


class _Overtaken:
    """An engine whose holder's row version changes after the file's row has been written, as a rival's commit does."""

    def __init__(self, engine: Engine, permit_id: str) -> None:
        self._engine = engine
        self._permit_id = permit_id

    def execute(self, command: Command, **given: Any) -> Any:
        session: Session = given["session"]
        driver: Any = session.connection().connection.driver_connection
        name = driver.execute("SELECT 1").__class__.__module__.split(".")[0]
        # A trigger of the database does what the rival would have done, at the moment that matters.
        if name == "sqlite3":
            driver.execute(
                "CREATE TEMP TRIGGER overtaken AFTER UPDATE ON main.permits BEGIN"
                " UPDATE holders SET gate = gate + 1; END"
            )
        else:
            driver.execute(
                "CREATE FUNCTION pg_temp.overtaken() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN UPDATE holders SET gate = gate + 1; RETURN NULL; END $$"
            )
            driver.execute(
                "CREATE TRIGGER overtaken AFTER UPDATE ON permits"
                " FOR EACH ROW EXECUTE FUNCTION pg_temp.overtaken()"
            )
        try:
            return self._engine.execute(command, **given)
        finally:
            driver.execute("DROP TRIGGER overtaken" + ("" if name == "sqlite3" else " ON permits"))


def test_with_a_session_nothing_is_tried_again(office: Office, postgresql_or_skip: None, host: Host) -> None:
    """Of two hosts that move one file at once the second is told of the conflict, and its transaction lives on.

    Without a session the same command is decided again, and succeeds.
    """
    permit_id = office.title()
    office.at("2018-01-10")
    renewal = RequestRenewal(permit_id=permit_id)
    answers: list[object] = []

    def hosted() -> None:
        with Session(host.engine) as session, session.begin():
            host.note(session, "second")
            try:
                answers.append(office.engine.execute(renewal, actor=COUNTER, session=session))
            except PermitsError as problem:
                answers.append(problem.code)
            host.note(session, "second goes on")

    def own() -> None:
        answers.append(office.engine.execute(renewal, actor=COUNTER).events)

    _behind(office, host, RecordExit(permit_id=permit_id, on=date(2017, 12, 1)), hosted)
    _behind(office, host, RecordReturn(permit_id=permit_id, on=date(2017, 12, 9)), own)
    assert answers == ["concurrency.conflict", ("permit.renewal_requested", "permit.receipt_issued")]
    assert host.words() == ["second", "second goes on"]


def _behind(office: Office, host: Host, first: Command, then: Callable[[], None]) -> None:
    """Someone has read the file and waits for its row while the first host commits another act on it."""
    with Session(host.engine) as session:
        office.engine.execute(first, actor=COUNTER, session=session)
        thread = threading.Thread(target=then)
        thread.start()
        _until_waiting(host)
        session.commit()
        thread.join(30)


@pytest.fixture
def postgresql_or_skip(store_url: str) -> None:
    """On SQLite there is one writer: a second host waits for the first, and sees its work."""
    if store_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")


def _until_waiting(host: Host) -> None:
    """Until someone waits for a lock in the database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(300):
        with host.engine.connect() as connection:
            if connection.execute(waiting).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def test_a_host_in_a_stricter_isolation_level_goes_on_too(
    office: Office, postgresql_or_skip: None, host: Host
) -> None:
    """In REPEATABLE READ the loser's statement fails in the server; the host still commits its own rows."""
    permit_id = office.title()
    office.at("2018-01-10")
    strict = host.engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(strict) as session, session.begin():
        host.note(session, "a")
        office.engine.execute(RecordExit(permit_id=permit_id, on=date(2017, 5, 1)), actor=COUNTER)
        refused(
            "concurrency.conflict",
            lambda: office.engine.execute(
                TransferFile(permit_id=permit_id, prefecture="MA-FES"), actor=COUNTER, session=session
            ),
        )
        host.note(session, "b")
    assert host.words() == ["a", "b"]


def test_a_host_that_read_before_and_lost_the_race_is_told_what_to_do(sqlite_url: str, tmp_path: Any) -> None:
    """On SQLite its old view cannot be written on any more: a conflict at once, not after a wait."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    with Engine.initialise(sqlite_url, keys=tmp_path / "k", clock=clock, simulated=True) as engine:
        office = Office(engine, clock)
        holder_id = office.holder()
        host = create_engine(host_url(sqlite_url))
        event.listen(host, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        with Session(host) as session:
            session.execute(text("SELECT count(*) FROM permits"))
            office.application(holder_id)
            told = refused(
                "concurrency.conflict",
                lambda: engine.execute(an_application(holder_id), actor=COUNTER, session=session),
            )
            assert "roll the session back" in told.message
            session.rollback()
            assert engine.execute(an_application(holder_id), actor=COUNTER, session=session).events
            session.commit()
        host.dispose()
