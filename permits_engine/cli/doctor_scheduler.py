"""What is wrong with the scheduler, said with the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from permits_engine.scheduler.daemon.health import clock_ahead
from permits_engine.store.events.timestamps import micros

Said = tuple[str, str]
STALE = timedelta(days=2)
"""After so long without a pass nobody runs the scheduler, and after so long waiting a message is late."""
APART = timedelta(minutes=5)
"""By so much the clocks of machine and database may differ."""
_REASONS = {
    "no_address": "no address on file: serve the letter at the counter (permits notices preview ID), then "
    "permits notices served ID",
    "refused": "refused for good: correct the holder's address, then permits notices retry ID",
    "bounced": "came back: correct the holder's address, then permits notices retry ID",
    "too_many_attempts": "not taken in a day: look at the mail server, then permits notices retry ID",
    "unknown_outcome": "may have gone out, and may not be sent twice: ask the holder, then retry or served",
    "not_composed": "the jurisdiction's text does not fit the file: permits notices preview ID says why",
}


def found(engine: Any, state: dict[str, Any]) -> Iterator[Said]:
    """Levels and sentences about clocks, lease, passes and messages."""
    today = engine.today()
    yield from _clocks(engine)
    yield from _passes(state, today)
    yield from _waiting(state, today)
    for each in state["paused"]:
        whose = f"messages of {each['office']}" if each["office"] else "all messages"
        yield "note", f"{whose} are paused since {each['since']} ({each['reason']}): permits resume"
    for reason, number in state["parked"].items():
        wait = "1 message waits" if number == 1 else f"{number} messages wait"
        why = _REASONS.get(reason, reason)
        yield "warning", f"{wait} for a human (permits notices --state parked): {why}"


def _clocks(engine: Any) -> Iterator[Said]:
    ahead = clock_ahead(engine.database, micros(engine.clock()))
    if abs(ahead) > APART:
        by = str(abs(ahead)).partition(".")[0]
        side = "ahead of" if ahead > timedelta() else "behind"
        yield "error", f"this machine's clock is {by} {side} the database's: set the one that is wrong"


def _passes(state: dict[str, Any], today: date) -> Iterator[Said]:
    last, lease = state["last_pass"], state["lease"]
    if lease:
        yield "note", f"{lease['holder']} runs the passes since {lease['since']}"
    if last is None:
        yield "warning", "no scheduler pass has run yet: permits daemon, or permits daemon --once"
    elif not state["head"]["simulated"] and date.fromisoformat(last["on"]) < today - STALE:
        yield "warning", f"the last pass was of {last['on']}: run permits daemon, or --once every hour"
    for channel, reason in ((last or {}).get("summary") or {}).get("away", {}).items():
        yield "error", f"nothing could leave by {channel} in the last pass: {reason}"


def _waiting(state: dict[str, Any], today: date) -> Iterator[Said]:
    waiting = state["waiting"]
    late = waiting["messages"] and date.fromisoformat(waiting["since"]) < today - STALE
    if late and not state["head"]["simulated"]:
        yield (
            "warning",
            f"{waiting['messages']} messages wait to go out, the oldest since {waiting['since']}: "
            "look at the daemon's log",
        )
