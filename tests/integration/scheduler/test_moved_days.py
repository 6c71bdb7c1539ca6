"""A last day that a letter named moves once the date of a feast is official: one letter says so, on each database."""

from datetime import date

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.policies.loading import packaged
from permits_engine.scheduler.delivery.channel import Letter
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post, run

REASONS = {"reasons_in_fact": "no means", "reasons_in_law": "article 14"}
EID = '    estimated: {"on": [2027-03-09, 2027-03-10], known: 2003-11-01}\n'
ON_TIME = '    official: {"on": [2027-03-09, 2027-03-10], known: 2027-03-08}\n'
A_DAY_LATER = '    official: {"on": [2027-03-10, 2027-03-11], known: 2027-03-08}\n'


def refused(office: Office) -> str:
    """A refusal notified on 22 February 2027, whose 15 clear days end on 10 March."""
    permit_id = office.application(category="ordinary", criterion=None, on="2026-11-02")
    office.do("refuse_application", "2027-02-19", permit_id=permit_id, **REASONS)
    office.do("notify_decision", "2027-02-22", permit_id=permit_id, mode="written", proof="signed")
    return permit_id


def announced(office: Office, day: str, official: str) -> None:
    """The calendar with the official date of the feast becomes part of the history."""
    text = packaged("MA")
    assert EID in text
    office.at(day)
    office.engine.policies.adopt(text.replace(EID, EID + official))


def kinds(post: Post) -> list[str]:
    return [letter.kind for letter in post.letters]


def about(post: Post, kind: str) -> Letter:
    return next(letter for letter in post.letters if letter.kind == kind)


def test_a_letter_says_once_that_its_day_has_moved(office: Office) -> None:
    """The first letter names 11 March and that it may be later; the moon is not seen, and another names the 12th."""
    refused(office)
    post = Post()
    run(office, "2027-02-23", post)
    first = about(post, "decision_notified")
    assert "11 mars 2027 (cette date peut être plus tardive" in first.text
    assert "appeal_closes administrative_tribunal 3 2027-03-11" in first.named
    run(office, "2027-03-05", post)
    announced(office, "2027-03-08", A_DAY_LATER)
    ahead = [each.get("kind") for each in office.engine.preview(on=date(2027, 3, 8))]
    assert "deadline_moved" in ahead
    run(office, "2027-03-08", post)
    moved = about(post, "deadline_moved")
    assert "12 mars 2027" in moved.text
    assert "peut être plus tardive" not in moved.text
    assert moved.deadline == date(2027, 3, 12)
    for day in ("2027-03-08", "2027-03-09", "2027-03-12"):
        run(office, day, post)
    assert kinds(post).count("deadline_moved") == 1


def test_no_letter_goes_where_the_day_is_the_one_printed(office: Office) -> None:
    """Official on the estimated day: the letter was right, and the later day counts no longer."""
    permit_id = refused(office)
    post = Post()
    run(office, "2027-02-23", post)
    announced(office, "2027-03-08", ON_TIME)
    run(office, "2027-03-08", post)
    run(office, "2027-03-09", post)
    assert "deadline_moved" not in kinds(post)
    with pytest.raises(PermitsError) as caught:
        office.do("lodge_appeal", "2027-03-12", permit_id=permit_id, body="administrative_tribunal")
    assert caught.value.code == "appeal.out_of_time"


def test_no_letter_goes_to_who_was_told_no_day(office: Office) -> None:
    """Where no letter left before the date was official, the first one names the right day."""
    refused(office)
    announced(office, "2027-03-08", A_DAY_LATER)
    post = Post()
    run(office, "2027-03-08", post)
    run(office, "2027-03-09", post)
    assert "deadline_moved" not in kinds(post)
    assert "12 mars 2027" in about(post, "decision_notified").text


def test_the_day_to_bring_documents_moves_too(office: Office) -> None:
    """Thirty clear days from 7 February end on 10 March, a feast by both readings."""
    office.application(category="ordinary", criterion=None, on="2027-02-07", missing=["photos"])
    post = Post()
    run(office, "2027-03-03", post)
    reminder = about(post, "documents_reminder")
    assert reminder.deadline == date(2027, 3, 11)
    assert reminder.later is not None
    assert reminder.named == ("documents_due - 1 2027-03-11",)
    announced(office, "2027-03-08", A_DAY_LATER)
    run(office, "2027-03-08", post)
    run(office, "2027-03-08", post)
    assert kinds(post).count("deadline_moved") == 1
    assert "12 mars 2027" in about(post, "deadline_moved").subject
