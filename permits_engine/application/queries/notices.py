"""The history of one notice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from permits_engine.application.context import Context
from permits_engine.application.queries.views import shown
from permits_engine.domain.errors import NotFoundError
from permits_engine.domain.events import NoticeDue
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.application import Placed, event_store


def history_of(
    context: Context, tx: Transaction, notice_id: str, *, decrypt: bool = True
) -> list[dict[str, Any]]:
    """Return every event of a notice with its envelope; the channels' answers while the holder's key exists."""
    records = records_of(tx, notice_id)
    holder_id = claim_of(records).holder_id
    cipher = context.keyring.load(tx, holder_id) if decrypt else None
    return [shown(record, holder_id, cipher) for record in records]


def permit_of(tx: Transaction, notice_id: str) -> str:
    """Return the permit that a notice is about; raise ``notice.not_found``."""
    return claim_of(records_of(tx, notice_id)).permit_id


def records_of(tx: Transaction, notice_id: str) -> Sequence[Placed]:
    """Return the records of a notice's stream; raise ``notice.not_found``."""
    records = event_store(tx).stream(notice_id)
    if not records or not records[0].name.startswith("notice."):
        raise NotFoundError("notice.not_found", f"there is no notice {notice_id}", notice_id=notice_id)
    return records


def claim_of(records: Sequence[Placed]) -> NoticeDue:
    """Return the event that claimed a notice."""
    event = records[0].event
    assert isinstance(event, NoticeDue)
    return event
