"""Reading as an actor: what each may see, and the trace that a look leaves."""

import threading
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from permits_engine import Actor, PermitsError, UpdateHolder
from permits_engine.application.queries import permit_file
from permits_engine.domain.permit.state import Permit
from permits_engine.reader import Reader
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events.application import Placed
from permits_engine.testing import Office
from tests.acts import ADVISED, REVOKED
from tests.integration.application.conftest import COUNTER, COURT, DECIDER
from tests.integration.embedding.conftest import host_url, refused

AUDITOR = Actor("inspector-1", "auditor")
ELSEWHERE = Actor("officer-8", "counter", "MA-FES")
ADMINISTRATOR = Actor("root", "administrator")
SECRETS = ("Diallo", "Aminata", "1990-04-01", "holder@example.org", "MARKED-FACT", "F-77", "C-88")

MARKED = {"reasons_in_fact": "MARKED-FACT", "reasons_in_law": "article 20"}


@pytest.fixture
def permit_id(office: Office) -> str:
    """A file of Rabat with numbers, a card and a revocation in words."""
    permit_id = office.application(file_number="F-77")
    office.do("record_opinion", "2017-01-20", permit_id=permit_id, **ADVISED)
    office.do("issue_permit", "2017-02-01", permit_id=permit_id, card_number="C-88")
    office.do("revoke_permit", "2017-05-02", permit_id=permit_id, **REVOKED | MARKED)
    return permit_id


def looks(office: Office) -> list[tuple[str, str]]:
    """Reader and day of every look that was noted, in order."""
    return [
        (each["actor"]["id"], each["effective_on"])
        for each in office.engine.subscribe(timeout=0, names=("holder.accessed",))
    ]


def holder_of(office: Office, permit_id: str) -> str:
    return office.engine.permit(permit_id).holder_id


