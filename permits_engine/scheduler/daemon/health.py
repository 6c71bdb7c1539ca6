"""How the scheduler does, for whoever operates it: who runs it, what waits and since when, what is parked and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from permits_engine.scheduler.daemon import lease
from permits_engine.scheduler.notices import pauses
from permits_engine.scheduler.notices.pending import OPEN
from permits_engine.store.database.schema import notices
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events.timestamps import iso

_n = notices.c
_WAITING = Statement(select(func.count(), func.min(_n.claimed_on)).where(_n.state.in_(OPEN)))
_PARKED = Statement(
    select(_n.reason, func.count()).where(_n.state == "parked").group_by(_n.reason).order_by(_n.reason)
)


def facts(tx: Transaction) -> dict[str, Any]:
    """The scheduler's part of the status.

    ``waiting.since`` is the day on which the oldest message that has not gone out became due: how late the
    scheduler is.
    """
    count, since = tx.one(_WAITING) or (0, None)
    return {
        "waiting": {"messages": count, "since": since},
        "parked": dict(tx.all(_PARKED)),
        "paused": [each for each in pauses.pauses(tx) if each["until"] is None],
        "lease": _holder(tx),
    }


def clock_ahead(database: Database, now: int) -> timedelta:
    """By how much this machine's clock is ahead of the database's; nothing on SQLite, which has no other.

    ``now`` is in microseconds since the epoch.
    """
    if database.dialect == "sqlite":
        return timedelta()
    return timedelta(microseconds=now - lease.look(database).now)


def _holder(tx: Transaction) -> dict[str, Any] | None:
    held = lease.read(tx)
    # On SQLite a file's lock tells who holds it; the row, who did last and has not given it back.
    if not held.expires_at or (tx.dialect == "postgresql" and held.expires_at <= held.now):
        return None
    found = {"holder": held.holder, "since": iso(held.since), "epoch": held.epoch}
    return found if tx.dialect == "sqlite" else {**found, "until": iso(held.expires_at)}
