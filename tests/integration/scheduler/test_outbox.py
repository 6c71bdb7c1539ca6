"""Each message leaves once, through the channel whose turn it is, and its outcome is in its history."""

from datetime import date, timedelta
from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.delivery.channel import Contact, DeliveryError, Letter
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices.outbox import RECORDED
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.application.conftest import COMMISSION, DECIDER, Office
from tests.integration.scheduler.conftest import Post, many_due, run


class Phone(Post):
    """A channel that cannot tell a second copy from a second letter."""

    name = "phone"
    contact: Contact | None = "phone"
    idempotent = False


def events(office: Office, notice_id: str) -> list[str]:
    """What happened to a message."""
    with office.engine.database.read() as tx:
        return [record.name.partition("@")[0] for record in TransactionRecorder(tx).select_events(notice_id)]


def only_notice(office: Office) -> dict[str, Any]:
    [row] = office.engine.notices.list()
    assert office.engine.store.rebuild("notices", check=True).differences == []
    return row


def refused(reason: str, *, permanent: bool = False, unavailable: bool = False) -> Any:
    return lambda letter: DeliveryError(reason, permanent=permanent, unavailable=unavailable, code=reason[:3])


def test_an_outcome_is_recorded_with_the_servers_answer(office: Office) -> None:
    """What was said, the message's id and the version of the text that was served stay in the history."""
    office.title()
    run(office, "2017-11-03")
    row = only_notice(office)
    assert (row["state"], row["attempts"]) == ("sent", 1)
    [due, sent] = office.engine.notices.history(row["notice_id"])
    assert due["name"] == "notice.due"
    assert sent["channel"] == "post"
    assert sent["message_id"] == f"<{row['notice_id']}@example.org>"
    assert sent["response"] == "250 taken"
    assert sent["template"].startswith("MA/fr@")


def test_a_letter_names_file_and_card(office: Office) -> None:
    """The numbers that only the holder's key opens are in the letter."""
    permit_id = office.application(file_number="RAB-2016-77")
    opinion = {"body": "local_commission", "favourable": True, "reasons": "shown"}
    office.do("record_opinion", "2017-01-20", COMMISSION, permit_id=permit_id, **opinion)
    office.do("issue_permit", "2017-02-01", DECIDER, permit_id=permit_id, card_number="K-4711")
    post = Post()
    run(office, "2017-11-03", post)
    [letter] = post.letters
    assert "RAB-2016-77" in letter.text
    assert "K-4711" in letter.text


def test_a_refusal_for_a_while_is_tried_again_later_and_later(office: Office) -> None:
    """Not at the next pass but after its delay; each delay is longer; taken in the end it is one letter."""
    office.title()
    post = Post(refused("450 4.2.1 mailbox busy"))
    run(office, "2017-11-03", post)
    row = only_notice(office)
    assert (row["state"], row["attempts"], row["reason"]) == ("failed", 1, "post")
    waits = []
    for attempt, step in ((2, 5), (3, 20), (4, 80)):
        before = office.clock.instant
        while len(post.tried) < attempt:
            office.clock.instant += timedelta(seconds=step)
            run(office, "2017-11-03", post)
        waits.append((office.clock.instant - before).total_seconds())
    assert waits == sorted(waits)
    assert 15 <= waits[0] <= 50
    assert waits[2] > 4 * waits[0]
    post.answer = lambda letter: None
    office.clock.instant += timedelta(hours=2)
    run(office, "2017-11-03", post)
    assert len({letter.notice_id for letter in post.tried}) == 1
    assert events(office, row["notice_id"]) == ["notice.due", *["notice.failed"] * 4, "notice.sent"]


def test_after_so_many_refusals_a_message_waits_for_a_human(office: Office) -> None:
    """It is parked with the reason, and goes out when someone puts it back."""
    office.title()
    post = Post(refused("451 4.3.0 try later"))
    for _ in range(12):
        office.clock.instant += timedelta(hours=10)
        run(office, "2017-11-20", post)
    row = only_notice(office)
    assert (row["state"], row["reason"], len(post.tried)) == ("parked", "too_many_attempts", 8)
    office.engine.notices.retry(row["notice_id"], by="clerk")
    post.answer = lambda letter: None
    run(office, "2017-11-21", post)
    assert only_notice(office)["state"] == "sent"


