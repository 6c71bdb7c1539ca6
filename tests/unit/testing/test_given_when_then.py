"""The testing kit, on itself: sentences that hold, and sentences that do not."""

from datetime import date, timedelta

import pytest

from permits_engine import IssuePermit, PermitsError, RecordExit, RequestRenewal, RevokePermit
from permits_engine.store.database.transactions import Statement
from permits_engine.testing import (
    HOLDER_ID,
    PERMIT_ID,
    FakeClock,
    Letters,
    Office,
    a_file,
    a_holder,
    a_renewal_request,
    a_title,
    an_application,
    given,
    stored_form,
)

ASKED = RequestRenewal(permit_id=PERMIT_ID, on=date(2018, 1, 10))


def test_a_request_in_time_is_received() -> None:
    """Events and fields of the view, on the day of the command."""
    given(*a_title()).when(ASKED).then(
        "permit.renewal_requested",
        "permit.receipt_issued",
        application_status="under_review",
        receipt_until=date(2018, 4, 10),
        lawful_stay=True,
    )


def test_a_refusal_is_named_by_its_code() -> None:
    """And records nothing."""
    story = given(*a_file()).when(IssuePermit(permit_id=PERMIT_ID, on=date(2017, 1, 5)))
    story.then(refused="opinion.missing", title_status="none")
    assert "favourable opinion" in story.refusal.message


def test_one_thing_after_another_is_one_story() -> None:
    """What was done is the past of what comes next; the scheduler's pass is an act like any other."""
    story = given(*a_renewal_request())
    story.when_scheduler_runs(date(2018, 4, 4)).then(
        "permit.receipt_extended", notices=[{"kind": "receipt_extended", "to": "holder"}]
    )
    story.when(RecordExit(permit_id=PERMIT_ID, on=date(2018, 4, 5))).then("permit.exit_recorded")


def test_a_reminder_is_a_notice_that_the_story_tells() -> None:
    """By its kind, tier and language."""
    given(*a_title()).when_scheduler_runs(date(2018, 1, 2)).then(
        notices=[{"kind": "renewal_reminder", "tier": "P30D", "language": "fr"}]
    )


def test_another_actor_may_be_named() -> None:
    """Beside a command of the past, or with what is done."""
    office = Office.in_memory()
    stranger = office.actor("counter", "MA-FES")
    given(*a_title(), office=office).when(ASKED, stranger).then(refused="actor.wrong_prefecture")
    given((a_holder(), office.actor("counter")), office=office)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"events": ("permit.issued",)}, "expected .*permit.issued.*, came .*renewal_requested"),
        ({"refused": "window.closed"}, "was to be refused as window.closed"),
        ({"application_status": "granted"}, "application_status: expected 'granted', came 'under_review'"),
        ({"notices": [{"kind": "title_lapsed"}]}, "notices: expected"),
    ],
)
def test_a_false_sentence_fails_with_what_came(said: dict[str, object], told: str) -> None:
    """So that a test of a host's cannot pass for nothing."""
    story = given(*a_title()).when(ASKED)
    events = said.pop("events", ())
    with pytest.raises(AssertionError, match=told):
        story.then(*events, **said)  # type: ignore[misc,arg-type]


def test_an_unexpected_refusal_is_raised() -> None:
    """In ``then`` as in ``given``, as the error that it is."""
    with pytest.raises(PermitsError, match=r"transition\.not_allowed"):
        given(*a_title()).when(IssuePermit(permit_id=PERMIT_ID, on=date(2017, 3, 1))).then("permit.issued")
    with pytest.raises(PermitsError, match=r"holder\.not_found"):
        given(an_application())


def test_what_does_not_survive_being_stored_fails_the_sentence() -> None:
    """A row that differs from its history, and bytes that no encoding of the event gives."""
    office = Office.in_memory()
    given(*a_title(), office=office)
    assert stored_form(office) == office.position()
    with office.engine.database.write() as tx:
        tx.run(Statement("UPDATE permits SET valid_until = '2030-01-01'"))
    with pytest.raises(AssertionError, match="read models differ"):
        stored_form(office)
    office.engine.store.rebuild()
    with office.engine.database.write() as tx:
        tx.run(Statement("DROP TRIGGER events_kept"))
        tx.run(Statement("UPDATE events SET payload = payload || ' ' WHERE position = 5"))
    with pytest.raises(AssertionError, match="does not survive being stored"):
        stored_form(office)


def test_builders_tell_one_file_from_its_holder_to_its_renewal() -> None:
    """Each adds to the one before; fields are replaced by name, and ids let several exist side by side."""
    assert [c.name for c in a_renewal_request()] == [*(c.name for c in a_title()), "request_renewal"]
    assert [c.name for c in a_title()][:2] == [c.name for c in a_file()]
    office = Office.in_memory(code="MA-FES")
    given(*a_title(prefecture="MA-FES", criterion="R1"), office=office)
    second = [HOLDER_ID.replace("-5", "-4", 1), PERMIT_ID.replace("-5", "-4", 1)]
    given(*a_title(holder_id=second[0], permit_id=second[1], prefecture="MA-FES"), office=office)
    assert {row["permit_id"] for row in office.engine.find(prefecture="MA-FES")} == {PERMIT_ID, second[1]}
    with pytest.raises(PermitsError, match=r"input\.invalid.*colour"):
        a_holder(colour="blue")


def test_the_clock_shows_the_time_it_is_set_to() -> None:
    """At nine in the morning of the office's own time zone, until someone moves it."""
    clock = FakeClock(time_zone="Africa/Casablanca")
    first = clock.at(date(2018, 7, 2))
    assert (first.hour, clock(), clock()) == (8, first, first)
    clock.instant += timedelta(hours=3)
    assert clock().hour == 11
    assert clock.at(date(2018, 12, 3)).hour == 8


def test_the_recorder_of_notices_keeps_letters_as_they_would_go_out() -> None:
    """To whom, about what, with the text; nothing leaves the process."""
    with Office.in_memory() as office:
        permit_id = office.title()
        letters = Letters(office.engine)
        office.at("2018-01-02")
        [notice] = letters.run_scheduler(date(2018, 1, 2))
        assert notice == {
            "kind": "renewal_reminder",
            "tier": "P30D",
            "to": "holder",
            "language": "fr",
            "expedited": True,
        }
        [letter] = letters.sent
        assert letter.to_address == "holder@example.org"
        assert "31 janvier 2018" in letter.text
        assert letters.about(permit_id) == [notice]


def test_an_office_knows_who_is_competent() -> None:
    """The role that the policy expects, at the office where the file is on that day."""
    with Office.in_memory() as office:
        permit_id = office.title()
        office.do("transfer_file", "2017-03-01", permit_id=permit_id, prefecture="MA-FES")
        revocation = RevokePermit(
            permit_id=permit_id,
            ground="documents-not-furnished",
            reasons_in_fact="x",
            reasons_in_law="y",
            on=date(2017, 4, 3),
        )
        assert office.competent(revocation) == office.actor("decider", "MA-FES")
        office.execute(revocation)
        office.do("lodge_appeal", "2017-04-10", permit_id=permit_id, body="administrative_tribunal")
        decided = office.do(
            "decide_appeal", "2017-05-02", permit_id=permit_id, outcome="upheld", reasons="none given"
        )
        assert decided.events == ("permit.appeal_decided", "permit.reinstated")
