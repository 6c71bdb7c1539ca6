"""Each working morning an office gets its list of what waits for it, worst first, once."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from permits_engine.domain.errors import InputError
from permits_engine.scheduler.delivery.channel import DeliveryError, Letter
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.scheduler.passes.run import run_pass
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post, many_due

THURSDAY = "2018-03-15"
Files = dict[str, str]


@pytest.fixture
def files(office: Office) -> Files:
    """An expedited renewal long past its target, a first request whose receipt ends in five days, and a card
    whose holder no one can write to."""
    renewal = office.title()
    silent = office.title(office.holder(email=None, given_names="Mariam"))
    run(office, "2018-01-03", Post(), digests=False)
    office.do("request_renewal", "2018-01-10", permit_id=renewal)
    office.at("2017-12-20")
    first = office.application(
        office.holder(given_names="Fatou"), category="ordinary", criterion=None, on=date(2017, 12, 20)
    )
    return {"renewal": renewal, "first": first, "silent": silent}


def run(office: Office, day: str, post: Post, *, digests: bool = True, at: datetime | None = None) -> Pass:
    """A pass on the morning of a day, or at an instant."""
    office.at(day)
    if at is not None:
        office.clock.instant = at
    routes = Routes(post, post, offices={"MA-RAB": "office@example.org"}, digests=digests)
    return run_pass(office.engine.context, routes, on=None if at else date.fromisoformat(day))


def digests(post: Post) -> list[Letter]:
    return [letter for letter in post.letters if letter.kind == "office_digest"]


def test_what_waits_is_listed_worst_first(office: Office, files: Files) -> None:
    """A parked message since January, a renewal past its target, a receipt that ends: in that order."""
    office.at(THURSDAY)
    rows = office.engine.notices.digest("MA-RAB")
    assert [(row["what"], row["permit_id"]) for row in rows] == [
        ("notice_parked", files["silent"]),
        ("ready_to_sign", files["renewal"]),
        ("receipt_expiry", files["first"]),
    ]
    days = [row["days"] for row in rows]
    assert days == sorted(days)
    assert days[1:] == [-49, 5]
    assert rows[1]["due_on"] == "2018-01-25"
    assert rows[0]["detail"] == "renewal_reminder: no_address"
    assert office.engine.notices.digest("MA-RAB", ahead=4) == rows[:2]
    assert office.engine.notices.digest("MA-FES") == []
    assert office.engine.notices.digest() == rows


def test_an_office_gets_its_list_once_a_day(office: Office, files: Files) -> None:
    """The second pass of a day sends nothing; the next working day has a letter of its own."""
    post = Post()
    assert run(office, THURSDAY, post).digests == 1
    assert run(office, THURSDAY, post).digests == 0
    (letter,) = digests(post)
    assert letter.to_address == "office@example.org"
    assert letter.language == "fr"
    assert letter.text.index(files["silent"]) < letter.text.index(files["renewal"])
    assert "25 janvier 2018 (retard : 49 j)" in letter.text
    assert files["first"] not in letter.text, "the pass has just extended that receipt"
    assert "Diallo" not in letter.text
    assert run(office, "2018-03-16", post).digests == 1
    first, second = digests(post)
    assert first.notice_id != second.notice_id


def test_the_list_that_was_sent_is_history(office: Office, files: Files) -> None:
    """``office.digest_sent`` says to whom, how many lines, and what the server answered."""
    run(office, THURSDAY, Post())
    sent = [event for event in _events(office) if event["name"].startswith("office.")]
    assert [event["name"] for event in sent] == ["office.digest_sent"]
    told = sent[0]
    assert (told["office"], told["tasks"], told["response"]) == (
        "MA-RAB",
        len(office.engine.notices.digest("MA-RAB")),
        "250 taken",
    )


def test_a_server_that_is_away_gets_it_with_the_next_pass(office: Office, files: Files) -> None:
    """What could not be handed over is said, and tried again under the same identity."""
    unavailable = Post(lambda letter: DeliveryError("nobody answers", permanent=False, unavailable=True))
    report = run(office, THURSDAY, unavailable)
    assert (report.digests, report.undigested) == (0, {"MA-RAB": "nobody answers"})
    post = Post()
    assert run(office, THURSDAY, post).digests == 1
    tried = [letter for letter in unavailable.tried if letter.kind == "office_digest"]
    assert [letter.notice_id for letter in tried] == [letter.notice_id for letter in digests(post)]


def test_nights_and_days_off_have_no_list(office: Office, files: Files) -> None:
    """Not at seven in the morning, not on a Saturday, not while the office is paused."""
    post = Post()
    assert run(office, "2018-03-14", post, at=datetime(2018, 3, 15, 6, 30, tzinfo=UTC)).digests == 0
    assert run(office, "2018-03-17", post).digests == 0
    office.engine.notices.pause("MA-RAB", by="admin", reason="the office moves")
    assert run(office, "2018-03-19", post).digests == 0
    office.engine.notices.resume("MA-RAB", by="admin")
    assert run(office, "2018-03-19", post).digests == 1


def test_where_nothing_waits_nothing_is_sent(office: Office) -> None:
    """An empty list is no letter, and no event."""
    office.title()
    before = office.position()
    assert run(office, "2017-02-02", Post()).digests == 0
    assert office.position() == before


def test_a_long_list_is_cut_and_says_so(office: Office, files: Files) -> None:
    """The letter ends where no one would read on, with the command that shows all."""
    office.at("2018-03-14")
    many_due(office.engine, 110)
    refused = DeliveryError("550 no such user", permanent=True, code="550")
    run(office, "2018-03-14", Post(lambda letter: refused), digests=False)
    post = Post()
    run(office, THURSDAY, post)
    (letter,) = digests(post)
    assert letter.text.count("\n- ") == 100
    assert "permits digest --prefecture MA-RAB" in letter.text


def test_days_ahead_are_bounded(office: Office) -> None:
    """A number of days that makes no sense is refused by name."""
    with pytest.raises(InputError, match="ahead"):
        office.engine.notices.digest(ahead=-1)


def _events(office: Office) -> list[dict[str, Any]]:
    return list(office.engine.subscribe(timeout=0))
