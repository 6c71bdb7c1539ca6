"""What must hold before a fact is recorded, a removal ordered, contested or annulled."""

from __future__ import annotations

from datetime import datetime

from permits_engine.domain.decisions.case import Case, Draft, not_allowed
from permits_engine.domain.errors import PermitsError, error, invalid
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
from permits_engine.domain.periods import add
from permits_engine.domain.permit import removal
from permits_engine.domain.permit.standing import standing


def known_fact(case: Case) -> None:
    """A fact is of a kind that the policy lists, and does not end before it begins."""
    c = case.command
    kinds = case.rules.need("facts.kinds", case.on, {})
    if c.kind not in kinds:
        raise invalid("kind", f"{c.kind!r} is not one of {', '.join(kinds)}")
    if c.until is not None and c.until < c.since:
        raise invalid("until", f"{c.until} lies before since, {c.since}")
    if not c.evidence.strip():
        raise invalid("evidence", "is blank: name the paper or finding that shows the fact")
    if c.of is None:
        return
    family = case.rules.get("family.ties", case.on, {}) or ()
    if c.kind not in family:
        raise invalid(
            "of", f"belongs to a family tie ({', '.join(family) or 'none here'}), and {c.kind} is none"
        )
    if c.of == case.situation.permit.permit_id:
        raise invalid("of", "is this file itself; name the file of the family member")


def notified_by_then(case: Case) -> None:
    """A notification is not later than the day on which it is recorded."""
    at: datetime = case.command.notified_at
    if removal.local_day(case.situation, at) > case.on:
        raise invalid(
            "notified_at", f"{at.isoformat()} lies after {case.on}; record the order once it is notified"
        )


def no_removal_in_force(case: Case) -> None:
    """One removal at a time."""
    if removal.removal_in_force(case.situation) is not None:
        raise not_allowed(case, "a removal is in force already")


def removal_in_force(case: Case) -> None:
    """Only a removal in force is annulled."""
    if removal.removal_in_force(case.situation) is None:
        raise not_allowed(case, "no removal is in force")


def not_protected(case: Case) -> None:
    """Nobody whom the law protects is removed (law 02-03, articles 8, 21, 26 and 29)."""
    _unprotected(case, case.command.ground)


def may_be_carried_out(case: Case) -> None:
    """An order waits for its hours and for the ruling, and protects whom the law protects to the last (23, 24, 28)."""
    s, at = case.situation, case.command.at
    order = removal.removal_in_force(s)
    assert order is not None
    if removal.local_day(s, at) != case.on:
        raise invalid("at", f"{at.isoformat()} is not an instant of {case.on}")
    if removal.pending_appeal(s) is not None:
        rule = case.rules.find("removal.appeal", order.on, case.scope())
        raise _protected(
            "an appeal suspends the removal", str(rule.source) if rule else "", "suspensive_appeal"
        )
    closes = removal.appeal_closes(s, order)
    if closes is not None and at < closes[0] and not any(a.decided_on is not None for a in order.appeals):
        why = f"the order may be contested until {closes[0].isoformat()}, and is not carried out before"
        raise _protected(why, str(closes[1].source), "time_to_appeal")
    _unprotected(case, order.ground)


def _unprotected(case: Case, ground: str) -> None:
    s, age = case.situation, case.holder.age
    for held in removal.protections(s, case.rules, age, ground):
        raise _protected(f"the holder is protected as {held.kind}", held.article, held.kind)
    if removal.may_be_minor(s, age):
        reason = "the holder may be a minor: record the fact minor, with until, or with evidence of majority"
        raise _protected(reason, "law 02-03, articles 26 and 29", "minor")
    now = standing(s)
    if now.because == "title" and removal.title_lifted(s, ground):
        case.rules.find("removal.title_lifted", case.on, case.scope())
        return
    if now.lawful and now.because != "no_ground":
        basis = s.rules.policy.by_id.get(now.basis[0]) if now.basis else None
        rule = basis or case.rules.find("removal.lawful", case.on, case.scope())
        article = str(rule.source) if rule else "law 02-03, article 21"
        raise _protected(f"the holder may lawfully stay on {case.on} ({now.because})", article, now.because)


def _protected(why: str, article: str, protection: str) -> PermitsError:
    return error("removal.protected", f"{why}: {article}", article=article, protection=protection)


