"""What the best mailer of its kind learnt from its faults, each as a test."""

from datetime import date, timedelta

import pytest

from permits_engine import RenewPermit, RequestRenewal
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.passes import reconciler
from permits_engine.store.database.transactions import Statement
from tests.integration.application.conftest import COUNTER, DECIDER, Office
from tests.integration.scheduler.conftest import Post, many_due, run

CARD = "2017-02-01"
"""The day of the usual card, valid until 31 January 2018; its first reminder is due on 2 November."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three files, so that a dozen are a backlog."""
    monkeypatch.setattr(reconciler, "BATCH", 3)


@pytest.mark.usefixtures("small")
def test_a_backlog_larger_than_a_batch_reaches_everyone(office: Office) -> None:
    """Everybody is told in the same pass, the one whose title ends first before the others."""
    for ends_in in (9, 3, 6, 1, 8, 2, 7, 4, 5):
        many_due(office.engine, 1, today=date(2016, 12, 1) + timedelta(days=ends_in))
    post = Post()
    report = run(office, "2016-12-10", post)
    assert (report.files, len(post.letters)) == (9, 9)
    ends = [office.engine.notices.list(permit_id=None, limit=None)]
    due = {row["notice_id"]: row["due_on"] for row in ends[0]}
    order = [due[letter.notice_id] for letter in post.letters]
    assert order == sorted(order)


@pytest.mark.usefixtures("small")
def test_a_pass_that_is_cut_short_has_done_the_most_urgent(office: Office) -> None:
    """What is left is known as waiting, with the day since which it does; the next pass goes on there."""
    for ends_in in (5, 1, 4, 2, 3, 6):
        many_due(office.engine, 1, today=date(2016, 12, 1) + timedelta(days=ends_in))
    post = Post()
    limits = Limits(office.engine.database.write, lambda: len(post.letters) < 2)
    assert run(office, "2016-12-10", post, limits=limits).stopped
    waiting = office.engine.queries.status()["waiting"]
    assert (waiting["messages"], waiting["since"]) == (1, "2016-12-10")
    run(office, "2016-12-11", post)
    ends = [letter.subject for letter in post.letters]
    assert len(ends) == 6
    assert office.engine.queries.status()["waiting"]["messages"] == 0


@pytest.mark.usefixtures("small")
def test_renewed_files_at_the_head_of_the_queue_block_no_other(office: Office) -> None:
    """A dozen that have nothing to be told any more lie before the one that has: it is told."""
    renewed = many_due(office.engine, 12, today=date(2016, 11, 20))
    [waiting] = many_due(office.engine, 1, today=date(2016, 12, 1))
    for permit_id in renewed:
        office.engine.execute(RequestRenewal(permit_id=permit_id, on=date(2016, 12, 1)), actor=COUNTER)
    with office.engine.database.write() as tx:  # as if the offices had told the scheduler nothing
        tx.run(Statement("UPDATE permits SET next_due = '2016-12-01'"))
    post = Post()
    run(office, "2016-12-01", post)
    told = office.engine.notices.list(permit_id=waiting)
    assert [row["state"] for row in told] == ["sent"]
    assert [letter.kind for letter in post.letters] == ["renewal_reminder"]


def test_renewed_between_claim_and_sending_there_is_no_letter(office: Office) -> None:
    """The file is looked at again at the moment of sending; why nothing went out is in the history."""
    first, second = many_due(office.engine, 2, today=date(2016, 12, 1))
    post = Post()

    def renew_the_other(letter: Letter) -> None:
        if len(post.tried) == 1:  # both are claimed by now
            sent = office.engine.notices.list(limit=None)
            other = next(row for row in sent if row["notice_id"] != letter.notice_id)
            office.engine.execute(
                RequestRenewal(permit_id=other["permit_id"], on=date(2016, 12, 1)), actor=COUNTER
            )

    post.answer = renew_the_other
    from permits_engine.scheduler.notices import outbox

    size, outbox.RECORDED = outbox.RECORDED, 1
    try:
        run(office, "2016-12-01", post)
    finally:
        outbox.RECORDED = size
    assert len(post.tried) == 1
    states = {row["state"]: row["reason"] for row in office.engine.notices.list(limit=None)}
    assert states == {"sent": None, "suppressed": "no_longer_due"}
    assert {first, second} == {row["permit_id"] for row in office.engine.notices.list(limit=None)}


def test_a_tier_begins_on_its_very_day(office: Office) -> None:
    """Ninety days before the last day and not ninety-one; one letter on the day, none on the next."""
    office.title()
    post = Post()
    run(office, "2017-11-01", post)
    assert post.letters == []
    run(office, "2017-11-02", post)
    assert post.told == [("renewal_reminder", "P90D")]
    run(office, "2017-11-03", post)
    assert len(post.letters) == 1


def test_after_the_end_a_last_letter_says_what_to_do_now(office: Office) -> None:
    """Within the fifteen days that it may still be renewed, and at the lapse that a new application is open."""
    office.title()
    post = Post()
    for day in ("2018-01-31", "2018-02-01", "2018-02-10", "2018-02-15", "2018-02-16", "2018-02-17"):
        run(office, day, post)
    assert post.told[1:] == [
        ("renewal_reminder", "P1D-after"),
        ("renewal_reminder", "P10D-after"),
        ("title_lapsed", None),
    ]
    assert "jusqu'au 15 février 2018" in post.letters[2].text.replace("’", "'")


def test_lost_rows_of_messages_cause_no_second_letter(office: Office) -> None:
    """What says that someone was told is the history: no row has to be kept for it."""
    office.title()
    post = Post()
    run(office, "2017-11-02", post)
    with office.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM notices"))
        tx.run(Statement("UPDATE permits SET next_due = '2017-11-02'"))
    run(office, "2017-11-02", post)
    assert len(post.letters) == 1
    office.engine.store.rebuild()
    run(office, "2017-11-03", post)
    assert len(post.letters) == 1


def test_ten_days_down_is_as_ten_daily_passes(office: Office) -> None:
    """The files end up the same; a holder gets at most one letter for a deadline, the nearest."""
    daily, late = (office.title(holder_id=office.holder(given_names=name)) for name in ("Awa", "Binta"))
    post = Post()
    for day in range(1, 29):
        run(office, f"2018-02-{day:02}", post)
    both = [office.engine.history(permit_id) for permit_id in (daily, late)]
    acts = [[(e["name"], e["effective_on"]) for e in history] for history in both]
    assert acts[0] == acts[1]
    letters = [row["permit_id"] for row in office.engine.notices.list(limit=None)]
    assert letters.count(daily) == letters.count(late) == 3


def test_a_renewed_card_is_a_new_deadline(office: Office) -> None:
    """The version of the act that started the clock is in the message's name: each term has its own."""
    permit_id = office.title()
    post = Post()
    run(office, "2017-11-02", post)
    office.engine.execute(RequestRenewal(permit_id=permit_id, on=date(2017, 11, 2)), actor=COUNTER)
    office.at("2017-11-03")
    office.engine.execute(RenewPermit(permit_id=permit_id, on=date(2017, 11, 3)), actor=DECIDER)
    until = office.engine.permit(permit_id, as_of=date(2018, 2, 2)).valid_until
    assert until is not None
    run(office, (until - timedelta(days=90)).isoformat(), post)
    assert [told for told in post.told if told[0] == "renewal_reminder"] == [("renewal_reminder", "P90D")] * 2
    assert len({letter.notice_id for letter in post.letters}) == len(post.letters)
