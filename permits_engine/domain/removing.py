"""What recording a fact, ordering and annulling a removal lead to."""

from __future__ import annotations

from permits_engine.domain import removal
from permits_engine.domain.case import Case, Draft
from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    EntryBanLifted,
    EntryBanned,
    FactNoted,
    RemovalAnnulled,
    RemovalCarriedOut,
    RemovalOrdered,
)


def record_fact(case: Case) -> list[Draft]:
    """A fact about the holder, as this file knows it."""
    c = case.command
    return [case.draft(FactNoted, kind=c.kind, since=c.since, until=c.until, of=c.of)]


def order_removal(case: Case) -> list[Draft]:
    """An order, with the protections that nobody has looked into (law 02-03, articles 21 and 25)."""
    c, age = case.command, case.holder.age
    questions = removal.asks(case.situation, case.rules, age)
    case.rules.find("removal.grounds", case.on, case.scope())
    return [
        case.draft(
            RemovalOrdered,
            ground=c.ground,
            notified_at=c.notified_at,
            age=age,
            asks=tuple(questions),
            reasons=c.reasons,
        )
    ]


def carry_out(case: Case) -> list[Draft]:
    """The order is carried out; what nobody has looked into is said once more."""
    order, age = removal.in_force(case.situation), case.holder.age
    assert order is not None
    questions = tuple(removal.asks(case.situation, case.rules, age))
    return [
        case.draft(
            RemovalCarriedOut, order_version=order.version, at=case.command.at, age=age, asks=questions
        )
    ]


def annul_removal(case: Case) -> list[Draft]:
    """The removal falls; a provisional stay begins (law 02-03, article 24)."""
    order = removal.in_force(case.situation)
    assert order is not None
    case.rules.find("removal.annulment", case.on, case.scope())
    reasons = getattr(case.command, "reasons", None)
    return [case.draft(RemovalAnnulled, order_version=order.version, reasons=reasons)]


def contest(case: Case) -> list[Draft]:
    """An appeal against the removal, which suspends it (articles 23 and 24)."""
    order = removal.in_force(case.situation)
    assert order is not None
    c = case.command
    return [case.draft(Appealed, body=c.body, decision_version=order.version, against="removal", at=c.at)]


def rule(case: Case) -> list[Draft]:
    """A ruling on the removal; upheld, the removal is annulled with it."""
    order, c = removal.in_force(case.situation), case.command
    assert order is not None
    ruled = case.draft(
        AppealDecided,
        body=removal.BODY,
        outcome=c.outcome,
        decision_version=order.version,
        against="removal",
        at=c.at,
        reasons=c.reasons,
    )
    if c.outcome != "upheld":
        return [ruled]
    case.rules.find("removal.annulment", case.on, case.scope())
    return [ruled, case.draft(RemovalAnnulled, order_version=order.version)]


def ban(case: Case) -> list[Draft]:
    """A ban on coming back, apart from the removal (law 02-03, article 22)."""
    order, c = removal.in_force(case.situation), case.command
    assert order is not None
    return [
        case.draft(
            EntryBanned,
            order_version=order.version,
            until=c.until,
            observations=c.observations,
            reasons_in_fact=c.reasons_in_fact,
            reasons_in_law=c.reasons_in_law,
        )
    ]


def lift_ban(case: Case) -> list[Draft]:
    """The ban ends before its day."""
    standing = removal.banned(case.situation)
    assert standing is not None
    return [case.draft(EntryBanLifted, ban_version=standing.version, reasons=case.command.reasons)]
