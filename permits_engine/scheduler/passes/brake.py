"""What stops a pass until a human has looked: a clock that cannot be right, or more letters than ever.

A machine whose clock is wrong by a year would lapse titles and write to everybody, and what it records would
pin the time of all that follows. So a pass does not begin where its day does not follow from the last thing
that is known to have happened; ``--release`` lets it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select

from permits_engine.domain.errors import PermitsError, error
from permits_engine.scheduler.limits import APART, Limits
from permits_engine.scheduler.notices.pending import open_counts
from permits_engine.scheduler.passes.preview import foreseen
from permits_engine.scheduler.passes.reconciler import Reconciler
from permits_engine.store.database.schema import permits, scheduler_passes
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import moment

LETTERS = 10_000
"""Letters in one pass that nobody has to release, unless set otherwise."""

_ONE_DAY = timedelta(days=1)
_p = scheduler_passes.c
_LAST_PASS = Statement(
    select(_p.finished_at)
    .where(_p.finished_at.is_not(None), _p.summary.not_like('%"unproven":true%'))
    .order_by(_p.id.desc())
    .limit(bindparam("n"))
)
_DUE = Statement(
    select(func.count())
    .select_from(permits)
    .where(permits.c.next_due <= bindparam("today"), permits.c.parked.is_(None))
)
_CLOCK = Statement(
    {
        "sqlite": "SELECT NULL",
        "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    }
)


def check(reconciler: Reconciler, limits: Limits, on: date) -> bool:
    """See that a pass may begin; raises ``scheduler.braked`` with what is wrong and what to do.

    Gives whether its day does not follow from what is known, while nothing is due that could do harm.
    """
    context = reconciler.context
    with reconciler.database.read() as tx:
        zone = ZoneInfo(context.policies.current(tx, "MA").calendar.time_zone)
        known = _last_known(tx)
        here = context.now()
        _compare(here, tx.one(_CLOCK))
        before, today = _day(known, zone), _day(here, zone)
        if today < before:
            raise _braked(
                "clock_behind",
                f"this machine's clock says {today}, but the store has recorded things on {before}: set the "
                "clock, or let one pass run with permits daemon --once --release",
            )
        due = int((tx.one(_DUE, {"today": on.isoformat()}) or (0,))[0])
        waiting = sum(count for _, _, count in open_counts(tx, here))
    leapt = today > before + _ONE_DAY
    if leapt and (due or waiting):
        raise _braked(
            "clock_ahead",
            f"this machine's clock says {today}, but nothing has been recorded since {before}: see that the "
            "clock is right, then let one pass run with permits daemon --once --release",
        )
    if limits.brake is not None and due + waiting > limits.brake:
        _count(reconciler, on, waiting, limits.brake)
    return leapt


def too_many(found: int, most: int) -> PermitsError:
    """``scheduler.braked``: more letters than a pass may send."""
    return _braked(
        "too_many_letters",
        f"this pass would send more than {most} letters: see with permits due what they are, then let it run "
        "with permits daemon --once --release, or set PERMITS_BRAKE higher",
        most=most,
        found=found,
    )


def _count(reconciler: Reconciler, on: date, waiting: int, most: int) -> None:
    letters = waiting
    for each in foreseen(reconciler.database, reconciler.context, on):
        letters += each["does"] == "notice"
        if letters > most:
            raise too_many(letters, most)


def _last_known(tx: Transaction) -> int:
    row = tx.one(_LAST_PASS, {"n": 1})
    return max(history.head(tx).recorded_at, int(row[0]) if row else 0)


def _compare(here: int, row: Any) -> None:
    there = row[0] if row else None
    if there is not None and abs(there - here) > APART:
        raise _braked(
            "clocks_differ",
            f"this machine's clock says {moment(here):%Y-%m-%d %H:%M} UTC, the database's "
            f"{moment(there):%Y-%m-%d %H:%M}: set the wrong one, or let one pass run "
            "with permits daemon --once --release",
        )


def _day(instant: int, zone: ZoneInfo) -> date:
    return moment(instant).astimezone(zone).date()


def _braked(reason: str, message: str, **details: Any) -> PermitsError:
    return error("scheduler.braked", message, reason=reason, **details)
