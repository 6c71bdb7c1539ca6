"""The brakes of a pass: a clock that cannot be right, or too many letters, until a human has checked.

A machine whose clock is wrong by a year would let titles lapse and write to every holder, and its timestamps would
bind everything recorded later. So a pass does not begin on a day that does not follow from the last known one, unless
``--release`` lets it.
"""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from typing import Any

from sqlalchemy import bindparam, select

from permits_engine.application.context import Context
from permits_engine.domain import legal_time
from permits_engine.domain.errors import PermitsError, error
from permits_engine.scheduler.limits import APART, Limits
from permits_engine.scheduler.notices.pending import open_counts
from permits_engine.scheduler.passes.preview import preview
from permits_engine.store.database.schema import scheduler_passes
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import moment

_ONE_DAY = timedelta(days=1)
_RELEASE = "permits daemon --once --release"
_p = scheduler_passes.c
_LAST_PASS = Statement(
    select(_p.finished_at)
    .where(_p.finished_at.is_not(None), _p.summary.not_like('%"unproven":true%'))
    .order_by(_p.id.desc())
    .limit(bindparam("n"))
)
_DUE = Statement("SELECT count(*) FROM permits WHERE next_due <= :today AND parked IS NULL")
_CLOCK = Statement(
    {
        "sqlite": "SELECT NULL",
        "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    }
)


def check(context: Context, limits: Limits, on: date) -> bool:
    """Raise ``scheduler.braked``, with the remedy, where a pass may not begin.

    Returns whether its day does not follow from the last known one, though nothing is due that could do harm.
    """
    now = context.now()
    with context.database.read() as tx:
        zone = legal_time.zone(context.policies.home_policy(tx).calendar.time_zone)
        _compare(now, (tx.one(_CLOCK) or (None,))[0])
        last, today = _day(_last_known(tx), zone), _day(now, zone)
        if today < last:
            raise _braked(
                "clock_behind",
                f"this machine's clock says {today}, but the store has recorded things on {last}: set the "
                f"clock, or let one pass run with {_RELEASE}",
            )
        due = int((tx.one(_DUE, {"today": on.isoformat()}) or (0,))[0])
        pending = sum(count for _, _, count in open_counts(tx, now))
    leapt = today > last + _ONE_DAY
    if leapt and (due or pending):
        raise _braked(
            "clock_ahead",
            f"this machine's clock says {today}, but nothing has been recorded since {last}: see that the "
            f"clock is right, then let one pass run with {_RELEASE}",
        )
    if limits.brake is not None and due + pending > limits.brake:
        _count_letters(context, on, pending, limits.brake)
    return leapt


def too_many(found: int, most: int) -> PermitsError:
    """Return ``scheduler.braked`` for a pass with more letters than it may send."""
    return _braked(
        "too_many_letters",
        f"this pass would send more than {most} letters: see with permits due what they are, then let it run "
        f"with {_RELEASE}, or set PERMITS_BRAKE higher",
        most=most,
        found=found,
    )


def _count_letters(context: Context, on: date, pending: int, most: int) -> None:
    letters = pending
    for each in preview(context, on):
        letters += each["does"] == "notice"
        if letters > most:
            raise too_many(letters, most)


def _last_known(tx: Transaction) -> int:
    row = tx.one(_LAST_PASS, {"n": 1})
    return max(history.head(tx).recorded_at, int(row[0]) if row else 0)


def _compare(here: int, there: int | None) -> None:
    if there is not None and abs(there - here) > APART:
        raise _braked(
            "clocks_differ",
            f"this machine's clock says {moment(here):%Y-%m-%d %H:%M} UTC, the database's "
            f"{moment(there):%Y-%m-%d %H:%M}: set the wrong one, or let one pass run with {_RELEASE}",
        )


def _day(instant: int, zone: tzinfo) -> date:
    return moment(instant).astimezone(zone).date()


def _braked(reason: str, message: str, **details: Any) -> PermitsError:
    return error("scheduler.braked", message, reason=reason, **details)
