"""The ``notices`` row: the state of one message, folded from its stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from permits_engine.domain.errors import error
from permits_engine.domain.events import (
    Event,
    NoticeAttempted,
    NoticeBounced,
    NoticeDue,
    NoticeFailed,
    NoticeParked,
    NoticeSent,
    NoticeSuppressed,
)
from permits_engine.store.database import upserts
from permits_engine.store.database.schema import notices
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.application import Placed

_REPLACE = upserts.replace(notices)


class NoticeState(TypedDict):
    """The row of a notice; ``refused_by`` names the channels that are not tried again."""

    notice_id: str
    version: int
    permit_id: str
    holder_id: str
    kind: str
    tier: str | None
    recipient: str
    office: str
    language: str
    state: str
    due_on: str | None
    expedited: bool
    attempts: int
    reason: str | None
    updated_at: int
    claimed_on: str
    channel: str | None
    refused_by: str | None
    next_attempt_at: int | None
    named: str | None


def first_row(notice_id: str, event: NoticeDue, updated_at: int) -> dict[str, Any]:
    """Return the row of a message that has just become due."""
    return {
        "notice_id": notice_id,
        "version": 1,
        "permit_id": event.permit_id,
        "holder_id": event.holder_id,
        "kind": event.kind,
        "tier": event.tier,
        "recipient": event.to,
        "office": event.office,
        "language": event.language,
        "state": "due",
        "due_on": event.due_on.isoformat() if event.due_on else None,
        "expedited": event.expedited,
        "attempts": 0,
        "reason": None,
        "updated_at": updated_at,
        "claimed_on": event.effective_on.isoformat(),
        "channel": None,
        "refused_by": None,
        "next_attempt_at": None,
        "named": None,
    }


def after(row: dict[str, Any], event: Event, version: int, updated_at: int) -> dict[str, Any]:
    """Return the row after one more event of the message.

    ``attempts`` are those on the present channel; ``refused_by`` names the channels that are not tried again.
    """
    changed = {**row, "version": version, "updated_at": updated_at, "next_attempt_at": None}
    if isinstance(event, NoticeSent):
        changed |= {"state": "sent", "reason": None, **_tried(row, event.channel)}
        changed["named"] = "\n".join(event.named) or None
    elif isinstance(event, NoticeAttempted):
        changed |= {"state": "sending", "reason": event.channel}
    elif isinstance(event, NoticeFailed):
        changed |= {"state": "failed", "reason": event.channel, **_tried(row, event.channel)}
        changed["next_attempt_at"] = event.next_attempt_at
        if event.gave_up:
            changed["refused_by"] = _with(row["refused_by"], event.channel)
    elif isinstance(event, NoticeBounced):
        changed |= {"state": "failed", "reason": "bounced", "channel": event.channel}
        changed["refused_by"] = _with(row["refused_by"], event.channel)
    elif isinstance(event, NoticeParked):
        changed |= {"state": "parked", "reason": event.reason}
    elif isinstance(event, NoticeSuppressed):
        changed |= {"state": "suppressed", "reason": event.reason}
    elif isinstance(event, NoticeDue):
        changed |= {"state": "due", "reason": None, "attempts": 0, "channel": None, "refused_by": None}
    return changed


def _tried(row: dict[str, Any], channel: str) -> dict[str, Any]:
    before = row["attempts"] if row["channel"] in (None, channel) else 0
    return {"channel": channel, "attempts": before + 1}


def _with(channels: str | None, one: str) -> str:
    return " ".join(dict.fromkeys([*(channels or "").split(), one]))


def row_of(notice_id: str, records: Iterable[Placed]) -> dict[str, Any]:
    """Return the row of a notice's stream; raise ``integrity.broken``."""
    rest = iter(records)
    first = next(rest, None)
    if first is None or not isinstance(first.event, NoticeDue):
        raise error(
            "integrity.broken", f"the history of notice {notice_id} does not begin with {NoticeDue.NAME}"
        )
    row = first_row(notice_id, first.event, first.recorded_at)
    for record in rest:
        row = after(row, record.event, record.version, record.recorded_at)
    return row


def replace(tx: Transaction, row: dict[str, Any]) -> None:
    """Insert a row or replace the present one."""
    tx.run(_REPLACE, row)
