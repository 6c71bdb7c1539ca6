"""The account of a period: who should have been told, was told, or why not."""

from datetime import date, timedelta

import pytest

from permits_engine import RequestRenewal
from permits_engine.domain.errors import InputError
from permits_engine.policies.loading import packaged
from permits_engine.scheduler.passes.coverage import CoverageReport
from permits_engine.store.database.transactions import Statement
from tests.acts import REVOKED, TOLD
from tests.integration.application.conftest import COUNTER, Office
from tests.integration.scheduler.conftest import Post, run
from tests.integration.scheduler.test_outbox import refused


def account(office: Office, first: str, last: str) -> CoverageReport:
    return office.engine.notices.coverage(date.fromisoformat(first), date.fromisoformat(last))


def daily(office: Office, first: str, last: str, post: Post) -> None:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        run(office, day.isoformat(), post)
        day += timedelta(days=1)


def revoke(office: Office, permit_id: str) -> None:
    """A revocation of 1 March 2017, notified on the next day."""
    office.do("revoke_permit", "2017-03-01", permit_id=permit_id, **REVOKED | {"ground": "public-order"})
    office.do("notify_decision", "2017-03-02", permit_id=permit_id, **TOLD)


def days_to_appeal(office: Office, permit_id: str) -> dict[str, date]:
    """The last day to appeal to each body."""
    found = [d for d in office.engine.deadlines(permit_id) if d["kind"] == "appeal_closes"]
    return {d["body"]: date.fromisoformat(d["due_on"]) for d in found}


def test_everybody_told_is_an_account_without_rows(office: Office) -> None:
    """Each message of the period is counted once, in the period in which it became due."""
    office.title()
    daily(office, "2017-10-28", "2017-12-06", Post())
    report = account(office, "2017-11-01", "2017-12-05")
    assert (report.permits, report.due, report.told, report.late, report.rows) == (1, 2, 2, 0, [])
    assert account(office, "2017-11-03", "2017-12-01").due == 0
    assert account(office, "2017-11-02", "2017-11-02").told == 1


def test_a_period_counts_as_many_messages_as_the_store_holds_for_it(office: Office) -> None:
    """Files that wait too long, a card that is revoked: every message of the period is counted once."""
    for number in range(6):
        office.title(holder_id=office.holder(given_names=f"Holder {number}"))
        office.application(holder_id=office.holder(given_names=f"Waiting {number}"))
    revoked = office.title(holder_id=office.holder(given_names="Revoked"))
    daily(office, "2017-02-01", "2017-02-28", Post())
    revoke(office, revoked)
    daily(office, "2017-03-02", "2017-03-31", Post())
    claimed = Statement("SELECT count(*) FROM notices WHERE claimed_on BETWEEN :first AND :last")
    for first, last in (("2017-02-01", "2017-03-31"), ("2017-02-14", "2017-03-13")):
        with office.engine.database.read() as tx:
            [(held,)] = tx.all(claimed, {"first": first, "last": last})
        report = account(office, first, last)
        assert report.permits == 13
        assert report.due == report.told + len(report.rows) == held > 0


def test_who_was_not_told_is_named_with_the_reason(office: Office) -> None:
    """Renewed in time, no address, refused, paused, overtaken: each as the history has it."""
    people = {
        name: office.title(holder_id=office.holder(given_names=name, **fields))
        for name, fields in (
            ("Renewed", {}),
            ("Nowhere", {"email": None}),
            ("Gone", {"email": "gone@example.org"}),
            ("Told", {}),
        )
    }
    office.at("2017-11-01")
    office.engine.execute(RequestRenewal(permit_id=people["Renewed"], on=date(2017, 11, 1)), actor=COUNTER)
    no = refused("550 5.1.1 no such user", permanent=True)
    post = Post(lambda letter: no(letter) if letter.to_address == "gone@example.org" else None)
    daily(office, "2017-11-01", "2017-11-04", post)
    report = account(office, "2017-11-02", "2017-11-03")
    assert report.reasons == {"no_address": 1, "refused": 1}
    assert (report.due, report.told, report.unexplained) == (3, 1, 0)
    assert {row["permit_id"]: row["reason"] for row in report.rows} == {
        people["Nowhere"]: "no_address",
        people["Gone"]: "refused",
    }


