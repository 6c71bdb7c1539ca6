"""A deadline as a calendar file (RFC 5545), for the holder's own calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def event(*, uid: str, stamp: datetime, day: date, summary: str, note: str | None = None) -> bytes:
    """Return a calendar with one all-day event and an alarm a day before.

    ``note`` is shown with the event. The same ``uid`` is the same event: a calendar that contains it is updated.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//permits-engine//notices//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{summary.translate(_ESCAPED)}",
        *([f"DESCRIPTION:{note.translate(_ESCAPED)}"] if note else []),
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "TRIGGER:-P1D",
        f"DESCRIPTION:{summary.translate(_ESCAPED)}",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _folded(line: str) -> bytes:
    """Return a content line folded into pieces of at most 75 octets, characters kept whole."""
    data, pieces, room = line.encode(), [], 75
    while len(data) > room:
        end = room
        while data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[:end])
        data, room = data[end:], 74
    return b"\r\n ".join([*pieces, data]) + b"\r\n"
