"""Delivery status notifications as mail servers write them, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.errors import InputError
from permits_engine.scheduler.notices import bounce as bounces

NOTICE = "919da349-6584-5829-95e2-3156498dcfc0"
POSTFIX = f"""\
Date: Thu,  2 Nov 2017 09:00:11 +0000 (UTC)
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: prefecture@example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4XyZ.1509613211/mx.example.org"

--4XyZ.1509613211/mx.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.org.

--4XyZ.1509613211/mx.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: 4XyZ
Arrival-Date: Thu,  2 Nov 2017 09:00:10 +0000 (UTC)

Final-Recipient: rfc822; holder@example.org
Original-Recipient: rfc822;holder@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.org
Diagnostic-Code: smtp; 550 5.1.1 <holder@example.org>: Recipient address
    rejected: User unknown

--4XyZ.1509613211/mx.example.org
Content-Description: Undelivered Message
Content-Type: {{kind}}

From: prefecture@example.org
To: holder@example.org
Subject: =?utf-8?b?VGl0cmU=?=
Message-ID: <{NOTICE}@example.org>
X-Permits-Notice: {NOTICE}

Bonjour

--4XyZ.1509613211/mx.example.org--
"""


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_letter_that_came_back_is_recognised(kind: str, ends: str) -> None:
    """By the headers of our own letter, whole or headers only, with the code and the words of the receiver."""
    bounce = bounces.parse(POSTFIX.replace("{kind}", kind).replace("\n", ends).encode())
    assert bounce.notice_id == NOTICE
    assert bounce.message_id == f"<{NOTICE}@example.org>"
    assert (bounce.action, bounce.code) == ("failed", "5.1.1")
    assert "User unknown" in bounce.answer


def test_a_delay_is_no_failure() -> None:
    """The action is told as it is reported."""
    report = POSTFIX.replace("{kind}", "message/rfc822").replace("Action: failed", "Action: Delayed")
    assert bounces.parse(report.encode()).action == "delayed"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no delivery status notification"),
        (b"Subject: hello\r\n\r\nYour mail came back, sorry.\r\n", "is no delivery status notification"),
        (POSTFIX.replace("{kind}", "text/plain").encode(), "which letter came back"),
        (
            POSTFIX.replace("{kind}", "message/rfc822").replace(f"X-Permits-Notice: {NOTICE}\n", "").encode(),
            "which letter came back",
        ),
        (
            POSTFIX.replace("{kind}", "message/rfc822")
            .replace(f"X-Permits-Notice: {NOTICE}", "X-Permits-Notice: ../../etc/passwd")
            .encode(),
            "which is no id",
        ),
        (b"x" * (bounces.LARGEST + 1), "is longer than"),
    ],
    ids=["nothing", "a letter", "no original", "somebody else's", "no id", "huge"],
)
def test_anything_else_is_refused_with_what_is_missing(content: bytes, reason: str) -> None:
    """The person who set up the mail server reads what to hand over."""
    with pytest.raises(InputError, match=reason):
        bounces.parse(content)


@given(st.binary(max_size=400), st.integers(0, len(POSTFIX) - 1))
def test_no_bytes_make_it_fail_otherwise(noise: bytes, at: int) -> None:
    """Whatever arrives is a notification or is refused as input."""
    whole = POSTFIX.replace("{kind}", "message/rfc822").encode()
    for content in (noise, whole[:at], whole[:at] + noise + whole[at:]):
        try:
            assert bounces.parse(content).notice_id
        except InputError:
            continue