def test_a_refusal_for_good_is_parked_at_once(office: Office) -> None:
    """Where no other channel reaches the holder."""
    office.title()
    run(office, "2017-11-03", Post(refused("550 5.1.1 no such user", permanent=True)))
    row = only_notice(office)
    assert (row["state"], row["reason"]) == ("parked", "refused")


def test_a_channel_that_is_out_of_order_costs_no_attempt(office: Office) -> None:
    """A day without a mail server parks nothing: letters wait as they are, the pass says what is wrong."""
    office.title()
    office.title(holder_id=office.holder())
    post = Post(refused("the mail server: connection refused", unavailable=True))
    for _ in range(24):
        office.clock.instant += timedelta(hours=1)
        report = run(office, "2017-11-03", post)
        assert report.unavailable == {"post": "the mail server: connection refused"}
    assert len(post.tried) == 24  # one letter a pass finds it out
    assert [(row["state"], row["attempts"]) for row in office.engine.notices.list()] == [("due", 0)] * 2
    post.answer = lambda letter: None
    run(office, "2017-11-04", post)
    assert len(post.letters) == 2


def test_the_next_channel_is_tried_in_the_same_pass(office: Office) -> None:
    """A holder whose mailbox is gone gets the message by telephone, without waiting for another pass."""
    office.title(holder_id=office.holder(phone="+212612345678"))
    mail, phone = Post(refused("550 5.1.1 no such user", permanent=True)), Phone()
    run(office, "2017-11-03", mail, phone)
    row = only_notice(office)
    assert [letter.to_address for letter in phone.letters] == ["+212612345678"]
    assert (row["state"], row["attempts"]) == ("sent", 1)
    assert events(office, row["notice_id"]) == [
        "notice.due",
        "notice.failed",
        "notice.attempted",
        "notice.sent",
    ]


def test_the_order_of_channels_is_what_the_holder_has(office: Office) -> None:
    """Without an address the first channel that reaches the holder is taken, without a failure before it."""
    office.title(holder_id=office.holder(email=None, phone="+212612345678"))
    mail, phone = Post(), Phone()
    run(office, "2017-11-03", mail, phone)
    assert (mail.tried, len(phone.letters)) == ([], 1)


def test_no_contact_at_all_is_a_task_for_the_prefecture(office: Office) -> None:
    """Not silence: the message is on the list of what waits for a human, with its office."""
    office.title(holder_id=office.holder(email=None, phone=None))
    run(office, "2017-11-03", Post(), Phone())
    row = only_notice(office)
    assert (row["state"], row["reason"], row["office"]) == ("parked", "no_address", "MA-RAB")


class Crash(Exception):
    """The process dies."""


def crash(letter: Letter) -> None:
    raise Crash


def test_a_crash_while_a_letter_leaves_repeats_it_under_the_same_name(office: Office) -> None:
    """Its arrival is unknown: it goes out again, and a recipient who has it recognises it."""
    office.title()
    post = Post(crash)
    with pytest.raises(Crash):
        run(office, "2017-11-03", post)
    assert only_notice(office)["state"] == "due"
    post.answer = lambda letter: None
    run(office, "2017-11-03", post)
    first, second = post.tried
    assert first.notice_id == second.notice_id
    assert only_notice(office)["state"] == "sent"


def test_a_channel_that_does_not_recognise_a_copy_gets_a_letter_once(office: Office) -> None:
    """After a crash in the middle the message is parked, because a second copy would be a second letter."""
    office.title(holder_id=office.holder(email=None, phone="+212612345678"))
    phone = Phone(crash)
    with pytest.raises(Crash):
        run(office, "2017-11-03", phone)
    assert only_notice(office)["state"] == "sending"
    phone.answer = lambda letter: None
    run(office, "2017-11-03", phone)
    row = only_notice(office)
    assert (row["state"], row["reason"], len(phone.tried)) == ("parked", "unknown_outcome", 1)
    assert events(office, row["notice_id"]) == ["notice.due", "notice.attempted", "notice.parked"]


