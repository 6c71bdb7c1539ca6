"""A deadline as a calendar file that calendars read."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from permits_engine.scheduler.delivery import calendar_file
from permits_engine.scheduler.delivery.mime import message_bytes
from tests.letters import a_letter

STAMP = datetime(2017, 11, 2, 9, 0, tzinfo=UTC)
LETTER = a_letter(
    kind="renewal_reminder",
    tier="P90D",
    subject="Votre titre de séjour se termine le 31 janvier 2018 : pensez à le renouveler",
    text="Bonjour,\n\nVotre titre…\n",
    sent_at=STAMP,
    deadline=date(2018, 1, 31),
)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=200))
def test_the_event_says_what_the_subject_says(summary: str) -> None:
    """Commas, semicolons, backslashes and letters of any script; no line is longer than 75 octets."""
    made = calendar_file.event(uid="n@example.org", stamp=STAMP, day=date(2018, 1, 31), summary=summary)
    assert all(len(line) <= 75 for line in made.split(b"\r\n"))
    [event] = Calendar.from_ical(made).walk("VEVENT")
    assert str(event["SUMMARY"]) == summary
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (date(2018, 1, 31), date(2018, 2, 1))
    assert (event["UID"], event.decoded("DTSTAMP")) == ("n@example.org", STAMP)
    [alarm] = event.walk("VALARM")
    assert alarm.decoded("TRIGGER") == -timedelta(days=1)


def test_a_letter_with_a_deadline_carries_it() -> None:
    """Text and HTML as ever, and one attachment whose event bears the letter's own identity."""
    message = message_from_bytes(message_bytes(LETTER, sender="a@example.org"), policy=policy.default)
    assert message.get_content_type() == "multipart/mixed"
    [attached] = message.iter_attachments()  # type: ignore[attr-defined]
    assert (attached.get_content_type(), attached.get_filename()) == ("text/calendar", "deadline.ics")
    [event] = Calendar.from_ical(attached.get_content()).walk("VEVENT")
    assert (str(event["UID"]), event.decoded("DTSTART")) == ("n-1@example.org", date(2018, 1, 31))
    assert str(event["SUMMARY"]) == LETTER.subject
    plain = message_from_bytes(
        message_bytes(replace(LETTER, deadline=None), sender="a@example.org"), policy=policy.default
    )
    for kind in ("plain", "html"):
        bodies = [m.get_body((kind,)).get_content() for m in (message, plain)]  # type: ignore[attr-defined]
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_letter_made_twice_is_the_same_message(ends: str) -> None:
    """Also with its calendar file."""
    letter = replace(LETTER, text=LETTER.text.replace("\n", ends))
    assert message_bytes(letter, sender="a@example.org") == message_bytes(LETTER, sender="a@example.org")
