"""Erasing a person: what goes, what stays, and what prevents it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from permits_engine import Engine, EraseHolder, PermitsError, UpdateHolder
from permits_engine.domain.errors import error
from permits_engine.domain.events import HolderErased
from permits_engine.store.database import connections
from permits_engine.store.database.transactions import Statement
from permits_engine.store.keys import erasure
from permits_engine.store.keys.keyring import NEW_KEY
from permits_engine.testing import Office
from tests.integration.application.privacy.conftest import (
    ADMINISTRATOR,
    SECRETS,
    ended,
    erase,
    holder_of,
    refused,
)
from tests.integration.application.privacy.files import holding, live_files
from tests.integration.scheduler.conftest import Post, run

_WRAPPED = Statement("SELECT wrapped FROM holder_keys WHERE holder_id = :of")
_TRACES = {
    "holder_keys": Statement("SELECT count(*) FROM holder_keys WHERE holder_id = :of"),
    "search": Statement("SELECT count(*) FROM search WHERE holder_id = :of"),
    "commands": Statement("SELECT count(*) FROM commands WHERE holder_id = :of"),
}


def wrapped(office: Office, holder_id: str) -> bytes:
    """The holder's key as it lies in the store."""
    with office.engine.database.read() as tx:
        row = tx.one(_WRAPPED, {"of": holder_id})
    assert row is not None
    return bytes(row[0])


def traces(office: Office, holder_id: str) -> dict[str, int]:
    """How many rows of each table name the holder."""
    with office.engine.database.read() as tx:
        return {name: int((tx.one(each, {"of": holder_id}) or (0,))[0]) for name, each in _TRACES.items()}


def test_no_live_file_holds_the_key_or_a_word_of_an_erased_person(
    office: Office, store_url: str, tmp_path: Path
) -> None:
    """Before the erasure the wrapped key is found in the files, so that the search itself is sound; after it
    neither that nor anything personal is, in the database, its log, its indexes or the folder of letters."""
    permit_id = ended(office)
    holder_id = holder_of(office, permit_id)
    key = wrapped(office, holder_id)
    letters = tmp_path / "mail"
    letters.mkdir()
    with office.engine.database.read() as tx:
        notices = [row[0] for row in tx.all(Statement("SELECT notice_id FROM notices"), {})]
    (letters / "somebody-else.eml").write_text("stays")
    for each in notices:
        (letters / f"{each}.eml").write_text("Zzmarkername")
        (letters / f".{each}.eml.123.abc").write_text("half a letter to Zzmarkername")
    if store_url.startswith("postgresql"):
        import psycopg

        # What the planner samples of a column must not keep it.
        with psycopg.connect(store_url, autocommit=True) as connection:
            connection.execute("ANALYZE")
    assert holding(live_files(store_url), key)

    erase(office, holder_id, letters=letters)

    assert holding(live_files(store_url), key) == []
    for secret in SECRETS:
        assert holding(live_files(store_url), secret.encode()) == [], secret
    assert [each.name for each in letters.iterdir()] == ["somebody-else.eml"]
    assert traces(office, holder_id) == {"holder_keys": 0, "search": 0, "commands": 0}


@pytest.mark.parametrize("copied", ["postgresql"], indirect=True)
def test_the_planner_samples_no_keys_tokens_or_digests(office: Office, store_url: str) -> None:
    """What PostgreSQL would keep of them in its catalogue no erasure could reach."""
    import psycopg

    for _ in range(4):
        office.title()
    secrets = {("holder_keys", "wrapped"), ("search", "token"), ("commands", "digest")}
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        sampled = set(connection.execute("SELECT tablename, attname FROM pg_stats").fetchall())
    assert ("holder_keys", "key_id") in sampled
    assert sampled & secrets == set()


def test_what_statistics_and_decisions_need_is_unchanged(office: Office) -> None:
    """The history verifies and is proved, rows are what history gives, and the account counts the same people."""
    permit_id = ended(office)
    other = office.title()
    engine = office.engine
    engine.audit.checkpoint()
    by = ("outcome", "nationality", "sex")
    before = (engine.queries.results(by), engine.permit(permit_id), engine.permit(other))
    history = engine.history(permit_id)

    erase(office, holder_of(office, permit_id))

    after = (engine.queries.results(by), engine.permit(permit_id), engine.permit(other))
    assert after[0] == before[0]
    assert after[2] == before[2]
    numberless = {**before[1].as_dict(), "file_number": None, "card_number": None}
    assert after[1].as_dict() == numberless
    assert engine.history(permit_id) == history
    assert engine.audit.verify().intact
    engine.audit.checkpoint()
    keys = engine.context.signing.verifiers(engine.audit.origin)
    for version in range(1, before[1].version + 1):
        engine.audit.prove(permit_id, version).check(keys)
    assert engine.store.rebuild(check=True).differences == []
    engine.store.rebuild()
    assert engine.queries.results(by) == before[0]


