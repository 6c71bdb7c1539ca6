"""A pass wired to an engine: what the CLI, the scenario runner and the demo all run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from permits_engine.domain.errors import invalid
from permits_engine.scheduler.limits import Limits, unlimited
from permits_engine.scheduler.notices.digest import send_digests
from permits_engine.scheduler.notices.outbox import Outbox, Routes
from permits_engine.scheduler.notices.renewal_token import signer
from permits_engine.scheduler.passes import brake
from permits_engine.scheduler.passes.preview import foreseen
from permits_engine.scheduler.passes.reconciler import Pass, Reconciler, is_quiet

MORNING = time(9, 0)


def reconciler(engine: Any, routes: Routes, limits: Limits | None = None) -> Reconciler:
    """The reconciler of an engine."""
    under = limits or unlimited(engine.database)
    outbox = Outbox(engine.database, engine.context, routes, is_quiet, under, signer(engine.context))
    return Reconciler(engine.database, engine.context, outbox, under)


def run_pass(
    engine: Any,
    routes: Routes,
    *,
    on: date | None = None,
    progress: Callable[[Pass], None] | None = None,
    limits: Limits | None = None,
) -> Pass:
    """One pass: now, or at 09:00 local time of a given day.

    A day after the store's today is ``input.invalid``: the pass would record what has not happened.
    """
    now: datetime = engine.context.clock()
    today = engine.queries.today()
    day = on or today
    if day > today:
        raise invalid(
            "on", f"{day} lies after today ({today}); permits due --on shows what a later pass would do"
        )
    if on is not None:
        now = datetime.combine(on, MORNING, ZoneInfo("Africa/Casablanca")).astimezone(UTC)
    if limits is not None and _simulated(engine):
        limits = replace(limits, released=True)
    runner = reconciler(engine, routes, limits)
    unproven = limits is not None and not limits.released and brake.check(runner, limits, day)
    try:
        report = runner.run(day, now, progress, unproven=unproven)
        # A clock that nothing proves right writes to nobody, and records nothing.
        if routes.digests and day == today and not unproven:
            mornings = send_digests(runner.outbox, day, now)
            report.digests, report.undigested = mornings.sent, mornings.failed
    finally:
        routes.rest()
    if runner.outbox.braked:
        raise brake.too_many(runner.outbox.sent, runner.outbox.sent)
    return report


def _simulated(engine: Any) -> bool:
    with engine.database.read() as tx:
        return bool(tx.simulated)


def preview(engine: Any, on: date | None = None) -> list[dict[str, Any]]:
    """What a pass would do on a day (default: today), doing nothing."""
    return list(foreseen(engine.database, engine.context, on or engine.queries.today()))
