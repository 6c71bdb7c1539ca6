"""Events of notices and digests."""

from __future__ import annotations

from datetime import date

from permits_engine.domain.events.base import Event


class NoticeDue(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message became due; its id is a function of permit, deadline kind, tier and anchor."""

    NAME = "notice.due"

    permit_id: str
    holder_id: str
    kind: str
    to: str
    anchor: int
    office: str
    language: str
    tier: str | None = None
    due_on: date | None = None
    deadline: str | None = None
    expedited: bool = False


class NoticeAttempted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message is about to go to a channel that cannot recognise a second copy; it goes there once."""

    NAME = "notice.attempted"

    channel: str


class NoticeSent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message was accepted by its channel; the channel's answer is the evidence.

    ``template`` is the version of the text that was served: jurisdiction, language and digest.
    """

    NAME = "notice.sent"
    ENCRYPTED = frozenset({"response"})

    channel: str
    message_id: str | None = None
    response: str | None = None
    template: str | None = None


class NoticeFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A channel did not take the message.

    ``gave_up`` says that this channel is not tried again; ``next_attempt_at``, in microseconds since the
    epoch, when it is. ``code`` is the answer's code alone, which names nobody.
    """

    NAME = "notice.failed"
    ENCRYPTED = frozenset({"response"})

    channel: str
    permanent: bool = False
    response: str | None = None
    code: str | None = None
    gave_up: bool = False
    next_attempt_at: int | None = None


class NoticeBounced(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message came back after it had been accepted; ``code`` is the status code of RFC 3463."""

    NAME = "notice.bounced"
    ENCRYPTED = frozenset({"response"})

    channel: str
    response: str | None = None
    code: str | None = None


class NoticeParked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message waits for a human; ``reason`` is a code."""

    NAME = "notice.parked"

    reason: str


class NoticeSuppressed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message that was due is not sent any more; ``reason`` is a code."""

    NAME = "notice.suppressed"

    reason: str


class DigestSent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An office was sent its list of the morning; the id of its stream is a function of office and day.

    ``tasks`` counts the lines; the channel's answer is the evidence.
    """

    NAME = "office.digest_sent"

    office: str
    tasks: int
    channel: str
    message_id: str | None = None
    response: str | None = None
    template: str | None = None