def test_days_on_which_no_pass_ran_are_named_as_such(office: Office) -> None:
    """Down for seven weeks: the reminder that was overtaken meanwhile was told to no one, and that is said."""
    office.title()
    daily(office, "2017-10-30", "2017-10-31", Post())
    daily(office, "2017-12-20", "2017-12-21", Post())
    report = account(office, "2017-11-01", "2017-12-31")
    assert (report.due, report.told, report.late) == (2, 1, 1)
    assert report.reasons == {"no_pass_ran": 1}
    assert [row["tier"] for row in report.rows] == ["P90D"]


def test_a_reminder_is_due_until_its_deadline_and_no_longer(office: Office) -> None:
    """Found by the simulated world (seed 2): a machine that was down over the last days to appeal told no one, and
    the passes of the weeks after it, when the reminder was due no more, do not make that a fault of theirs."""
    permit_id = office.title()
    revoke(office, permit_id)
    closes = days_to_appeal(office, permit_id)["administrative_tribunal"]
    daily(office, "2017-03-02", (closes - timedelta(days=8)).isoformat(), Post())
    daily(office, (closes + timedelta(days=3)).isoformat(), (closes + timedelta(days=30)).isoformat(), Post())
    report = account(office, "2017-03-02", (closes + timedelta(days=20)).isoformat())
    rows = [row for row in report.rows if row["kind"] == "appeal_reminder"]
    assert [row["tier"] for row in rows] == ["P5D", "P1D"]
    assert [row["due_until"] for row in rows] == [
        (closes - timedelta(days=2)).isoformat(),
        closes.isoformat(),
    ]
    assert {row["reason"] for row in rows} == {"no_pass_ran"}
    assert report.unexplained == 0


def test_a_message_that_began_after_the_last_pass_of_its_only_day_was_no_passs_fault(office: Office) -> None:
    """Found by the simulated world (seed 1): an appeal withdrawn at the counter on its last day, hours after the pass
    of that day."""
    permit_id = office.title()
    revoke(office, permit_id)
    closes = days_to_appeal(office, permit_id)["administrative_tribunal"]
    office.do("lodge_appeal", "2017-03-03", permit_id=permit_id, body="administrative_tribunal")
    daily(office, "2017-03-03", closes.isoformat(), Post())
    office.clock.instant += timedelta(hours=3)
    office.do("decide_appeal", closes, permit_id=permit_id, outcome="withdrawn", reasons="asked for")
    daily(office, (closes + timedelta(days=1)).isoformat(), (closes + timedelta(days=3)).isoformat(), Post())
    report = account(office, "2017-03-02", closes.isoformat())
    (row,) = (row for row in report.rows if row["kind"] == "appeal_reminder")
    assert (row["due_since"], row["due_until"], row["reason"]) == (str(closes), str(closes), "no_pass_ran")
    assert report.unexplained == 0


def test_a_pass_whose_clock_was_ahead_did_not_run_on_the_day_that_it_believed_in(office: Office) -> None:
    """Found by the simulated world (seed 421): days before, a clock had leapt to a day on which the machine was then
    down; nothing was due yet, so the pass did nothing, and the message of that day was no fault of it."""
    permit_id = office.title()
    right = office.clock.instant
    run(office, "2017-03-20", Post())
    office.clock.instant = right
    revoke(office, permit_id)
    closes = days_to_appeal(office, permit_id)["administrative_tribunal"]
    assert closes - timedelta(days=5) <= date(2017, 3, 20) <= closes
    daily(office, "2017-03-02", (closes - timedelta(days=8)).isoformat(), Post())
    daily(office, (closes + timedelta(days=3)).isoformat(), (closes + timedelta(days=5)).isoformat(), Post())
    report = account(office, "2017-03-02", (closes + timedelta(days=4)).isoformat())
    assert {row["reason"] for row in report.rows if row["kind"] == "appeal_reminder"} == {"no_pass_ran"}
    assert report.unexplained == 0


