"""Many threads on one engine, and many engines in one process: nothing is shared that should not be."""

import threading
from datetime import date
from pathlib import Path

from sqlalchemy import create_engine

from permits_engine import Actor, Engine, RecordExit, RecordReturn
from permits_engine.policies.loading import packaged
from permits_engine.store.events import history
from permits_engine.testing import FakeClock, Office, a_title
from tests.integration.embedding.conftest import host_url, refused


def test_one_engine_serves_many_threads(office: Office) -> None:
    """Eight threads write and read at once: every act is recorded once, in one order without gaps."""
    holder_id = office.holder()
    permit_ids = [office.application(holder_id) for _ in range(8)]
    office.at("2017-06-01")
    before = office.position()
    problems: list[BaseException] = []
    barrier = threading.Barrier(8)

    def uow(permit_id: str) -> None:
        try:
            barrier.wait(30)
            for day in range(2, 12, 2):
                actor = office.actor("counter")
                exit_ = RecordExit(permit_id=permit_id, on=date(2017, 5, day))
                outcome = office.engine.execute(exit_, actor=actor)
                # What was written is seen by the next reader, on any thread.
                assert office.engine.permit(permit_id).version >= outcome.version
                back = RecordReturn(permit_id=permit_id, on=date(2017, 5, day + 1))
                office.engine.execute(back, actor=actor)
                assert len(office.engine.find()) == 8
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=uow, args=(each,)) for each in permit_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    with office.engine.database.read() as tx:
        new = history.after(tx, before, 1000)
    assert [each.position for each in new] == list(range(before + 1, before + 81))
    assert office.engine.store.rebuild(check=True).differences == []


def test_engines_of_one_process_know_nothing_of_one_another(tmp_path: Path) -> None:
    """Each has its own clock, keys, policies and people, also where a command bears the same ids."""
    first, second = Office.in_memory(), Office.in_memory(code="MA-FES")
    third = FakeClock()
    third.at(date(2024, 3, 1))
    with first, second, Engine.open("sqlite://", clock=third, policies=[packaged("MA")]) as other:
        for command in a_title():
            first.execute(command)
        assert first.engine.find() != []
        assert second.engine.find() == []
        assert other.find() == []
        for command in a_title(prefecture="MA-FES"):
            second.execute(command)
        [row] = second.engine.find()
        assert (row["prefecture"], first.engine.find()[0]["prefecture"]) == ("MA-FES", "MA-RAB")
        assert (first.engine.queries.today(), other.queries.today()) == (date(2017, 2, 1), date(2024, 3, 1))
        refused("policy.none_in_force", lambda: other.queries.today("FR"))
        assert first.engine.queries.today("FR") == date(2017, 2, 1)


def test_two_engines_on_one_store_see_one_another(office: Office, store_url: str, keys: Path) -> None:
    """By its address and through the host's own engine: one history, no matter who writes."""
    host = create_engine(host_url(store_url))
    with Engine.open(host, keys=keys, clock=office.clock) as second:
        permit_id = office.title()
        assert second.permit(permit_id).title_status == "active"
        office.at("2017-05-01")
        second.execute(RecordExit(permit_id=permit_id), actor=Actor("x", "counter", "MA-RAB"))
        assert office.engine.history(permit_id)[-1]["name"] == "permit.exit_recorded"
    host.dispose()


def test_a_closed_engine_is_closed_for_all_threads(office: Office) -> None:
    """And says so; another engine of the same process goes on."""
    permit_id = office.title()
    with Office.in_memory() as other:
        office.close()
        refused("store.unavailable", lambda: office.engine.permit(permit_id))
        assert other.engine.find() == []
