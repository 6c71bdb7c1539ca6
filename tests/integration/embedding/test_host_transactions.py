"""One transaction for the host's rows and ours: one fate, and no refusal of ours spoils it."""

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from permits_engine import (
    IssuePermit,
    LodgeApplication,
    PermitsError,
    RecordExit,
    RegisterHolder,
    RequestRenewal,
    TransferFile,
    UpdateHolder,
)
from permits_engine.commands import Command
from permits_engine.store.database.schema import metadata
from permits_engine.store.database.transactions import Statement
from permits_engine.testing import a_holder, an_application
from tests.acts import ADVISED
from tests.integration.application.conftest import COUNTER, DECIDER, Office
from tests.integration.embedding.conftest import Host, host_url, refused

NEW = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f00aa"
UNKNOWN = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f00ff"


class Stop(Exception):
    """The host fails half-way."""


def held(office: Office) -> dict[str, list[Any]]:
    """Every row of every table of the store."""
    with office.engine.database.read() as tx:
        return {
            table.name: sorted(map(repr, tx.all(Statement(table.select()))))
            for table in metadata.sorted_tables
        }


def command_of(name: str, office: Office) -> tuple[Command, Any]:
    """A command that the engine would carry out now, with an idempotency key, and an actor who may give it."""
    if name == "register_holder":
        return a_holder(command_id="once"), COUNTER
    if name == "update_holder":
        return UpdateHolder(holder_id=office.holder(), phone="+212537000000", command_id="once"), COUNTER
    if name == "lodge_application":
        office.at("2016-12-20")
        return an_application(office.holder(), command_id="once"), COUNTER
    if name == "issue_permit":
        permit_id = office.application()
        office.do("record_opinion", "2017-01-20", permit_id=permit_id, **ADVISED)
        return IssuePermit(permit_id=permit_id, on=date(2017, 1, 20), command_id="once"), DECIDER
    permit_id = office.title()
    office.at("2018-01-10")
    return RequestRenewal(permit_id=permit_id, command_id="once"), COUNTER


COMMANDS = ["register_holder", "update_holder", "lodge_application", "issue_permit", "request_renewal"]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("when", ["before", "after", "at its commit"])
def test_a_host_that_fails_half_way_leaves_nothing_of_either(
    office: Office, host: Host, name: str, when: str
) -> None:
    """Events, read models, the holder's key, the idempotency record and the host's rows: none is there."""
    command, actor = command_of(name, office)
    before = held(office)
    with pytest.raises(Stop), Session(host.engine) as session:
        if when == "at its commit":
            event.listen(session, "before_commit", _stop)
        with session.begin():
            if when == "before":
                host.note(session, "a")
            office.engine.execute(command, actor=actor, session=session)
            if when != "before":
                host.note(session, "a")
            if when != "at its commit":
                raise Stop
    assert host.words() == []
    assert held(office) == before
    outcome = office.engine.execute(command, actor=actor)
    assert not outcome.replayed


def _stop(session: Session) -> None:
    raise Stop


def test_a_host_whose_own_row_is_refused_leaves_nothing_of_ours(office: Office, host: Host) -> None:
    """The host's unique row was there already: its error rolls our events back with it."""
    command, actor = command_of("request_renewal", office)
    before = held(office)
    with host.engine.begin() as connection:
        host.note(connection, "taken")
    with pytest.raises(IntegrityError), Session(host.engine) as session, session.begin():
        office.engine.execute(command, actor=actor, session=session)
        host.note(session, "taken")
    assert held(office) == before


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("kind", ["session", "connection"])
def test_a_host_that_commits_has_both(office: Office, host: Host, name: str, kind: str) -> None:
    """Through a Session or a Connection; the outcome is remembered under its id, and rows equal history."""
    command, actor = command_of(name, office)
    opened: Any = Session(host.engine) if kind == "session" else host.engine.connect()
    with opened as session, session.begin():
        host.note(session, "a")
        outcome = office.engine.execute(command, actor=actor, session=session)
        host.note(session, "b")
    assert host.words() == ["a", "b"]
    assert office.engine.execute(command, actor=actor).replayed
    assert outcome.events
    assert office.engine.store.rebuild(check=True).differences == []