def test_a_reminder_that_was_due_twice_is_judged_on_the_days_on_which_it_was_due(office: Office) -> None:
    """Found by the simulated world (seed 3): due on days on which the machine was down, not due while an appeal was
    pending, and due again on the evening on which that appeal was withdrawn."""
    permit_id = office.title()
    revoke(office, permit_id)
    first = min(days_to_appeal(office, permit_id).values())
    daily(office, "2017-03-02", (first - timedelta(days=8)).isoformat(), Post())
    office.do("lodge_appeal", first - timedelta(days=4), permit_id=permit_id, body="administrative_tribunal")
    withdrawn = first - timedelta(days=2)
    daily(office, (first - timedelta(days=4)).isoformat(), withdrawn.isoformat(), Post())
    office.clock.instant += timedelta(hours=3)
    office.do("decide_appeal", withdrawn, permit_id=permit_id, outcome="withdrawn", reasons="asked for")
    report = account(office, "2017-03-02", withdrawn.isoformat())
    (row,) = (row for row in report.rows if row["kind"] == "appeal_reminder")
    assert (row["tier"], row["due_until"], row["reason"]) == ("P5D", withdrawn.isoformat(), "no_pass_ran")


def test_a_day_is_judged_by_the_policy_that_was_in_use_on_it(office: Office) -> None:
    """Found by the simulated world (ten years, seed 1): a reminder that a later policy brings in was not due on the
    days before its adoption."""
    office.title()
    daily(office, "2017-09-28", "2017-10-10", Post())
    office.engine.policies.adopt(packaged("MA").replace("[P90D, P60D,", "[P120D, P90D, P60D,"))
    daily(office, "2017-10-11", "2017-10-12", Post())
    early = account(office, "2017-10-01", "2017-10-09")
    assert (early.due, early.unexplained) == (0, 0)
    report = account(office, "2017-10-01", "2017-10-12")
    assert (report.due, report.told, report.late, report.rows) == (1, 1, 0, [])


def test_a_pause_explains_what_it_held_back(office: Office) -> None:
    """With the office, and as long as it lasts."""
    office.title()
    office.at("2017-11-01")
    office.engine.notices.pause("MA-RAB", by="chief", reason="move")
    daily(office, "2017-11-01", "2017-11-04", Post())
    assert account(office, "2017-11-01", "2017-11-04").reasons == {"paused": 1}
    office.engine.notices.resume("MA-RAB", by="chief")
    daily(office, "2017-11-05", "2017-11-06", Post())
    assert account(office, "2017-11-01", "2017-11-06").told == 1


def test_what_nothing_explains_is_counted_apart(office: Office) -> None:
    """A file that passes did not look at, for whatever fault, comes out as unexplained."""
    office.title()
    with office.engine.database.write() as tx:
        tx.run(Statement("UPDATE permits SET next_due = NULL"))
    daily(office, "2017-11-01", "2017-11-05", Post())
    report = account(office, "2017-11-01", "2017-11-05")
    assert (report.due, report.told, report.unexplained) == (1, 0, 1)
    assert report.reasons == {"never_claimed": 1}


def test_what_was_recorded_later_was_not_due_before(office: Office) -> None:
    """A file that came into the store years after its dates did not have to be told anything then."""
    office.at("2024-05-02")
    office.title()
    daily(office, "2024-05-02", "2024-05-03", Post())
    assert account(office, "2017-11-01", "2018-02-28").due == 0


def test_a_period_that_ends_before_it_begins_is_refused(office: Office) -> None:
    """With the field that is wrong."""
    with pytest.raises(InputError, match="to: 2017-11-01 lies before"):
        account(office, "2017-11-02", "2017-11-01")
