"""Events of notices and digests."""

from datetime import date

from permits_engine.domain.events.base import Event


class NoticeDue(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message became due; its id is derived from permit, kind, deadline, tier and anchor."""

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
    """A message was about to go to a channel that cannot recognise a second copy; it is tried once."""

    NAME = "notice.attempted"
    channel: str


class NoticeSent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A channel accepted a message; its answer is the evidence.

    ``template`` is the version of the text sent: jurisdiction, language and digest. ``named`` are the last days that it
    names: for each the deadline, the body, the version of the event that started it, and the day.
    """

    NAME = "notice.sent"
    ENCRYPTED = frozenset({"response"})
    channel: str
    message_id: str | None = None
    response: str | None = None
    template: str | None = None
    named: tuple[str, ...] = ()


class NoticeFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A channel did not take the message.

    ``gave_up``: this channel is not tried again; otherwise ``next_attempt_at`` is when, in microseconds since the
    epoch. ``code`` is the code of the answer, without personal data.
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
    """A message came back after the channel had accepted it; ``code`` is the status code of RFC 3463."""

    NAME = "notice.bounced"
    ENCRYPTED = frozenset({"response"})
    channel: str
    response: str | None = None
    code: str | None = None


class NoticeParked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message waits for a person to decide; ``reason`` is a code."""

    NAME = "notice.parked"
    reason: str


class NoticeSuppressed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A due message will not be sent; ``reason`` is a code."""

    NAME = "notice.suppressed"
    reason: str


class DigestSent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An office was sent its morning list of ``tasks`` lines; its stream id is derived from office and day."""

    NAME = "office.digest_sent"
    office: str
    tasks: int
    channel: str
    message_id: str | None = None
    response: str | None = None
    template: str | None = None