def test_the_erasure_is_recorded_without_the_data(office: Office) -> None:
    """``holder.erased`` says who erased, when and why; a reason that names the person is refused."""
    holder_id = holder_of(office, ended(office))
    for naming in ("Mme ZZMARKERNAME wishes it", "mail of zzmarkermail@example.org", "née le 1990-04-01"):
        problem = refused(
            "input.invalid",
            lambda naming=naming: office.engine.privacy.erase(holder_id, reason=naming, actor=ADMINISTRATOR),
        )
        assert "arker" not in str(problem).casefold()
    erase(office, holder_id)
    [event] = [x for x in office.engine.subscribe(timeout=0) if x["name"] == HolderErased.NAME]
    assert event["reason"] == "asked for by the person"
    assert event["actor"]["id"] == ADMINISTRATOR.id
    assert "sealed" not in event


def test_no_later_event_brings_a_key_back(office: Office) -> None:
    """Anyone who writes about an erased person, or registers them under the same id, is told ``holder.erased``."""
    permit_id = ended(office)
    holder_id = holder_of(office, permit_id)
    erase(office, holder_id)
    refused("holder.erased", lambda: office.holder(holder_id=holder_id))
    refused("holder.erased", lambda: office.application(holder_id))
    refused(
        "holder.erased", lambda: office.do("update_holder", "2017-05-03", holder_id=holder_id, email=None)
    )
    refused(
        "holder.erased",
        lambda: office.engine.as_(office.actor("counter")).execute(
            UpdateHolder(holder_id=holder_id, family_name="Back")
        ),
    )
    _, row = office.engine.context.keyring.make(holder_id)
    with office.engine.database.write() as tx:
        assert tx.run(NEW_KEY, row) == 0
    assert traces(office, holder_id)["holder_keys"] == 0


def test_an_old_command_id_brings_nothing_back(office: Office) -> None:
    """The ids of commands stay used; what they said is forgotten."""
    permit_id = office.application(command_id="mark-1")
    office.do("close_permit", "2017-05-02", permit_id=permit_id, reason="departed")
    erase(office, holder_of(office, permit_id))
    refused("command.id_reused", lambda: office.application(office.holder(), command_id="mark-1"))


def test_only_an_administrator_erases(office: Office) -> None:
    """Competence is policy data, and comes before everything else."""
    holder_id = holder_of(office, ended(office))
    for role in ("counter", "decider", "auditor", "scheduler"):
        refused(
            "actor.not_competent",
            lambda role=role: office.engine.privacy.erase(holder_id, reason="x", actor=office.actor(role)),
        )
    refused("holder.not_found", lambda: erase(office, "01890a5d-ac96-774b-bcce-b302099a8057"))


def test_what_waits_to_be_said_is_not_said(office: Office) -> None:
    """Parked and waiting messages end, and a pass says nothing more."""
    permit_id = office.application(office.holder(email=None, phone=None))
    run(office, "2017-03-15", Post())
    office.do("close_permit", "2017-03-16", permit_id=permit_id, reason="departed")
    assert office.engine.notices.list(state="parked", permit_id=permit_id)
    erase(office, holder_of(office, permit_id))
    assert {each["state"] for each in office.engine.notices.list(permit_id=permit_id)} <= {
        "sent",
        "suppressed",
    }
    assert not office.engine.notices.list(state="parked")
    assert office.run_scheduler("2017-03-17") == []
    assert office.engine.store.rebuild(check=True).differences == []


def test_erasing_again_changes_nothing(office: Office) -> None:
    """The second time says that it was done already."""
    holder_id = holder_of(office, ended(office))
    first = erase(office, holder_id)
    position = office.position()
    again = erase(office, holder_id)
    assert (first["already"], again["already"]) == (False, True)
    assert office.position() == position