def _refusals(office: Office) -> dict[str, Callable[[Session], object]]:
    """One request for each way in which the engine can refuse."""
    holder_id = office.holder()
    titled = office.title(holder_id)
    second = office.application(holder_id)
    office.do("record_opinion", "2017-02-02", permit_id=second, **ADVISED)
    office.do("record_exit", "2017-02-02", permit_id=titled, command_id="used")
    engine = office.engine

    def give(command: Command, actor: Any = COUNTER) -> Callable[[Session], object]:
        return lambda session: engine.execute(command, actor=actor, session=session)

    return {
        "input.invalid": give(RecordExit(permit_id=titled, on=date(2030, 1, 1))),
        "permit.not_found": give(RecordExit(permit_id=UNKNOWN)),
        "holder.not_found": give(an_application(UNKNOWN)),
        "actor.not_competent": give(TransferFile(permit_id=titled, prefecture="MA-FES"), DECIDER),
        "actor.wrong_prefecture": give(
            TransferFile(permit_id=titled, prefecture="MA-FES"), office.actor("counter", "MA-FES")
        ),
        "transition.not_allowed": give(RecordExit(permit_id=titled)),
        "title.overlap": give(IssuePermit(permit_id=second), DECIDER),
        "concurrency.conflict": give(
            TransferFile(permit_id=titled, prefecture="MA-FES", expected_version=1), COUNTER
        ),
        "command.id_reused": give(
            TransferFile(permit_id=titled, prefecture="MA-FES", command_id="used"), COUNTER
        ),
        "policy.none_in_force": give(
            LodgeApplication(
                holder_id=holder_id, jurisdiction="XX", category="ordinary", prefecture="XX-ABC"
            ),
            office.actor("counter", "XX-ABC"),
        ),
        "position.beyond_head": lambda session: (
            session.execute(text("SELECT 1")),
            engine.permit(titled, known_at=office.clock.instant.replace(year=2040)),
        ),
        "an id that is taken": give(an_application(holder_id, permit_id=titled)),
        "a holder who is known": give(RegisterHolder(**a_holder().model_dump() | {"holder_id": holder_id})),
    }


def test_after_any_refusal_the_host_goes_on_and_commits(office: Office, host: Host) -> None:
    """Each refusal in a transaction of its own between two rows of the host's, which are then both there."""
    refusals = _refusals(office)
    before = held(office)
    for code, act in refusals.items():
        with Session(host.engine) as session, session.begin():
            host.note(session, f"{code} 1")
            found = refused(code if "." in code else "concurrency.conflict", lambda: act(session))  # noqa: B023
            assert found.message
            host.note(session, f"{code} 2")
    assert host.words() == sorted(f"{code} {n}" for code in refusals for n in (1, 2))
    assert held(office) == before


def test_after_all_refusals_in_one_transaction_a_command_still_succeeds(office: Office, host: Host) -> None:
    """Nothing that was refused is half-written, and nothing prevents what follows."""
    refusals = _refusals(office)
    before = office.position()
    with Session(host.engine) as session, session.begin():
        for act in refusals.values():
            with pytest.raises(PermitsError):
                act(session)
        outcome = office.engine.execute(a_holder(), actor=COUNTER, session=session)
        host.note(session, "all")
    assert (outcome.events, host.words()) == (("holder.registered",), ["all"])
    assert office.position() == before + 1
    assert office.engine.store.rebuild(check=True).differences == []


@pytest.mark.parametrize("kind", ["session", "connection"])
@pytest.mark.parametrize("how", ["the engine's", "the connection's"])
def test_autocommit_is_refused(office: Office, store_url: str, host: Host, kind: str, how: str) -> None:
    """Where a rollback would take nothing back, nothing is written, and the sentence says so."""
    level = {"isolation_level": "AUTOCOMMIT"}
    engine = create_engine(host_url(store_url), **(level if how == "the engine's" else {}))
    connection = engine.connect()
    if how != "the engine's":
        connection = connection.execution_options(**level)
    session: Any = Session(connection) if kind == "session" else connection
    before = office.position()
    told = refused("input.invalid", lambda: office.engine.execute(a_holder(), actor=COUNTER, session=session))
    assert "AUTOCOMMIT" in told.message
    assert office.position() == before
    session.close()
    connection.close()
    engine.dispose()


def test_several_commands_of_one_host_transaction_see_one_another(office: Office, host: Host) -> None:
    """Registered, filed, advised on and granted in one transaction; then all of it is there, or none."""
    permit_id = office.title()  # so that the usual days have come
    before = held(office)
    for end in (Stop, None):
        try:
            with Session(host.engine) as session, session.begin():
                holder = office.engine.execute(a_holder(), actor=COUNTER, session=session).holder_id
                assert holder is not None
                filed = an_application(holder, permit_id=NEW)
                office.engine.execute(filed, actor=COUNTER, session=session)
                seen = office.engine.execute(
                    TransferFile(permit_id=NEW, prefecture="MA-FES"), actor=COUNTER, session=session
                )
                assert seen.version == 3
                if end is not None:
                    raise end
        except Stop:
            assert held(office) == before
    assert office.engine.permit(NEW).prefecture == "MA-FES"
    assert office.engine.permit(permit_id).prefecture == "MA-RAB"
    assert office.engine.store.rebuild(check=True).differences == []


def test_our_rows_are_invisible_until_the_host_commits(office: Office, host: Host) -> None:
    """While the host works on, every other reader sees the store as it was."""
    command, actor = command_of("request_renewal", office)
    permit_id: str = command.permit_id  # type: ignore[attr-defined]
    with Session(host.engine) as session, session.begin():
        office.engine.execute(command, actor=actor, session=session)
        answers: list[str] = []
        reader = threading.Thread(
            target=lambda: answers.append(office.engine.permit(permit_id).application_status)
        )
        reader.start()
        reader.join(30)
        assert answers == ["granted"]
    assert office.engine.permit(permit_id).application_status == "under_review"
