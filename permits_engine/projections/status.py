"""The state of the store, from the read models."""

from __future__ import annotations

import json
from typing import Any, TypedDict

from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.history import Head

_PERMITS = Statement("SELECT count(*), coalesce(sum(version), 0) FROM permits")
_NOTICES = Statement("SELECT state, count(*) FROM notices GROUP BY state ORDER BY state")
_PARKED = Statement("SELECT stream, reason FROM parked ORDER BY stream")
_LAST_PASS = Statement("SELECT on_day, finished_at, summary FROM scheduler_passes ORDER BY id DESC LIMIT 1")


class HeadStatus(TypedDict):
    """The end of the history."""

    position: int
    recorded_at: int
    simulated: bool


class ParkedStream(TypedDict):
    """A stream that a read model cannot show, and why."""

    stream: str
    reason: str


class PassStatus(TypedDict):
    """The last pass of the scheduler."""

    on: str
    finished_at: int | None
    summary: dict[str, Any]


class PolicyStatus(TypedDict):
    """The policy in use of a jurisdiction."""

    jurisdiction: str
    digest: str
    adoptions: int


class StoreStatus(TypedDict):
    """The state of the store."""

    head: HeadStatus
    permits: int
    permit_events: int
    notices: dict[str, int]
    parked_streams: list[ParkedStream]
    last_pass: PassStatus | None
    policies: list[PolicyStatus]
    lag: int


def status(tx: Transaction, adopted: list[tuple[str, str, int, int]], head: Head) -> StoreStatus:
    """Return the state of the store for an operator."""
    [(count, seen)] = tx.all(_PERMITS)
    last = tx.one(_LAST_PASS)
    return {
        "head": {
            "position": head.position,
            "recorded_at": head.recorded_at,
            "simulated": bool(head.simulated),
        },
        "permits": count,
        "permit_events": int(seen),
        "notices": dict(tx.all(_NOTICES)),
        "parked_streams": [{"stream": stream, "reason": reason} for stream, reason in tx.all(_PARKED)],
        "last_pass": {"on": last[0], "finished_at": last[1], "summary": json.loads(last[2])}
        if last
        else None,
        "policies": [
            {"jurisdiction": code, "digest": digest, "adoptions": number}
            for code, digest, number, _ in adopted
        ],
        "lag": 0,
    }