def test_a_look_reads_and_folds_the_file_once(
    office: Office, permit_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for both who may see it and what is shown."""
    folded: list[str] = []
    original = permit_file.folded

    def counted(stream: str, events: Iterable[Placed]) -> Permit:
        folded.append(stream)
        return original(stream, events)

    monkeypatch.setattr(permit_file, "folded", counted)
    reader = office.engine.as_(DECIDER)
    for look in (reader.permit, reader.deadlines, reader.queries.rights):
        folded.clear()
        look(permit_id)
        assert folded == [permit_id]


def test_personal_data_come_only_through_a_reader(office: Office, permit_id: str) -> None:
    """What the façade tells without an actor names no person, and shows that there is more."""
    engine = office.engine
    told = [
        engine.history(permit_id),
        engine.explain(permit_id),
        engine.find(),
        engine.deadlines(permit_id),
        engine.queries.results(("nationality", "sex")),
        list(engine.subscribe(timeout=0)),
    ]
    for word in SECRETS:
        assert word not in str(told)
    assert engine.explain(permit_id)["sealed"] is True
    assert looks(office) == []


def test_a_counter_sees_its_offices_files(office: Office, permit_id: str) -> None:
    """With what is personal in them; those of another office are refused, with the rule."""
    reader = office.engine.as_(COUNTER)
    view = reader.permit(permit_id)
    assert (view.file_number, view.card_number) == ("F-77", "C-88")
    assert reader.history(permit_id)[-1]["reasons_in_fact"] == "MARKED-FACT"
    assert reader.explain(permit_id)["reasons_in_law"] == "article 20"
    assert reader.queries.holder(view.holder_id).family_name == "Diallo"
    for ask in _questions(office.engine.as_(ELSEWHERE), permit_id, view.holder_id):
        told = refused("actor.wrong_prefecture", ask)
        assert told.details["rule"] == "ma.reading@2003-11-13"
        assert told.details["norm"] == "law 09-08, articles 3, 23 and 24"


def test_a_file_is_read_where_it_now_is(office: Office, permit_id: str) -> None:
    """After a transfer the receiving office sees it, and the sending one no longer."""
    office.do("transfer_file", "2017-06-01", permit_id=permit_id, prefecture="MA-FES")
    assert office.engine.as_(ELSEWHERE).permit(permit_id).card_number == "C-88"
    refused("actor.wrong_prefecture", lambda: office.engine.as_(COUNTER).permit(permit_id))


def test_who_keeps_the_machine_reads_no_file(office: Office, permit_id: str) -> None:
    """An administrator, the scheduler or a role that no one knows: nothing."""
    for actor in (ADMINISTRATOR, Actor("s", "scheduler"), Actor("x", "visitor", "MA-RAB")):
        for ask in _questions(office.engine.as_(actor, "curiosity"), permit_id, holder_of(office, permit_id)):
            refused("actor.not_competent", ask)
    assert looks(office) == []


def _questions(reader: Reader, permit_id: str, holder_id: str) -> list[Any]:
    return [
        lambda: reader.permit(permit_id),
        lambda: reader.history(permit_id),
        lambda: reader.explain(permit_id),
        lambda: reader.deadlines(permit_id),
        lambda: reader.queries.rights(permit_id),
        lambda: reader.notices.list(permit_id),
        lambda: reader.queries.holder(holder_id),
        lambda: reader.queries.accesses(holder_id),
    ]


def test_an_auditor_sees_histories_without_the_person(office: Office, permit_id: str) -> None:
    """Every file of the country, no name, number or reason; and no trace, because nothing was shown."""
    reader = office.engine.as_(AUDITOR)
    told = [reader.permit(permit_id), reader.history(permit_id), reader.explain(permit_id), reader.find()]
    for word in SECRETS:
        assert word not in str(told)
    assert told[1] == office.engine.history(permit_id)
    refused("actor.not_competent", lambda: reader.queries.holder(holder_of(office, permit_id)))
    assert looks(office) == []


def test_an_auditor_with_a_purpose_sees_the_person(office: Office, permit_id: str) -> None:
    """And leaves the trace with what it was for, which the holder can be shown."""
    reader = office.engine.as_(AUDITOR, purpose="complaint 12/2017 of the holder")
    assert reader.history(permit_id)[-1]["reasons_in_fact"] == "MARKED-FACT"
    holder_id = holder_of(office, permit_id)
    [look] = office.engine.as_(COUNTER).queries.accesses(holder_id)
    assert look == {
        "reader": {"id": "inspector-1", "role": "auditor"},
        "on": "2017-05-02",
        "recorded_at": look["recorded_at"],
        "purpose": "complaint 12/2017 of the holder",
        "operator": "library",
    }


@pytest.mark.parametrize("purpose", ["", "   ", "x" * 501, 7])
def test_a_purpose_says_something(office: Office, purpose: Any) -> None:
    """A blank one is refused as such, not taken for none."""
    refused("input.invalid", lambda: office.engine.as_(AUDITOR, purpose=purpose))


def test_a_look_is_noted_once_per_reader_holder_and_day(office: Office, permit_id: str) -> None:
    """Whatever was asked and however often; on the next day again, and for everybody else too."""
    holder_id = holder_of(office, permit_id)
    for reader in (office.engine.as_(COUNTER), office.engine.as_(DECIDER)):
        for _ in range(2):
            reader.permit(permit_id)
            reader.history(permit_id)
            reader.queries.holder(holder_id)
            reader.find(card_number="C-88")
    day = "2017-05-02"
    assert looks(office) == [(COUNTER.id, day), (DECIDER.id, day)]
    office.clock.instant += timedelta(days=1)
    office.engine.as_(COUNTER).queries.holder(holder_id)
    assert looks(office)[2:] == [(COUNTER.id, "2017-05-03")]
    other = office.holder(family_name="Traoré")
    office.engine.as_(COUNTER).queries.holder(other)
    assert len(looks(office)) == 4
    assert office.engine.store.rebuild(check=True).differences == []


def test_a_look_that_shows_nothing_personal_is_not_noted(office: Office) -> None:
    """Dates and states of a file without numbers are no data of the person's."""
    permit_id = office.application()
    reader = office.engine.as_(COUNTER)
    reader.permit(permit_id)
    reader.history(permit_id)
    reader.deadlines(permit_id)
    reader.allowed(permit_id)
    reader.find(status="under_review")
    assert looks(office) == []


def test_many_looks_at_once_are_one(office: Office, permit_id: str) -> None:
    """Eight threads of one reader: all are answered, one trace is left, and the history stays whole."""
    holder_id = holder_of(office, permit_id)
    problems: list[BaseException] = []

    def look() -> None:
        try:
            assert office.engine.as_(COUNTER).queries.holder(holder_id).family_name == "Diallo"
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert looks(office) == [(COUNTER.id, "2017-05-02")]


def test_a_look_is_no_change_that_another_writer_stumbles_over(office: Office, permit_id: str) -> None:
    """Anyone who read the person's version may still update it after someone looked; not after an update."""
    holder_id = holder_of(office, permit_id)
    version = office.engine.as_(COUNTER).queries.holder(holder_id).version
    office.engine.as_(DECIDER).queries.holder(holder_id)
    told = office.engine.execute(
        UpdateHolder(holder_id=holder_id, phone="+212537000000", expected_version=version), actor=COUNTER
    )
    assert told.version == version + 3
    refused(
        "concurrency.conflict",
        lambda: office.engine.execute(
            UpdateHolder(holder_id=holder_id, phone=None, expected_version=version), actor=COUNTER
        ),
    )


def test_nothing_is_shown_where_the_trace_cannot_be_left(office: Office, permit_id: str) -> None:
    """The store refuses the look, so the reader gets the refusal and not the name."""
    holder_id = holder_of(office, permit_id)
    with office.engine.database.write() as tx:
        for statement in _NO_MORE_EVENTS[tx.dialect]:
            tx.run(Statement(statement))
    with pytest.raises(PermitsError) as caught:
        office.engine.as_(COUNTER).queries.holder(holder_id)
    assert "Diallo" not in str(caught.value)


_NO_MORE_EVENTS = {
    "sqlite": [
        "CREATE TRIGGER full_up BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'append-only: full'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'append-only: full'; END $$",
        "CREATE TRIGGER full_up BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION full_up()",
    ],
}


def test_after_an_erasure_nothing_personal_is_left_to_see(office: Office, permit_id: str) -> None:
    """The key is gone: readers see the file, no person, and leave no trace that no one could read."""
    holder_id = holder_of(office, permit_id)
    with office.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM holder_keys WHERE holder_id = :id"), {"id": holder_id})
    reader = office.engine.as_(COUNTER)
    assert reader.permit(permit_id).title_status == "revoked"
    assert reader.history(permit_id)[-1]["reasons_in_fact"] is None
    assert reader.queries.holder(holder_id).family_name is None
    assert looks(office) == []


def test_a_list_is_of_the_readers_own_office(office: Office, permit_id: str) -> None:
    """A counter's list shows its files whatever it asks for; asking for another office's is refused."""
    engine, other = office.engine, Office(office.engine, office.clock, "MA-FES")
    there = other.application(other.holder())
    assert [row["permit_id"] for row in engine.as_(COUNTER).find()] == [permit_id]
    assert [row["permit_id"] for row in engine.as_(ELSEWHERE).find()] == [there]
    refused("actor.wrong_prefecture", lambda: engine.as_(COUNTER).find(prefecture="MA-FES"))
    for actor in (AUDITOR, COURT):
        assert {row["permit_id"] for row in engine.as_(actor).find()} == {permit_id, there}
    refused("actor.not_competent", lambda: engine.as_(ADMINISTRATOR).find())


def test_a_person_without_a_file_belongs_to_no_office_yet(office: Office) -> None:
    """Any counter sees them, so that they are not registered twice; an administrator does not."""
    holder_id = office.holder()
    assert office.engine.as_(ELSEWHERE).queries.holder(holder_id).given_names == "Aminata"
    refused("actor.not_competent", lambda: office.engine.as_(ADMINISTRATOR).queries.holder(holder_id))
    refused("holder.not_found", lambda: office.engine.as_(COUNTER).queries.holder(COUNTER.id))


def test_a_reader_acts_in_their_own_name(office: Office, permit_id: str) -> None:
    """The same façade: what they may, what it would do, and the command itself."""
    from permits_engine import RecordExit

    reader = office.engine.as_(COUNTER)
    command = RecordExit(permit_id=permit_id, on=date(2017, 5, 2))
    assert "record_exit" in reader.allowed(permit_id)
    assert reader.check(command) == ("permit.exit_recorded",)
    [outcome] = reader.execute_many([command])
    assert outcome.events == ("permit.exit_recorded",)  # type: ignore[union-attr]
    assert office.engine.history(permit_id)[-1]["actor"]["id"] == COUNTER.id
    refused("transition.not_allowed", lambda: reader.execute(command))


def test_the_purpose_is_encrypted_with_the_person(office: Office, permit_id: str, store_url: str) -> None:
    """What an auditor writes about a case is nowhere in the database in clear."""
    office.engine.as_(AUDITOR, purpose="MARKED-PURPOSE").history(permit_id)
    engine = create_engine(host_url(store_url))
    with engine.connect() as connection:
        payloads = [bytes(row[0]) for row in connection.execute(text("SELECT payload FROM events"))]
    engine.dispose()
    assert not any(b"MARKED-PURPOSE" in each for each in payloads)
