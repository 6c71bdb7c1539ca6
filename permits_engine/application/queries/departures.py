"""Decisions that depart from a rule: they are recorded, not prevented, and listed here for supervision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import TypedDict

from sqlalchemy import bindparam, select

from permits_engine.application.context import Context
from permits_engine.application.queries import views
from permits_engine.domain.decisions.departures import in_words
from permits_engine.domain.events import AppealDecided, Event, Issued, Refused, Renewed, stored_name
from permits_engine.domain.rules.policy import Policy
from permits_engine.store.database.schema import events
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import codec

DECISIONS = (Issued, Renewed, Refused, AppealDecided)
"""The events with a field ``departs_from``."""
MARK = b'"departs_from"'

_PAGE = Statement(
    select(events.c.position, events.c.stream, events.c.version, events.c.name, events.c.payload)
    .where(
        events.c.position > bindparam("after"),
        events.c.name.in_([stored_name(kind) for kind in DECISIONS]),
    )
    .order_by(events.c.position)
    .limit(bindparam("size"))
)
_SIZE = 5000


class Departure(TypedDict):
    """A decision that departs from a rule of law."""

    permit_id: str
    version: int
    event: str
    on: str
    prefecture: str | None
    norm: str
    rank: str
    rule: str
    says: str


class DepartureCount(TypedDict):
    """How many decisions of an office depart from a norm."""

    prefecture: str | None
    event: str
    norm: str
    decisions: int


def listed(
    context: Context,
    tx: Transaction,
    *,
    first: date | None = None,
    last: date | None = None,
    office: str | None = None,
) -> list[Departure]:
    """Return the decisions of a period that depart from a rule, in the order of their recording."""
    found: list[Departure] = []
    for stream, version, event in _departing(tx):
        if not (first or date.min) <= event.effective_on <= (last or date.max):
            continue
        policy, rule = _policy(context, tx, event), getattr(event, "departs_from", None)
        if policy is None or rule is None or office not in (None, event.actor.prefecture):
            continue
        norm = views.expanded(policy, rule)
        found.append(
            {
                "permit_id": stream,
                "version": version,
                "event": event.NAME,
                "on": event.effective_on.isoformat(),
                "prefecture": event.actor.prefecture,
                "norm": norm["norm"],
                "rank": norm["rank"],
                "rule": rule,
                "says": str(in_words(event, norm)),
            }
        )
    return found


def counted(rows: list[Departure]) -> list[DepartureCount]:
    """Return the number of departures by office and norm, the highest first."""
    counts = Counter((row["prefecture"], row["event"], row["norm"]) for row in rows)
    return [
        {"prefecture": office, "event": name, "norm": norm, "decisions": number}
        for (office, name, norm), number in sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))
    ]


def _departing(tx: Transaction) -> Iterator[tuple[str, int, Event]]:
    for page in tx.pages(_PAGE, size=_SIZE, start=0):
        for _, stream, version, name, payload in page:
            if MARK in bytes(payload):
                yield stream, version, codec.decode(name, bytes(payload))


def _policy(context: Context, tx: Transaction, event: Event) -> Policy | None:
    if event.basis is None:
        return None
    for jurisdiction, *_ in context.policies.all(tx):
        policy = context.policies.by_digest(tx, jurisdiction, event.basis.policy)
        if policy is not None:
            return policy
    return None