def test_an_erasure_that_died_half_way_is_taken_up(
    office: Office, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is destroyed and its bytes still lie in the files: the store knows, and the next erasure finishes."""
    holder_id = holder_of(office, ended(office))
    key = wrapped(office, holder_id)

    def dies(database: object) -> None:
        raise error("store.unavailable", "the power went")

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "scrub", dies)
        refused("store.unavailable", lambda: erase(office, holder_id, letters=tmp_path))
    assert office.engine.privacy.unfinished_erasures() == [holder_id]
    assert traces(office, holder_id)["holder_keys"] == 0
    again = erase(office, holder_id, letters=tmp_path)
    assert again["already"]
    assert office.engine.privacy.unfinished_erasures() == []
    assert holding(live_files(store_url), key) == []


def test_erasures_and_appends_for_one_person_do_not_cross(office: Office) -> None:
    """Many writers about one person while they are erased: each event before the erasure opened under the key, none
    comes after it, and each writer is told that they were too late."""
    permit_id = ended(office)
    holder_id = holder_of(office, permit_id)
    told: list[str] = []
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for turn in range(200):
            try:
                office.engine.execute(
                    UpdateHolder(holder_id=holder_id, address=f"{number}-{turn}"),
                    actor=office.actor("counter"),
                )
                told.append("written")
            except PermitsError as problem:
                told.append(problem.code)
                if problem.code == "holder.erased":
                    return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    start.wait()
    while told.count("written") < 3:
        pass
    while True:
        try:
            office.engine.execute(EraseHolder(holder_id=holder_id, reason="asked for"), actor=ADMINISTRATOR)
            break
        except PermitsError as problem:
            assert problem.code == "concurrency.conflict"
    for each in threads:
        each.join()
    assert set(told) <= {"written", "concurrency.conflict", "holder.erased"}
    assert told.count("holder.erased") == 3
    names = [x["name"] for x in office.engine.subscribe(timeout=0) if x["stream"] == holder_id]
    assert names[-1] == "holder.erased"
    assert names.count("holder.updated") == told.count("written")
    assert traces(office, holder_id) == {"holder_keys": 0, "search": 0, "commands": 0}


def test_an_erasure_waits_for_a_host_that_writes_about_the_person(office: Office, store_url: str) -> None:
    """A host's open transaction has read the key: what it writes is under the key, and the erasure comes after it."""
    from sqlalchemy import create_engine

    permit_id = ended(office)
    holder_id = holder_of(office, permit_id)
    host = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    done = threading.Event()

    def run() -> None:
        erase(office, holder_id)
        done.set()

    with host.connect() as connection, connection.begin():
        office.engine.execute(
            UpdateHolder(holder_id=holder_id, address="there"),
            actor=office.actor("counter"),
            session=connection,
        )
        eraser = threading.Thread(target=run)
        eraser.start()
        assert not done.wait(0.5)
    eraser.join()
    assert done.is_set()
    names = [x["name"] for x in office.engine.subscribe(timeout=0) if x["stream"] == holder_id]
    assert names[-2:] == ["holder.updated", "holder.erased"]
    host.dispose()


def test_a_register_imported_again_brings_no_one_back(office: Office, tmp_path: Path) -> None:
    """The row stays known by an HMAC under the register's own key, and says nothing more: neither of whom, nor what."""
    register = tmp_path / "register.csv"
    head = (
        "numero_dossier;nom;prenoms;date_naissance;sexe;nationalite;prefecture;categorie;critere;date_depot"
    )
    rows = [
        f"{number};Zzmarkername;Ali;1980-01-0{number};M;SEN;MA-RAB;ordinary;;2008-03-10" for number in (1, 2)
    ]
    text = "\n".join([f"{head};date_decision;decision", *(f"{row};2008-06-10;refusee" for row in rows)])
    register.write_text(text, encoding="utf-8")
    assert office.engine.store.import_register(register).imported == 2
    [permit_id, other] = [row["permit_id"] for row in office.engine.find()]
    holder_id = holder_of(office, permit_id)
    erase(office, holder_id)
    again = office.engine.store.import_register(register)
    assert (again.imported, again.unchanged, again.codes) == (0, 1, {"row.erased": 1})
    with office.engine.database.read() as tx:
        rows_left = tx.all(Statement("SELECT holder_id, permit_id, stream, digest FROM commands"), {})
    assert sorted(map(str, rows_left), key=len)[0] == str((None, None, "", b""))
    assert sum(row[0] is None for row in rows_left) == 1
    assert holder_of(office, other)


def test_an_open_reader_keeps_the_erasure_unfinished(
    office: Office, store_url: str, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old reader keeps the key's bytes in SQLite's log: that is said, and the next erasure finishes. On PostgreSQL
    anyone who holds a table does."""
    holder_id = holder_of(office, ended(office))
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(connections, "WAIT_SECONDS", 0.2)
    with Engine.open(store_url, keys=keys, clock=office.clock) as hasty, _reader(store_url):
        refused("store.unavailable", lambda: erase(Office(hasty, office.clock), holder_id))
        assert office.engine.privacy.unfinished_erasures() == [holder_id]
    assert erase(office, holder_id)["already"]
    assert office.engine.privacy.unfinished_erasures() == []


@contextmanager
def _reader(url: str) -> Iterator[None]:
    if url.startswith("sqlite"):
        import sqlite3

        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM holder_keys").fetchone()
        yield
        connection.close()
        return
    import psycopg

    with psycopg.connect(url) as server:
        server.execute("SELECT count(*) FROM search")
        yield


def test_a_user_who_does_not_own_the_tables_is_told(office: Office, store_url: str, keys: Path) -> None:
    """PostgreSQL only warns and leaves the bytes where they are: the erasure waits for the owner."""
    if "user=postgres" not in store_url:
        pytest.skip("an SQLite file has no owner of tables")
    import psycopg

    holder_id = holder_of(office, ended(office))
    with psycopg.connect(store_url, autocommit=True) as server:
        server.execute("CREATE ROLE clerk LOGIN")
        server.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
        server.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk")
    try:
        clerk = store_url.replace("user=postgres", "user=clerk")
        with Engine.open(clerk, keys=keys, clock=office.clock) as engine:
            problem = refused("store.unavailable", lambda: erase(Office(engine, office.clock), holder_id))
            assert "owner of the tables" in str(problem)
        assert office.engine.privacy.unfinished_erasures() == [holder_id]
        assert erase(office, holder_id)["already"]
        assert office.engine.privacy.unfinished_erasures() == []
    finally:
        with psycopg.connect(store_url, autocommit=True) as server:
            server.execute("DROP OWNED BY clerk")
            server.execute("DROP ROLE clerk")
