"""Rows: computed from history, equal to what a rebuild gives, and what cannot be read set aside."""

import contextlib
from datetime import date

import pytest

from permits_engine import PermitsError
from permits_engine.policies.loading import packaged
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.store.database.transactions import Statement
from tests.integration.application.conftest import DECIDER, Office

SABOTAGE = {
    "sqlite": [
        "DROP TRIGGER events_kept",
        "UPDATE events SET payload = CAST('{}' AS BLOB) WHERE stream = :stream AND version = 1",
    ],
    "postgresql": [
        "ALTER TABLE events DISABLE TRIGGER events_kept",
        "UPDATE events SET payload = '{}' WHERE stream = :stream AND version = 1",
    ],
}


def test_rows_follow_the_acts_of_offices_and_clock(office: Office) -> None:
    """Through filing, grant, passes and renewal live rows equal rebuilt ones, and the lists agree."""
    permit_id = office.title()
    routes, sink = sink_routes()
    for day in ("2017-02-02", "2017-11-02", "2017-12-03", "2018-01-02"):
        office.at(day)
        run_pass(office.engine.context, routes, on=date.fromisoformat(day))
        assert office.engine.store.rebuild(check=True).differences == []
    assert [letter.tier for letter in sink.letters] == ["P90D", "P60D", "P30D"]
    office.do("request_renewal", "2018-01-10", permit_id=permit_id)
    office.do("renew_permit", "2018-01-18", DECIDER, permit_id=permit_id)
    assert office.engine.store.rebuild(check=True).differences == []
    [row] = office.engine.find(status="active")
    assert (row["permit_id"], row["valid_until"]) == (permit_id, "2021-01-31")
    [count] = office.engine.queries.results(("nationality", "sex", "outcome"))
    assert count == {"nationality": "SEN", "sex": "F", "outcome": "granted", "applications": 1}


def test_rows_that_wait_for_the_first_pass_after_an_adoption_are_no_difference(office: Office) -> None:
    """Found by the simulated world (seed 4): a reminder that only the new rules know was due on the day on which the
    row was settled; the row waits for the day of the adoption, which a check took for a fault. Later is one."""
    permit_id = office.title()
    office.at("2017-10-20")
    run_pass(office.engine.context, sink_routes()[0], on=date(2017, 10, 20))
    office.at("2017-10-25")
    office.engine.policies.adopt(packaged("MA").replace("[P90D, P60D,", "[P120D, P90D, P60D,"))
    assert office.engine.find()[0]["next_due"] == "2017-10-25"
    assert office.engine.store.rebuild(check=True).differences == []
    with office.engine.database.write() as tx:
        tx.run(Statement("UPDATE permits SET next_due = '2017-10-28'"))
    [difference] = office.engine.store.rebuild(check=True).differences
    assert (difference["permit_id"], list(difference["fields"])) == (permit_id, ["next_due"])
    office.engine.store.rebuild("permits")
    office.at("2017-10-28")
    routes, sink = sink_routes()
    run_pass(office.engine.context, routes, on=date(2017, 10, 28))
    assert [letter.tier for letter in sink.letters] == ["P120D"]


def test_a_rebuild_makes_lost_rows_again(office: Office) -> None:
    """Rows that were deleted or altered come back as they were."""
    permit_id = office.title()
    before = office.engine.find()
    with office.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM permits"))
    assert office.engine.store.rebuild(check=True).differences == [{"permit_id": permit_id, "missing": True}]
    report = office.engine.store.rebuild("permits")
    assert (report.written, report.parked) == (1, 0)
    assert office.engine.find() == before
    assert office.engine.store.rebuild(check=True).differences == []


def test_a_stream_that_cannot_be_read_is_parked_and_the_others_go_on(office: Office) -> None:
    """The operator sees which one and why, and the pass reaches everybody else."""
    broken, sound = office.title(), office.title(holder_id=office.holder(given_names="Awa"))
    with office.engine.database.write() as tx:
        for statement in SABOTAGE[tx.dialect]:
            tx.run(Statement(statement), {"stream": broken} if ":stream" in statement else None)
    routes, sink = sink_routes()
    office.at("2017-11-02")
    report = run_pass(office.engine.context, routes, on=date(2017, 11, 2))
    assert (report.parked, [sink.permit_of(letter) for letter in sink.letters]) == (1, [sound])
    [parked] = office.engine.queries.status()["parked_streams"]
    assert parked["stream"] == broken
    assert "cannot be read" in parked["reason"]
    assert run_pass(office.engine.context, routes, on=date(2017, 11, 2)).files == 0
    rebuilt = office.engine.store.rebuild("permits")
    assert (rebuilt.written, rebuilt.parked) == (1, 1)
    [difference] = office.engine.store.rebuild("permits", check=True).differences
    assert difference["permit_id"] == broken


def test_a_stopped_rebuild_is_taken_up_again(office: Office) -> None:
    """Each batch commits: run again after a stop it ends with the same rows."""
    for _ in range(3):
        office.title(holder_id=office.holder())

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with office.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM permits"))
    with contextlib.suppress(Stop):
        office.engine.store.rebuild(progress=stop)
    office.engine.store.rebuild()
    assert office.engine.store.rebuild(check=True).differences == []
    assert len(office.engine.find()) == 3


def test_the_caseload_counts_by_office_and_day(office: Office) -> None:
    """Open at the end of a day, filed and decided on it."""
    office.title()
    office.application(holder_id=office.holder())
    [row] = office.engine.queries.caseload(date(2017, 2, 1))
    assert row == {"prefecture": "MA-RAB", "open": 1, "filed": 0, "decided": 1}
    [row] = office.engine.queries.caseload(date(2016, 12, 20))
    assert (row["open"], row["filed"]) == (2, 2)


def test_a_pass_for_an_earlier_day_finds_what_was_recorded_late(office: Office) -> None:
    """A file that is filed and granted years later than it was done still gets the pass of each day."""
    office.at("2024-05-02")
    permit_id = office.title()
    routes, sink = sink_routes()
    for day in ("2017-02-02", "2017-11-02", "2017-11-03", "2018-02-16"):
        run_pass(office.engine.context, routes, on=date.fromisoformat(day))
    assert [(letter.kind, letter.tier) for letter in sink.letters] == [
        ("renewal_reminder", "P90D"),
        ("title_lapsed", None),
    ]
    assert office.engine.permit(permit_id).title_status == "expired"


def test_a_pass_for_a_day_to_come_is_refused(office: Office) -> None:
    """It would record what has not happened; a preview of it records nothing."""
    office.title()
    routes, _ = sink_routes()
    with pytest.raises(PermitsError, match=r"input\.invalid.*permits due"):
        run_pass(office.engine.context, routes, on=date(2018, 2, 16))
    end = office.position()
    assert [each["does"] for each in office.engine.preview(on=date(2018, 2, 16))] == [
        "permit.lapsed",
        "notice",
    ]
    assert office.position() == end
