"""What the façade promises to callers that give commands: conflicts, repetition, refusals without a trace."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from permits_engine import Actor, Engine, PermitsError, RecordExit, RequestRenewal, TransferFile
from tests.acts import ADVISED, REVOKED
from tests.integration.application.conftest import COUNTER, DECIDER, Office

MARKED = {"reasons_in_fact": "MARKED-FACT", "reasons_in_law": "MARKED-LAW"}


def refused(code: str, act: Any) -> PermitsError:
    """The refusal of an act, which must bear that code."""
    with pytest.raises(PermitsError) as caught:
        act()
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_command_on_an_older_version_is_a_conflict(office: Office) -> None:
    """Who decided on what they saw is not overruled, and the message says which version there is."""
    permit_id = office.title()
    version = office.engine.permit(permit_id).version
    office.do("record_exit", "2017-03-01", permit_id=permit_id, expected_version=version)
    late = refused(
        "concurrency.conflict",
        lambda: office.do(
            "transfer_file", "2017-03-02", permit_id=permit_id, prefecture="MA-FES", expected_version=version
        ),
    )
    assert late.details["version"] == version + 1


def test_without_an_expected_version_the_loser_decides_again(office: Office) -> None:
    """Eight threads move one file at once: every one that the law allows succeeds, none is lost."""
    permit_ids = [office.title() for _ in range(4)]
    problems: list[BaseException] = []

    def uow(permit_id: str, name: str) -> None:
        try:
            command: Any = (
                RecordExit(permit_id=permit_id, on="2017-02-01")
                if name == "exit"
                else TransferFile(permit_id=permit_id, on="2017-02-01", prefecture="MA-FES")
            )
            office.engine.execute(command, actor=COUNTER)
        except BaseException as problem:
            problems.append(problem)

    threads = [
        threading.Thread(target=uow, args=(permit_id, name))
        for permit_id in permit_ids
        for name in ("exit", "transfer")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who comes after the transfer belongs to the wrong office: a rule, not a race.
    assert {getattr(p, "code", repr(p)) for p in problems} <= {"actor.wrong_prefecture"}
    for permit_id in permit_ids:
        assert office.engine.permit(permit_id).prefecture == "MA-FES"
    assert office.engine.store.rebuild(check=True).differences == []


def test_the_same_command_twice_is_carried_out_once(office: Office) -> None:
    """Its second outcome is the first one, marked as replayed; nothing is appended."""
    permit_id = office.title()
    first = office.do("request_renewal", "2018-01-10", permit_id=permit_id, command_id="r-1")
    end = office.position()
    again = office.do("request_renewal", "2018-01-10", permit_id=permit_id, command_id="r-1")
    assert (again.version, again.events, again.permit_id) == (first.version, first.events, permit_id)
    assert (first.replayed, again.replayed) == (False, True)
    assert office.position() == end


def test_a_command_id_serves_one_content(office: Office) -> None:
    """The same id with other content is refused."""
    permit_id = office.title()
    office.do("record_exit", "2017-03-01", permit_id=permit_id, command_id="x")
    refused(
        "command.id_reused",
        lambda: office.do("record_exit", "2017-03-02", permit_id=permit_id, command_id="x"),
    )


def test_a_refused_command_leaves_no_trace(office: Office) -> None:
    """Neither an event nor its id: the id may be tried again with what was missing."""
    permit_id = office.application()
    end = office.position()
    refused(
        "opinion.missing",
        lambda: office.do("issue_permit", "2017-01-05", DECIDER, permit_id=permit_id, command_id="i"),
    )
    assert office.position() == end
    office.do(
        "record_opinion",
        "2017-01-06",
        Actor("c", "local_commission", "MA-RAB"),
        permit_id=permit_id,
        **ADVISED,
    )
    assert office.do("issue_permit", "2017-01-07", DECIDER, permit_id=permit_id, command_id="i").events


def test_a_dry_run_tells_the_events_and_records_none(office: Office) -> None:
    """``check`` gives what ``execute`` would do, and refuses what it would refuse."""
    permit_id = office.title()
    end = office.position()
    office.at("2018-01-10")
    command = RequestRenewal(permit_id=permit_id, on="2018-01-10")
    assert office.engine.check(command, actor=COUNTER) == (
        "permit.renewal_requested",
        "permit.receipt_issued",
    )
    refused("actor.not_competent", lambda: office.engine.check(command, actor=DECIDER))
    assert office.position() == end


def test_what_is_allowed_is_what_is_carried_out(office: Office) -> None:
    """``allowed`` names a command exactly where role, office and state let it be thought of."""
    permit_id = office.title()
    office.at("2018-01-10")
    assert "request_renewal" in office.engine.allowed(permit_id, actor=COUNTER)
    assert "revoke_permit" not in office.engine.allowed(permit_id, actor=COUNTER)
    assert "revoke_permit" in office.engine.allowed(permit_id, actor=DECIDER)
    assert office.engine.allowed(permit_id, actor=Actor("x", "counter", "MA-FES")) == []


def test_two_titles_of_one_kind_never_overlap(office: Office) -> None:
    """The second card of one holder waits until the first is closed."""
    holder_id = office.holder()
    first = office.title(holder_id=holder_id)
    with pytest.raises(PermitsError) as caught:
        office.title(holder_id=holder_id)
    assert caught.value.code == "title.overlap"
    assert caught.value.details["permit_id"] == first


def test_the_hosts_rows_and_ours_share_one_fate(office: Office, store_url: str) -> None:
    """A host that fails half-way has neither; one that commits has both, and goes on after a refusal."""
    permit_id = office.title()
    host = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with host.begin() as connection:
        connection.execute(text("CREATE TABLE dossiers (word TEXT)"))
    office.at("2018-01-10")
    command = RequestRenewal(permit_id=permit_id, on="2018-01-10", command_id="once")

    def rows() -> int:
        with host.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM dossiers")).scalar_one())

    with pytest.raises(ZeroDivisionError), Session(host) as session, session.begin():
        session.execute(text("INSERT INTO dossiers VALUES ('a')"))
        office.engine.execute(command, actor=COUNTER, session=session)
        raise ZeroDivisionError
    assert (rows(), office.engine.permit(permit_id).application_status) == (0, "granted")

    with Session(host) as session, session.begin():
        session.execute(text("INSERT INTO dossiers VALUES ('b')"))
        with pytest.raises(PermitsError):
            office.engine.execute(command, actor=DECIDER, session=session)
        outcome = office.engine.execute(command, actor=COUNTER, session=session)
    assert not outcome.replayed
    assert (rows(), office.engine.permit(permit_id).application_status) == (1, "under_review")
    assert office.engine.store.rebuild(check=True).differences == []
    host.dispose()


def test_many_commands_give_an_outcome_or_an_error_each(office: Office) -> None:
    """In order, with refusals between; a later command sees what an earlier one of the batch did."""
    permit_id = office.title()
    office.at("2018-01-20")
    commands = [
        RequestRenewal(permit_id=permit_id, on="2018-01-10"),
        RequestRenewal(permit_id=permit_id, on="2018-01-11"),
        RecordExit(permit_id=permit_id, on="2018-01-12"),
    ]
    results = list(office.engine.execute_many(commands, actor=COUNTER))
    assert [getattr(r, "code", None) for r in results] == [None, "transition.not_allowed", None]
    assert office.engine.permit(permit_id).version == results[2].version  # type: ignore[union-attr]
    assert office.engine.store.rebuild(check=True).differences == []


def test_what_is_stored_holds_no_personal_data_in_clear(office: Office, store_url: str) -> None:
    """Name, birth date, e-mail and reasons are nowhere in what the database holds."""
    permit_id = office.title()
    office.do("revoke_permit", "2017-05-01", DECIDER, permit_id=permit_id, **REVOKED | MARKED)
    host = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    from permits_engine.store.database.schema import metadata

    with host.connect() as connection:
        held = "".join(
            str(
                [
                    bytes(v) if isinstance(v, memoryview) else v
                    for row in connection.execute(table.select())
                    for v in row
                ]
            )
            for table in metadata.sorted_tables
        )
    host.dispose()
    for word in ("Diallo", "Aminata", "1990-04-01", "holder@example.org", "MARKED-FACT", "MARKED-LAW"):
        assert word not in held
    told = office.engine.as_(DECIDER).history(permit_id)[-1]
    assert told["reasons_in_fact"] == "MARKED-FACT"


def test_an_engine_without_its_keys_says_so(store_url: str, office: Office, tmp_path: Path) -> None:
    """A missing key file is named with the remedy."""
    problem = refused("store.unavailable", lambda: Engine.open(store_url, keys=tmp_path / "elsewhere"))
    assert "PERMITS_KEYS" in problem.message
