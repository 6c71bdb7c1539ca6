"""Offices get their list each working morning, once: sent when quiet hours are over, and recorded as sent."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import Actor, DigestSent
from permits_engine.domain.rules.policy import Policy
from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter
from permits_engine.scheduler.digest import SHOWN, Digest, digest
from permits_engine.scheduler.outbox import Outbox
from permits_engine.store.events import history

_ACTOR = Actor("scheduler", "scheduler")


class Mornings(msgspec.Struct):
    """What became of a morning's lists: ``sent``, and what kept others back, by office."""

    sent: int = 0
    failed: dict[str, str] = msgspec.field(default_factory=dict)


def send_digests(outbox: Outbox, on: date, now: datetime) -> Mornings:
    """Send each office that has an address what waits for it, unless it was sent today or nothing waits.

    A list that could not be handed over is tried by the next pass of the day, under the same identity.
    """
    report = Mornings()
    for office in sorted(outbox.routes.offices):
        if not outbox.go_on():
            break
        try:
            answer = _one(outbox, office, on, now)
        except PermitsError as problem:
            if problem.family == "store":
                raise
            answer = DeliveryError(problem.message, permanent=True)
        if isinstance(answer, DeliveryError):
            report.failed[office] = answer.reason
        elif answer is not None:
            report.sent += 1
    return report


def _one(outbox: Outbox, office: str, on: date, now: datetime) -> Evidence | DeliveryError | None:
    with outbox.database.read() as unit:
        policy = outbox.context.policies.current(unit, office[:2])
        if outbox.held(policy, office, now) or not policy.calendar.is_working(on, on):
            return None
        found = digest(outbox.context, unit, office, on)
        if not found.items or history.stream(unit, found.notice_id):
            return None
    channel = outbox.routes.office
    letter = _letter(outbox, found, policy, now)
    (answer,) = channel.send_many([letter])
    if isinstance(answer, Evidence):
        _record(outbox, found, letter, answer)
    return answer


def _letter(outbox: Outbox, found: Digest, policy: Policy, now: datetime) -> Letter:
    templates = outbox.composer.templates(found.office[:2])
    known = policy.offices.get(found.office)
    language = templates.language_for("")
    name = known.name(language) if known else found.office
    values = {
        "office": found.office,
        "office_name": name,
        "authority": name,
        "tasks": [msgspec.structs.asdict(each) for each in found.items[:SHOWN]],
        "total": len(found.items),
    }
    subject, text, direction, used = templates.compose("office_digest", language, values)
    return Letter(
        notice_id=found.notice_id,
        kind="office_digest",
        tier=None,
        to_name=name,
        to_address=outbox.routes.offices[found.office],
        office=found.office,
        language=used,
        direction=direction,
        subject=subject,
        text=text,
        expedited=False,
        sent_at=now,
        template=templates.version(used),
    )


def _record(outbox: Outbox, found: Digest, letter: Letter, answer: Evidence) -> None:
    event = outbox.context.stamper(_ACTOR, None, found.day)(
        DigestSent,
        office=found.office,
        tasks=len(found.items),
        channel=answer.channel,
        message_id=answer.message_id,
        response=answer.response or None,
        template=letter.template,
    )
    try:
        with outbox.limits.write() as unit:
            work = outbox.context.begin(unit)
            work.append(work.sealed(found.notice_id, 0, [event], None))
            work.write()
    except ConflictError:
        return  # another process has sent it, under the same identity
