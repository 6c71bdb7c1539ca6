"""What an operator does with one notice: retry it, record that it bounced or was served by hand, read its letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.queries.notices import claim_of, records_of
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, Event, NoticeBounced, NoticeDue, NoticeParked, NoticeSent
from permits_engine.projections import notice_rows, writing
from permits_engine.projections.notice_rows import NoticeState
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.application import Placed


def retry(context: Context, tx: Transaction, notice_id: str, by: str) -> NoticeState:
    """Append a fresh ``notice.due`` to a parked or failed notice and return its row."""
    records = records_of(tx, notice_id)
    row = _row(
        notice_id, records, {"parked", "failed"}, "retry", "only a parked or failed one is tried again"
    )
    first = claim_of(records)
    stamp = context.stamper(Actor(by, "administrator"), None, first.effective_on)
    fresh = msgspec.structs.replace(
        first, event_id=stamp(NoticeParked, reason="").event_id, actor=Actor(by, "administrator")
    )
    return _appended(context, tx, row, [fresh], None)


def bounced(context: Context, tx: Transaction, bounce: Bounce) -> NoticeState:
    """Record that a sent notice bounced: the next pass tries the next channel.

    Raises ``notice.not_found``, ``transition.not_allowed`` for a notice that was not sent, ``input.invalid`` for a
    report about another letter than the one that was sent.
    """
    records = records_of(tx, bounce.notice_id)
    row = _row(bounce.notice_id, records, {"sent"}, "bounced", "only a sent one can come back")
    sent = records[-1].event
    if not isinstance(sent, NoticeSent) or sent.message_id != bounce.message_id:
        raise invalid("standard input", "reports about another letter than the one that was sent")
    first = claim_of(records)
    actor = Actor("mail-server", "scheduler")
    stamp = context.stamper(actor, None, first.effective_on)
    readable = context.keyring.load(tx, first.holder_id) is not None
    answer = bounce.answer if readable else None
    event = stamp(NoticeBounced, channel=sent.channel, code=bounce.code, response=answer)
    return _appended(context, tx, row, [event], first.holder_id)


def served(context: Context, tx: Transaction, notice_id: str, by: str) -> NoticeState:
    """Record that a parked or failed notice was handed to the holder in person."""
    records = records_of(tx, notice_id)
    row = _row(notice_id, records, {"parked", "failed"}, "served", "only a parked or failed one is served so")
    first = claim_of(records)
    today = context.today(context.policies.current(tx, _jurisdiction(context, tx, first)))
    event = context.stamper(Actor(by, "counter"), None, today)(NoticeSent, channel="counter")
    return _appended(context, tx, row, [event], first.holder_id)


def letter(context: Context, tx: Transaction, notice_id: str, *, decrypt: bool) -> Letter:
    """Return the letter of a notice as it would be sent now; without ``decrypt`` it contains no personal data.

    Raises ``notice.not_found``, and ``policy.invalid`` where the jurisdiction's template does not fit the permit.
    """
    # Jinja costs more than a tenth of a second to load, and every command loads this module.
    from permits_engine.scheduler.notices.composer import compose_now

    return compose_now(context, tx, notice_rows.row_of(notice_id, records_of(tx, notice_id)), decrypt=decrypt)


def _jurisdiction(context: Context, tx: Transaction, claim: NoticeDue) -> str:
    permit = context.begin(tx).file(claim.permit_id)
    assert permit is not None
    return permit.jurisdiction


def _row(
    notice_id: str, records: Sequence[Placed], states: set[str], command: str, why: str
) -> dict[str, Any]:
    row = notice_rows.row_of(notice_id, records)
    if row["state"] not in states:
        raise error(
            "transition.not_allowed",
            f"the notice is {row['state']}: {why}",
            state=row["state"],
            command=command,
            allowed=[],
        )
    return row


def _appended(
    context: Context, tx: Transaction, row: dict[str, Any], new: Sequence[Event], holder_id: str | None
) -> NoticeState:
    after: Any = row
    for event in new:
        after = notice_rows.after(after, event, after["version"] + 1, context.now())
    uow = context.begin(tx)
    uow.write_row(writing.UPDATE_NOTICE, writing.moved(after, row["version"]))
    uow.append(uow.place(row["notice_id"], row["version"], new, holder_id))
    uow.write()
    moved: NoticeState = after
    return moved
