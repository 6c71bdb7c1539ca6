"""One message as an operator deals with it: what has happened to it, tried again, come back, served by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from permits_engine.domain import events as e
from permits_engine.domain.errors import NotFoundError, error
from permits_engine.execution import Executor
from permits_engine.projections import notice_rows, writing
from permits_engine.reading import shown
from permits_engine.store import codec, history
from permits_engine.store.database import Unit
from permits_engine.store.history import StoredRecord


def history_of(executor: Executor, unit: Unit, notice_id: str) -> list[dict[str, Any]]:
    """Every event of a message with its envelope; the channels' answers while the holder's key exists."""
    records = _records(unit, notice_id)
    holder_id = _claim(records).holder_id
    cipher = executor.keyring.load(unit, holder_id)
    return [shown(record, holder_id, cipher) for record in records]


def retry(executor: Executor, unit: Unit, notice_id: str, by: str) -> dict[str, Any]:
    """Append a fresh ``notice.due`` to a parked or failed message; gives its row."""
    records = _records(unit, notice_id)
    row = _row(
        notice_id, records, {"parked", "failed"}, "retry", "only a parked or failed one is tried again"
    )
    first = _claim(records)
    stamp = executor.stamper(e.Actor(by, "administrator"), None, first.effective_on)
    fresh = msgspec.structs.replace(
        first, event_id=stamp(e.NoticeParked, reason="").event_id, actor=e.Actor(by, "administrator")
    )
    return _appended(executor, unit, row, [fresh], None)


def bounced(executor: Executor, unit: Unit, notice_id: str, code: str | None, answer: str) -> dict[str, Any]:
    """A sent message came back: its channel is given up, and the next pass tries the next one.

    Raises ``notice.not_found``, ``transition.not_allowed`` for a message that was not sent.
    """
    records = _records(unit, notice_id)
    row = _row(notice_id, records, {"sent"}, "bounced", "only a sent one can come back")
    first = _claim(records)
    actor = e.Actor("mail-server", "scheduler")
    stamp = executor.stamper(actor, None, first.effective_on)
    sealed = executor.keyring.load(unit, first.holder_id) is not None
    event = stamp(e.NoticeBounced, channel=row["channel"], code=code, response=answer if sealed else None)
    return _appended(executor, unit, row, [event], first.holder_id)


def _records(unit: Unit, notice_id: str) -> Sequence[StoredRecord]:
    records = history.stream(unit, notice_id)
    if not records or not records[0].name.startswith("notice."):
        raise NotFoundError("notice.not_found", f"there is no notice {notice_id}", notice_id=notice_id)
    return records


def _claim(records: Sequence[StoredRecord]) -> e.NoticeDue:
    event = codec.decode(records[0].name, records[0].payload)
    assert isinstance(event, e.NoticeDue)
    return event


def _row(
    notice_id: str, records: Sequence[StoredRecord], states: set[str], command: str, why: str
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
    executor: Executor, unit: Unit, row: dict[str, Any], new: Sequence[e.Event], holder_id: str | None
) -> dict[str, Any]:
    after = row
    for event in new:
        after = notice_rows.after(after, event, after["version"] + 1, executor.now())
    work = executor.begin(unit)
    work.later(writing.UPDATE_NOTICE, writing.moved(after, row["version"]))
    work.append(work.sealed(row["notice_id"], row["version"], new, holder_id))
    work.write()
    return after
