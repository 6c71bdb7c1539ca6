"""What a permit opens on a date: each right, open or not, by which rule, and because of which paper or fact."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from permits_engine.domain import removal
from permits_engine.domain.facts import holding
from permits_engine.domain.policy import Silence, Value
from permits_engine.domain.situation import Situation
from permits_engine.domain.standing import standing

RIGHTS = (
    "stay",
    "work",
    "schooling",
    "primary_and_emergency_health",
    "health_cover",
    "vocational_training",
    "employment_service",
    "cooperative_membership",
    "population_register",
    "protection_from_removal",
)
"""The rights that are answered for, in the order shown."""

PAPERS = ("title", "receipt", "provisional_stay", "lawful_stay")


class Right(msgspec.Struct, frozen=True):
    """One right on a day.

    ``because`` names the paper or fact that opens it (or ``none``), ``basis`` the norm; ``would_open`` what would
    open it where it is not; ``asks`` what nobody has established.
    """

    right: str
    open: bool
    basis: str | None
    because: str
    rule: str | None = None
    since: date | None = None
    until: date | None = None
    would_open: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


class Ground(msgspec.Struct, frozen=True):
    """What opens a right, and for how long."""

    because: str
    since: date | None = None
    until: date | None = None


def rights(s: Situation) -> list[Right]:
    """Every right on the situation's day."""
    return [
        _stay(s) if name == "stay" else _removal(s) if name == RIGHTS[-1] else _right(s, name)
        for name in RIGHTS
    ]


def explained(s: Situation) -> list[dict[str, Any]]:
    """The rights as plain values."""
    plain: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(rights(s)))
    return plain


def _stay(s: Situation) -> Right:
    now = standing(s)
    basis = s.rules.policy.by_id[now.basis[0]] if now.basis else None
    ground = ground_of(s, now.because) or Ground(now.because)
    return Right(
        "stay",
        now.lawful,
        str(basis.source) if basis else None,
        now.because if now.lawful else "none",
        rule=basis.id if basis else None,
        since=ground.since if now.lawful else None,
        until=ground.until if now.lawful else None,
        would_open=() if now.lawful else ("title", "receipt", "suspensive_appeal"),
        asks=() if now.certain else ("renewal_request",),
    )


def _right(s: Situation, name: str) -> Right:
    rule = s.rules.find("right", s.day, {**s.scope(), "right": name})
    if rule is None or isinstance(rule.value, Silence):
        return Right(name, False, str(rule.source) if rule else None, "none", rule=rule.id if rule else None)
    for because in rule.value:
        ground = ground_of(s, because)
        if ground is not None:
            return _open(name, rule, ground)
    return Right(name, False, str(rule.source), "none", rule=rule.id, would_open=tuple(rule.value))


def _open(name: str, rule: Value, ground: Ground) -> Right:
    since = max(rule.since, ground.since) if ground.since else rule.since
    return Right(name, True, str(rule.source), ground.because, rule=rule.id, since=since, until=ground.until)


def _removal(s: Situation) -> Right:
    name = RIGHTS[-1]
    questions = tuple(removal.asks(s, s.rules, None))
    for held in removal.protections(s, s.rules, None, None):
        return Right(name, True, held.article, held.kind, since=held.since, until=held.until, asks=questions)
    now = standing(s)
    if now.lawful:
        basis = (
            s.rules.policy.by_id[now.basis[0]]
            if now.basis
            else s.rules.find("removal.lawful", s.day, s.scope())
        )
        ground = ground_of(s, now.because) or Ground(now.because)
        return Right(
            name,
            True,
            str(basis.source) if basis else None,
            now.because,
            rule=basis.id if basis else None,
            since=ground.since,
            until=ground.until,
            asks=questions,
        )
    listed = s.rules.get("removal.protected", s.day, s.scope()) or {}
    return Right(name, False, None, "none", would_open=("title", "receipt", *listed), asks=questions)


def ground_of(s: Situation, name: str) -> Ground | None:
    """The paper or fact of that name where it is valid on the day."""
    if name == "everyone":
        return Ground(name)
    if name == "title":
        term = s.term
        if term is None or s.title_status != "active":
            return None
        return Ground(name, term.valid_from, term.valid_until if s.covered(s.day) else None)
    if name == "receipt":
        receipt = s.receipt
        if receipt is None or s.day > receipt.until:
            return None
        first = next(r for r in s.permit.receipts if r.request == receipt.request)
        return Ground(name, first.on, receipt.until)
    if name == "provisional_stay":
        found = removal.provisional(s)
        return Ground(name, found.annulled_on) if found else None
    if name == "lawful_stay":
        return Ground(name) if standing(s).lawful else None
    fact = holding(s.facts, name, s.day)
    return Ground(name, fact.since, fact.until) if fact else None
