"""A pass, or a part of one, wired to an open store: what the command line, the daemon and the tests run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from permits_engine.application.context import Context
from permits_engine.domain import legal_time
from permits_engine.domain.errors import invalid
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices import renewal_token
from permits_engine.scheduler.notices.digest_delivery import DigestResult
from permits_engine.scheduler.notices.digest_delivery import send_digests as send
from permits_engine.scheduler.notices.outbox import Outbox
from permits_engine.scheduler.notices.pending import open_counts
from permits_engine.scheduler.passes import brake
from permits_engine.scheduler.passes.reconciler import Pass, Reconciler

MORNING = time(9, 0)
"""Local time of a pass that is run for a given day."""


class _Run(NamedTuple):
    outbox: Outbox
    is_today: bool
    unproven: bool


def run_pass(
    context: Context,
    routes: Routes,
    *,
    on: date | None = None,
    limits: Limits | None = None,
    digests: bool = True,
) -> Pass:
    """Run a whole pass: now, or as of 09:00 local time on a given day.

    Raises ``input.invalid`` for a day after the store's today: the pass would record what has not happened.
    """
    with _prepared(context, routes, on, limits) as (outbox, is_today, unproven):
        report = Reconciler(context, outbox).run(unproven=unproven)
        # With an unproven clock nothing is sent and nothing recorded.
        if digests and routes.digests and is_today and not unproven:
            result = send(outbox)
            report.digests, report.undigested = result.sent, result.failed
    return report


def send_open(context: Context, routes: Routes, states: Sequence[str], limits: Limits) -> Pass:
    """Send the notices in some states that earlier passes left open; does nothing where there are none."""
    with context.database.read() as tx:
        if not open_counts(tx, context.now(), states):
            return Pass(context.home_today(tx))
    with _prepared(context, routes, None, limits) as (outbox, _, unproven):
        report = Pass(outbox.on, unproven=unproven)
        if not unproven:
            report.held = outbox.flush(report.notices, states)
            report.unavailable = dict(outbox.unavailable)
    return report


def send_digests(context: Context, routes: Routes, limits: Limits) -> DigestResult:
    """Send the digests of the day that are not sent yet."""
    with _prepared(context, routes, None, limits) as (outbox, _, unproven):
        return DigestResult() if unproven else send(outbox)


@contextmanager
def _prepared(context: Context, routes: Routes, on: date | None, limits: Limits | None) -> Iterator[_Run]:
    """Check the brakes and yield an outbox that has begun its pass; close the channels after it.

    Raises ``scheduler.braked``.
    """
    now = context.clock()
    with context.database.read() as tx:
        today = context.home_today(tx)
        zone = legal_time.zone(context.policies.home_policy(tx).calendar.time_zone)
        simulated = tx.simulated
    day = on or today
    if day > today:
        raise invalid(
            "on", f"{day} lies after today ({today}); permits due --on shows what a later pass would do"
        )
    if on is not None:
        now = datetime.combine(on, MORNING, zone).astimezone(UTC)
    if limits is not None and simulated:
        limits = replace(limits, released=True)
    unproven = limits is not None and not limits.released and brake.check(context, limits, day)
    # A scenario, a demo or a test has no competitor.
    given = limits or Limits(context.database.write, lambda: True)
    outbox = Outbox(context, routes, given, renewal_token.signer(context))
    try:
        outbox.begin(day, now)
        yield _Run(outbox, day == today, unproven)
    finally:
        routes.close()
    if outbox.braked:
        raise brake.too_many(outbox.sent, outbox.sent)