def appeal_possible(case: Case) -> None:
    """A removal in force is contested before the tribunal, once, within its hours (law 02-03, article 23)."""
    s, c = case.situation, case.command
    order = removal.removal_in_force(s)
    if order is None:
        raise error("appeal.not_available", f"no removal is in force on {case.on}", body=c.body)
    if removal.pending_appeal(s) is not None:
        raise not_allowed(case, "an appeal against the removal is pending")
    if c.body != removal.BODY:
        raise error("appeal.not_available", f"a removal is contested before the {removal.BODY}", body=c.body)
    if any(a.outcome == "dismissed" for a in order.appeals):
        raise error("appeal.not_available", "the tribunal has ruled on this removal already", body=c.body)
    closes = removal.appeal_closes(s, order)
    at = c.at or removal.local_start(s, case.on)
    if closes is not None:
        case.rules.used[closes[1].id] = None
        if at > closes[0]:
            raise error(
                "appeal.out_of_time",
                f"the removal could be contested until {closes[0].isoformat()}",
                body=c.body,
                closes=closes[0].isoformat(),
            )


def appeal_pending(case: Case) -> None:
    """Only a pending appeal against a removal is decided."""
    if removal.pending_appeal(case.situation) is None:
        raise not_allowed(case, "no appeal against a removal is pending")


# --- the ban on coming back -------------------------------------------------------------------------------


def ban_possible(case: Case) -> None:
    """A ban goes with a removal in force, once, for a year at most, after the person was heard (article 22)."""
    s, c = case.situation, case.command
    if removal.removal_in_force(s) is None:
        raise not_allowed(case, "no removal is in force, and a ban goes with one")
    if removal.ban_in_force(s) is not None:
        raise not_allowed(case, "a ban is in force already")
    most = case.rules.need("entry_ban.limit", case.on, case.scope())
    last = add(case.on, most)
    if not case.on < c.until <= last:
        raise invalid(
            "until", f"{c.until} does not lie after {case.on} and up to {last} ({most.in_words()} at most)"
        )
    if not c.observations.strip():
        raise error(
            "decision.reasons_missing",
            "observations is blank: a ban is decided after the person was heard; say what they said, or how they "
            "were invited to",
            field="observations",
        )


def ban_in_force(case: Case) -> None:
    """Only a ban that stands is lifted."""
    if removal.ban_in_force(case.situation) is None:
        raise not_allowed(case, "no ban is in force")


def record_fact(case: Case) -> list[Draft]:
    """A fact about the holder, as this file knows it."""
    c = case.command
    return [case.draft(FactNoted, kind=c.kind, since=c.since, until=c.until, of=c.of)]


def order_removal(case: Case) -> list[Draft]:
    """An order, with the protections that nobody has looked into (law 02-03, articles 21 and 25)."""
    c, age = case.command, case.holder.age
    questions = removal.open_questions(case.situation, case.rules, age)
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


def carry_out_removal(case: Case) -> list[Draft]:
    """The order is carried out; what nobody has looked into is said once more."""
    order, age = removal.removal_in_force(case.situation), case.holder.age
    assert order is not None
    questions = tuple(removal.open_questions(case.situation, case.rules, age))
    return [
        case.draft(
            RemovalCarriedOut, order_version=order.version, at=case.command.at, age=age, asks=questions
        )
    ]


def annul_removal(case: Case) -> list[Draft]:
    """The removal falls; a provisional stay begins (law 02-03, article 24)."""
    order = removal.removal_in_force(case.situation)
    assert order is not None
    case.rules.find("removal.annulment", case.on, case.scope())
    reasons = getattr(case.command, "reasons", None)
    return [case.draft(RemovalAnnulled, order_version=order.version, reasons=reasons)]


def lodge_appeal(case: Case) -> list[Draft]:
    """An appeal against the removal, which suspends it (articles 23 and 24)."""
    order = removal.removal_in_force(case.situation)
    assert order is not None
    c = case.command
    return [case.draft(Appealed, body=c.body, decision_version=order.version, against="removal", at=c.at)]


def decide_appeal(case: Case) -> list[Draft]:
    """A ruling on the removal; upheld, the removal is annulled with it."""
    order, c = removal.removal_in_force(case.situation), case.command
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


def order_ban(case: Case) -> list[Draft]:
    """A ban on coming back, apart from the removal (law 02-03, article 22)."""
    order, c = removal.removal_in_force(case.situation), case.command
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
    standing = removal.ban_in_force(case.situation)
    assert standing is not None
    return [case.draft(EntryBanLifted, ban_version=standing.version, reasons=case.command.reasons)]
