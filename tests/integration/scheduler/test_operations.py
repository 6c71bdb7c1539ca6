"""What a human and a mail server do about one message: show, preview, retry, serve by hand, come back, pause."""

from typing import Any

import pytest

from permits_engine.domain.errors import InputError, PermitsError
from permits_engine.scheduler.delivery.mime import page
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.scheduler.passes.reconciler import Pass
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post, run
from tests.integration.scheduler.test_outbox import Phone, events, only_notice


def came_back(row: dict[str, Any], message_id: str | None = None) -> Bounce:
    own = f"<{row['notice_id']}@example.org>"
    return Bounce(row["notice_id"], message_id or own, "failed", "5.1.1", "550 5.1.1 user unknown")


def test_a_letter_that_came_back_goes_to_the_next_channel(office: Office) -> None:
    """It counts as failed at once, and the next pass tries the telephone; the mailbox is not tried again."""
    office.title(holder_id=office.holder(phone="+212612345678"))
    mail, phone = Post(), Phone()
    run(office, "2017-11-03", mail, phone)
    row = office.engine.notices.bounced(came_back(only_notice(office)))
    assert (row["state"], row["reason"]) == ("failed", "bounced")
    assert [each["notice_id"] for each in office.engine.notices.list(state="bounced")] == [row["notice_id"]]
    run(office, "2017-11-03", mail, phone)
    assert (len(mail.tried), len(phone.letters)) == (1, 1)
    assert only_notice(office)["state"] == "sent"
    assert events(office, row["notice_id"]) == [
        "notice.due",
        "notice.sent",
        "notice.bounced",
        "notice.attempted",
        "notice.sent",
    ]
    told = office.engine.notices.history(row["notice_id"])[2]
    assert (told["code"], told["response"]) == ("5.1.1", "550 5.1.1 user unknown")


def test_without_another_channel_it_is_a_task_for_the_prefecture(office: Office) -> None:
    """Parked, with the reason, on the list of its office."""
    office.title()
    run(office, "2017-11-03", Post())
    office.engine.notices.bounced(came_back(only_notice(office)))
    run(office, "2017-11-03", Post())
    [row] = office.engine.notices.list(state="parked", prefecture="MA-RAB")
    assert row["reason"] == "bounced"
    assert office.engine.notices.list(state="parked", prefecture="MA-CAS") == []
    assert office.engine.queries.status()["parked"] == {"bounced": 1}


def test_a_report_about_another_letter_changes_nothing(office: Office) -> None:
    """A message that was not sent cannot come back, nor one with another Message-ID than ours."""
    office.title()
    run(office, "2017-11-03", Post())
    row = only_notice(office)
    with pytest.raises(InputError, match="another letter"):
        office.engine.notices.bounced(came_back(row, "<forged@example.net>"))
    office.engine.notices.bounced(came_back(row))
    with pytest.raises(PermitsError, match=r"transition\.not_allowed.*only a sent one"):
        office.engine.notices.bounced(came_back(row))


def test_served_by_hand_is_delivered(office: Office) -> None:
    """Who has no address is served at the counter, and that is recorded with who did it."""
    office.title(holder_id=office.holder(email=None))
    run(office, "2017-11-03", Post())
    row = only_notice(office)
    done = office.engine.notices.served(row["notice_id"], by="officer-17")
    assert done["state"] == "sent"
    told = office.engine.notices.history(row["notice_id"])[-1]
    assert (told["channel"], told["actor"]["id"]) == ("counter", "officer-17")
    with pytest.raises(PermitsError, match=r"transition\.not_allowed"):
        office.engine.notices.served(row["notice_id"], by="officer-17")


def test_a_preview_shows_the_letter_as_it_would_leave(office: Office) -> None:
    """The same words as were sent, and a page of them that reads from right to left where the language does."""
    office.title(holder_id=office.holder(language="ar"))
    post = Post()
    run(office, "2017-11-03", post)
    letter = office.engine.notices.letter(only_notice(office)["notice_id"])
    assert (letter.subject, letter.text) == (post.letters[0].subject, post.letters[0].text)
    assert '<html lang="ar" dir="rtl">' in page(letter)
    assert office.engine.notices.letter(only_notice(office)["notice_id"]).to_address == "holder@example.org"


@pytest.mark.parametrize("prefecture", [None, "MA-RAB"])
def test_what_is_paused_waits_and_goes_out_when_resumed(office: Office, prefecture: str | None) -> None:
    """Clocks go on meanwhile; a pause of another office holds nothing back."""
    permit_id = office.title()
    office.engine.notices.pause("MA-CAS", by="chief", reason="move")
    office.engine.notices.pause(prefecture, by="chief", reason="mail server moves")
    post = Post()
    report: Pass = run(office, "2018-01-05", post)
    assert (report.held, post.tried) == (1, [])
    assert [each["office"] for each in office.engine.queries.status()["paused"]] == ["MA-CAS", prefecture]
    assert run(office, "2018-02-16", post).acts == {"permit.lapsed": 1}
    office.engine.notices.resume(prefecture, by="chief")
    run(office, "2018-02-16", post)
    states = {row["kind"]: row["state"] for row in office.engine.notices.list(permit_id=permit_id)}
    assert states == {"renewal_reminder": "suppressed", "title_lapsed": "sent"}
    with pytest.raises(InputError, match="is not paused"):
        office.engine.notices.resume(prefecture, by="chief")
    with pytest.raises(InputError, match="is paused already"):
        office.engine.notices.pause("MA-CAS", by="chief", reason="twice")


def test_the_status_says_how_late_the_scheduler_is(office: Office) -> None:
    """What waits, since which day, and why messages are parked."""
    office.title(holder_id=office.holder(email=None))
    office.title(holder_id=office.holder(given_names="Awa"))
    office.engine.notices.pause(by="chief", reason="holidays")
    run(office, "2017-11-03", Post())
    assert office.engine.queries.status()["waiting"] == {"messages": 2, "since": "2017-11-03"}
    office.engine.notices.resume(by="chief")
    run(office, "2017-11-07", Post())
    state = office.engine.queries.status()
    assert state["waiting"] == {"messages": 0, "since": None}
    assert state["parked"] == {"no_address": 1}
    assert state["paused"] == []
