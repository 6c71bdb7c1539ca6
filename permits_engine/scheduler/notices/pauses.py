"""When no notices are sent: in quiet hours, and while all offices or one are paused.

Time effects are recorded all the same; a notice that becomes due meanwhile waits.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from permits_engine.application.queries.service import PauseRow
from permits_engine.domain import legal_time
from permits_engine.domain.errors import invalid
from permits_engine.domain.rules.policy import Policy
from permits_engine.store.database.schema import scheduler_pauses as table
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.timestamps import iso

_c = table.c
_RUNNING = Statement(select(_c.office).where(_c.until.is_(None)))
_ALL = Statement(select(*table.columns).order_by(_c.id))
_BEGIN = Statement(
    insert(table).values({name: bindparam(name) for name in ("office", "since", "by", "reason")})
)
_END = Statement(
    update(table)
    .where(_c.until.is_(None), _c.office.is_not_distinct_from(bindparam("of")))
    .values(until=bindparam("until"), ended_by=bindparam("ended_by"))
)


def is_quiet(policy: Policy, now: datetime) -> bool:
    """Return whether notices wait because of quiet hours or a public holiday in the policy's time zone."""
    local = now.astimezone(legal_time.zone(policy.calendar.time_zone))
    quiet = policy.at(local.date()).get("notices.quiet", local.date(), {})
    if quiet is None:
        return False
    if quiet["holidays"] and policy.calendar.holiday(local.date(), local.date()) is not None:
        return True
    start, end = time.fromisoformat(quiet["from"]), time.fromisoformat(quiet["to"])
    at = local.time()
    return start <= at < end if start <= end else at >= start or at < end


def paused(tx: Transaction) -> frozenset[str | None]:
    """Return the offices that are paused now; none among them means all offices."""
    return frozenset(row[0] for row in tx.all(_RUNNING))


def pause(tx: Transaction, office: str | None, *, by: str, reason: str, now: int) -> None:
    """Pause one office or all; raise ``input.invalid`` where that is paused already."""
    if office in paused(tx):
        raise invalid("prefecture", f"{office or 'every office'} is paused already; permits resume ends it")
    tx.run(_BEGIN, {"office": office, "since": now, "by": by, "reason": reason})


def resume(tx: Transaction, office: str | None, *, by: str, now: int) -> None:
    """End the pause of one office or of all; raise ``input.invalid`` where there is none."""
    if not tx.run(_END, {"of": office, "until": now, "ended_by": by}):
        raise invalid("prefecture", f"{office or 'every office'} is not paused; permits status shows what is")


def pauses(tx: Transaction) -> list[PauseRow]:
    """Return every pause in the store, the current ones last."""
    names = [column.name for column in table.columns]
    found: list[Any] = [dict(zip(names, row, strict=True)) for row in tx.all(_ALL)]
    for each in found:
        each["since"] = iso(each["since"])
        each["until"] = iso(each["until"]) if each["until"] is not None else None
    return sorted(found, key=lambda each: each["until"] is None)