def test_an_unclear_answer_of_such_a_channel_is_not_tried_again(office: Office) -> None:
    """Refused for good it goes to the next channel; refused in a way that may have sent it, it is parked."""
    office.title(holder_id=office.holder(email=None, phone="+212612345678"))
    phone = Phone(refused("504 gateway timeout"))
    for _ in range(3):
        office.clock.instant += timedelta(days=1)
        run(office, "2017-11-03", phone)
    row = only_notice(office)
    assert (row["state"], row["reason"], len(phone.tried)) == ("parked", "unknown_outcome", 1)


def test_a_stop_gives_the_claim_back(office: Office) -> None:
    """Told to stop, a pass finishes the letter in hand; what it had claimed waits, untouched, for the next."""
    many_due(office.engine, 10, today=date(2016, 12, 1))
    post = Post()
    limits = Limits(office.engine.database.write, lambda: len(post.letters) < 3)
    report = run(office, "2016-12-01", post, limits=limits)
    assert (report.stopped, len(post.letters)) == (True, 3)
    states = [row["state"] for row in office.engine.notices.list()]
    assert (states.count("sent"), states.count("due")) == (3, 7)
    run(office, "2016-12-01", post)
    assert len({letter.notice_id for letter in post.tried}) == len(post.tried) == 10


def test_a_crash_repeats_no_more_than_what_is_not_recorded_yet(office: Office) -> None:
    """Outcomes are recorded as letters leave, not at the end of the pass."""
    number = 3 * RECORDED
    many_due(office.engine, number, today=date(2016, 12, 1))
    post = Post()
    post.answer = lambda letter: crash(letter) if len(post.tried) == number - 1 else None
    with pytest.raises(Crash):
        run(office, "2016-12-01", post)
    post.answer = lambda letter: None
    run(office, "2016-12-01", post)
    assert len({letter.notice_id for letter in post.letters}) == number
    assert 0 < len(post.tried) - number <= RECORDED


def test_no_more_letters_in_a_second_than_the_channel_may_get(office: Office) -> None:
    """A limit of fifty a second makes twenty-one letters take at least four tenths."""
    import time

    many_due(office.engine, 21, today=date(2016, 12, 1))
    post = Post()
    post.per_second = 50
    moments: list[float] = []
    post.answer = lambda letter: moments.append(time.monotonic())
    run(office, "2016-12-01", post)
    assert len(moments) == 21
    assert moments[-1] - moments[0] >= 0.4


def test_a_letter_that_cannot_be_composed_stops_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a human, and everybody else gets theirs."""
    from permits_engine.documents.letter_templates import NoticesError, Templates

    compose = Templates.compose

    def broken(self: Templates, kind: str, language: str | None, values: Any) -> Any:
        if values["holder_name"] == "Awa Ndiaye1":
            raise NoticesError("no word for this")
        return compose(self, kind, language, values)

    monkeypatch.setattr(Templates, "compose", broken)
    many_due(office.engine, 3, today=date(2016, 12, 1))
    post = Post()
    report = run(office, "2016-12-01", post)
    assert report.notices == {"sent": 2, "parked": 1}
    assert [row["reason"] for row in office.engine.notices.list(state="parked")] == ["not_composed"]


def test_two_daemons_without_a_lease_still_claim_once(office: Office) -> None:
    """Even two passes side by side, which the lease prevents, make one message of one deadline."""
    office.title()
    post = Post()
    run(office, "2017-11-03", post)
    run(office, "2017-11-03", post)
    assert len(post.letters) == 1
    with pytest.raises(PermitsError, match=r"transition\.not_allowed"):
        office.engine.notices.retry(only_notice(office)["notice_id"], by="clerk")
