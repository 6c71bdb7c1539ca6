"""A message that waits for a human is put back among those that go out."""

from __future__ import annotations

from typing import Any

import msgspec

from permits_engine.domain import events as e
from permits_engine.domain.errors import NotFoundError, error
from permits_engine.execution import Executor
from permits_engine.projections import notice_rows, writing
from permits_engine.store import codec, history
from permits_engine.store.database import Unit


def retry(executor: Executor, unit: Unit, notice_id: str, by: str) -> dict[str, Any]:
    """Append a fresh ``notice.due`` to a parked, failed or bounced notice; gives its row."""
    records = history.stream(unit, notice_id)
    if not records or not records[0].name.startswith("notice."):
        raise NotFoundError("notice.not_found", f"there is no notice {notice_id}", notice_id=notice_id)
    row = notice_rows.row_of(notice_id, records)
    if row["state"] not in {"parked", "failed", "bounced"}:
        raise error(
            "transition.not_allowed",
            f"the notice is {row['state']}: only a parked, failed or bounced one is tried again",
            state=row["state"],
            command="retry",
            allowed=[],
        )
    first = codec.decode(records[0].name, records[0].payload)
    stamp = executor.stamper(e.Actor(by, "administrator"), None, first.effective_on)
    fresh = msgspec.structs.replace(
        first, event_id=stamp(e.NoticeParked, reason="").event_id, actor=e.Actor(by, "administrator")
    )
    after = notice_rows.after(row, fresh, row["version"] + 1, executor.now())
    work = executor.begin(unit)
    work.later(writing.UPDATE_NOTICE, writing.moved(after, row["version"]))
    work.append(work.sealed(notice_id, row["version"], [fresh], None))
    work.write()
    return after
