"""The digests of a morning as letters to their offices."""

from __future__ import annotations

import msgspec

from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import SCHEDULER, DigestSent
from permits_engine.domain.rules.policy import Policy
from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter
from permits_engine.scheduler.notices.digest import Digest, digest
from permits_engine.scheduler.notices.outbox import Outbox
from permits_engine.store.events.application import event_store

LINES = 100
"""Tasks in a letter; ``permits digest`` shows all."""


class DigestResult(msgspec.Struct):
    """How many digests were sent, and the error of each office whose digest was not."""

    sent: int = 0
    failed: dict[str, str] = msgspec.field(default_factory=dict)


def send_digests(outbox: Outbox) -> DigestResult:
    """Send its digest to each office that has an address and open tasks, once on each working day.

    A digest that could not be sent is tried again later on that day, under the same identity.
    """
    result = DigestResult()
    for office in sorted(outbox.routes.offices):
        if not outbox.may_continue():
            break
        try:
            answer = _send(outbox, office)
        except PermitsError as problem:
            if problem.family == "store":
                raise
            answer = DeliveryError(problem.message, permanent=True)
        if isinstance(answer, DeliveryError):
            result.failed[office] = answer.reason
        elif answer is not None:
            result.sent += 1
    return result


def _send(outbox: Outbox, office: str) -> Evidence | DeliveryError | None:
    day = outbox.on
    with outbox.context.database.read() as tx:
        policy = outbox.context.policies.current(tx, office[:2])
        if outbox.held(policy, office) or not policy.calendar.is_working(day, day):
            return None
        found = digest(outbox.context, tx, office, day)
        if not found.items or event_store(tx).stream(found.notice_id):
            return None
    letter = _letter(outbox, found, policy)
    (answer,) = outbox.routes.office.send_many([letter])
    if isinstance(answer, Evidence):
        _record(outbox, found, letter, answer)
    return answer


def _letter(outbox: Outbox, found: Digest, policy: Policy) -> Letter:
    templates = outbox.composer.templates(found.office[:2])
    office = policy.offices.get(found.office)
    language = templates.language_for("")
    name = office.name(language) if office else found.office
    values = {
        "office": found.office,
        "office_name": name,
        "authority": name,
        "tasks": [msgspec.structs.asdict(each) for each in found.items[:LINES]],
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
        sent_at=outbox.now,
        template=templates.version(used),
    )


def _record(outbox: Outbox, found: Digest, letter: Letter, answer: Evidence) -> None:
    event = outbox.context.stamper(SCHEDULER, None, found.day)(
        DigestSent,
        office=found.office,
        tasks=len(found.items),
        channel=answer.channel,
        message_id=answer.message_id,
        response=answer.response or None,
        template=letter.template,
    )
    try:
        with outbox.limits.write() as tx:
            uow = outbox.context.begin(tx)
            uow.append(uow.place(found.notice_id, 0, [event], None))
            uow.write()
    except ConflictError:
        return  # another process sent it, under the same identity
