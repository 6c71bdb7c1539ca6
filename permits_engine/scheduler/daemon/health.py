"""The state of the scheduler for its operator: leader, jobs, open and parked notices, pauses."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import func, select

from permits_engine.application.queries.service import LeaseStatus, SchedulerStatus
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


def facts(tx: Transaction) -> SchedulerStatus:
    """Return the scheduler's part of the status.

    ``waiting.since`` is the day on which the oldest notice that is not sent became due; ``jobs`` are the daemon's, as
    of its last renewal of the lease.
    """
    count, since = tx.one(_WAITING) or (0, None)
    held = lease.read(tx)
    # On SQLite the row shows the last holder that did not release; only the lock of the file shows more.
    running = held.expires_at and (tx.dialect == "sqlite" or not held.expired)
    return {
        "waiting": {"messages": count, "since": since},
        "parked": dict(tx.all(_PARKED)),
        "paused": [each for each in pauses.pauses(tx) if each["until"] is None],
        "lease": _holder(held, tx.dialect) if running else None,
        "jobs": json.loads(held.jobs) if running and held.jobs else [],
    }


def clock_ahead(database: Database, now: int) -> timedelta:
    """Return by how much this machine's clock is ahead of the database's; 0 on SQLite, which has no other.

    ``now`` is in microseconds since the epoch.
    """
    if database.dialect == "sqlite":
        return timedelta()
    return timedelta(microseconds=now - lease.look(database).now)


def _holder(held: lease.LeaseState, dialect: str) -> LeaseStatus:
    found = LeaseStatus(holder=held.holder, since=iso(held.since), epoch=held.epoch)
    if dialect == "postgresql":
        found["until"] = iso(held.expires_at)
    return found
