"""Facts about the holder, removal from the territory with its appeal, and entry bans."""

from datetime import datetime

from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    EntryBanLifted,
    EntryBanned,
    RemovalAnnulled,
    RemovalCarriedOut,
    RemovalOrdered,
)
from permits_engine.domain.periods import add
from permits_engine.domain.permit import removal
from permits_engine.domain.permit.standing import PROTECTS, lawful_stays
from permits_engine.domain.permit.state import Removal


def known_fact(case: Case) -> None:
    """Require a fact of a kind listed by the policy, with evidence, that does not end before it begins."""
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
    ties = case.rules.get("family.ties", case.on, {}) or ()
    if c.kind not in ties:
        why = f"belongs to a family tie ({', '.join(ties) or 'none here'}), and {c.kind} is none"
        raise invalid("of", why)
    if c.of == case.situation.permit.permit_id:
        raise invalid("of", "is this file itself; name the file of the family member")


def _in_force(case: Case) -> Removal:
    order = removal.removal_in_force(case.situation)
    assert order is not None
    return order


def notified_by_then(case: Case) -> None:
    """Require that the order was notified by the day on which it is recorded."""
    at: datetime = case.command.notified_at
    if removal.local_day(case.situation, at) > case.on:
        why = f"{at.isoformat()} lies after {case.on}; record the order once it is notified"
        raise invalid("notified_at", why)


def no_removal_in_force(case: Case) -> None:
    """Allow one removal at a time."""
    if removal.removal_in_force(case.situation) is not None:
        raise case.not_allowed("a removal is in force already")


def removal_in_force(case: Case) -> None:
    """Require a removal in force."""
    if removal.removal_in_force(case.situation) is None:
        raise case.not_allowed("no removal is in force")


def not_ended_by_card(case: Case) -> None:
    """Refuse to carry out an order that a later card has ended (law 02-03, article 10)."""
    order = removal.latest(case.situation)
    ended = removal.ended_by_title(case.situation, order) if order is not None else None
    if ended is not None:
        why = f"the card that began on {ended[1]} ended the order"
        raise _protected(why, "law 02-03, article 10", "title", ended[0])


def ground_listed(case: Case) -> None:
    """Require a ground of the policy's closed list (law 02-03, articles 21 and 25; law 03-01, article 1)."""
    grounds = case.get("removal.grounds")
    if grounds is not None and case.command.ground not in grounds:
        raise invalid("ground", f"{case.command.ground!r} is not one of {', '.join(grounds)}")


def conviction_recorded(case: Case) -> None:
    """Require the conviction on record where the ground is one (law 02-03, article 26)."""
    needed = (case.get("removal.needs") or {}).get(case.command.ground)
    if needed is not None and not removal.lifts(case.situation, case.command.ground):
        why = f"{case.command.ground!r} needs the fact {needed} on the day; record it first (record_fact)"
        raise invalid("ground", why)


def not_protected(case: Case) -> None:
    """Require that the law does not protect the holder (law 02-03, articles 8, 21, 26 and 29)."""
    _check_protections(case, case.command.ground)


def _check_protections(case: Case, ground: str) -> None:
    s, age, at_most = case.situation, case.holder.age, case.holder.age_at_most
    for held in removal.protections(s, case.rules, age, ground, at_most):
        raise _protected(f"the holder is protected as {held.kind}", held.article, held.kind)
    if removal.may_be_minor(s, age, at_most):
        reason = "the holder may be a minor: record the fact minor, with until, or with evidence of majority"
        raise _protected(reason, "law 02-03, articles 26 and 29", "minor")
    if removal.title_lifted(s, ground):
        case.find("removal.title_lifted")
        lifted = PROTECTS
    else:
        lifted = frozenset[str]()
    for permit_id, now in lawful_stays(s, only_titles=removal.measure(s, ground) == removal.EXPULSION):
        if now.because in lifted:
            continue
        basis = s.rules.policy.by_id.get(now.basis[0]) if now.basis else None
        rule = basis or case.find("removal.lawful")
        article = str(rule.source) if rule else "law 02-03, article 21"
        why = f"the holder may lawfully stay on {case.on} ({now.because})"
        if permit_id != s.permit.permit_id:
            why += f" by the file {permit_id}"
        raise _protected(why, article, now.because, permit_id)


def _protected(why: str, article: str, protection: str, permit_id: str | None = None) -> PermitsError:
    details = {"article": article, "protection": protection}
    if permit_id is not None:
        details["permit_id"] = permit_id
    return error("removal.protected", f"{why}: {article}", **details)


def _questions(case: Case) -> tuple[str, ...]:
    holder = case.holder
    return tuple(removal.open_questions(case.situation, case.rules, holder.age, holder.age_at_most))


def _age(case: Case) -> dict[str, int | None]:
    return {"age": case.holder.age, "age_at_most": case.holder.age_at_most}


@recording(RemovalOrdered)
def order_removal(case: Case) -> list[Draft]:
    """Order the removal, and record the protections not yet examined (law 02-03, articles 21 and 25)."""
    questions = _questions(case)
    for name in ("removal.grounds", "removal.expulsion"):
        case.find(name)
    return [case.draft(RemovalOrdered, **_age(case), asks=questions)]


def may_be_carried_out(case: Case) -> None:
    """Require that the hours to appeal and any appeal are over, and no protection holds (articles 23, 24, 28)."""
    s, at, order = case.situation, case.command.at, _in_force(case)
    if removal.local_day(s, at) != case.on:
        raise invalid("at", f"{at.isoformat()} is not an instant of {case.on}")
    if removal.pending_appeal(s) is not None and removal.is_suspensive(s, order):
        rule = case.rules.find("removal.appeal", order.on, case.scope(kind=removal.RECONDUITE))
        source = str(rule.source) if rule else ""
        raise _protected("an appeal suspends the removal", source, "suspensive_appeal")
    closes = removal.appeal_closes(s, order)
    if closes is not None and at < closes[0] and not any(a.decided_on is not None for a in order.appeals):
        why = f"the order may be contested until {closes[0].isoformat()}, and is not carried out before"
        raise _protected(why, str(closes[1].source), "time_to_appeal")
    _check_protections(case, order.ground)


@recording(RemovalCarriedOut)
def carry_out_removal(case: Case) -> list[Draft]:
    """Record that the order was carried out, with the protections still not examined."""
    questions, version = _questions(case), _in_force(case).version
    return [case.draft(RemovalCarriedOut, order_version=version, **_age(case), asks=questions)]


@recording(RemovalAnnulled)
def annul_removal(case: Case) -> list[Draft]:
    """Annul the removal; a provisional stay begins (law 02-03, article 24)."""
    case.find("removal.annulment")
    return [case.draft(RemovalAnnulled, order_version=_in_force(case).version)]


def appeal_possible(case: Case) -> None:
    """Require the first appeal, to the tribunal, within the hours (law 02-03, article 23)."""
    s, body = case.situation, case.command.body
    order = removal.removal_in_force(s)
    if order is None:
        raise error("appeal.not_available", f"no removal is in force on {case.on}", body=body)
    if removal.pending_appeal(s) is not None:
        raise case.not_allowed("an appeal against the removal is pending")
    if body != removal.BODY:
        raise error("appeal.not_available", f"a removal is contested before the {removal.BODY}", body=body)
    if any(a.outcome == "dismissed" for a in order.appeals):
        raise error("appeal.not_available", "the tribunal has ruled on this removal already", body=body)
    late = _last_moment(case, order)
    if late is not None:
        why = f"the removal could be contested until {late}"
        raise error("appeal.out_of_time", why, body=body, closes=late)


def _last_moment(case: Case, order: Removal) -> str | None:
    """Return until when the order could be contested, in hours or in days, where that has passed."""
    s = case.situation
    closes, days = removal.appeal_closes(s, order), removal.days_to_appeal(s, order)
    if closes is not None:
        case.rules.used[closes[1].id] = None
        late = (case.command.at or removal.local_start(s, case.on)) > closes[0]
        return closes[0].isoformat() if late else None
    if days is None:
        return None
    case.rules.used[days[1].id] = None
    last = s.latest(lambda each: removal.last_day_to_appeal(each, order)) or days[0]
    return last.isoformat() if case.on > last else None


def appeal_pending(case: Case) -> None:
    """Require a pending appeal against the removal."""
    if removal.pending_appeal(case.situation) is None:
        raise case.not_allowed("no appeal against a removal is pending")


def lodge_appeal(case: Case) -> list[Draft]:
    """Record an appeal against the removal, which suspends it (articles 23 and 24)."""
    return [case.draft(Appealed, decision_version=_in_force(case).version)]


def decide_appeal(case: Case) -> list[Draft]:
    """Record a ruling on the removal; if upheld, the removal is annulled with it."""
    version = _in_force(case).version
    ruled = case.draft(AppealDecided, body=removal.BODY, decision_version=version)
    if case.command.outcome != "upheld":
        return [ruled]
    case.find("removal.annulment")
    return [ruled, case.draft(RemovalAnnulled, order_version=version, reasons=None)]


def ban_possible(case: Case) -> None:
    """Require a removal in force, no other ban, a year at most, and that the person was heard (article 22)."""
    s, c = case.situation, case.command
    order = _banned_with(case)
    if order is None:
        raise case.not_allowed("no removal is in force or carried out, and a ban goes with one")
    if removal.ban_in_force(s) is not None:
        raise case.not_allowed("a ban is in force already")
    most = case.need("entry_ban.limit")
    carried_out = (
        order.carried_out_on
    )  # the year runs from then; before it, a year from today is surely within
    last = add(carried_out if carried_out is not None and carried_out <= case.on else case.on, most)
    if not case.on < c.until <= last:
        why = f"{c.until} does not lie after {case.on} and up to {last} ({most.in_words()} at most)"
        raise invalid("until", why)
    if not c.observations.strip():
        why = "a ban is decided after the person was heard; say what they said, or how they were invited to"
        raise error("decision.reasons_missing", f"observations is blank: {why}", field="observations")


def _banned_with(case: Case) -> Removal | None:
    """Return the order that a ban belongs to: the one in force, or the last one if it was carried out."""
    last = removal.latest(case.situation)
    gone = last is not None and last.carried_out_on is not None and last.carried_out_on <= case.on
    return last if gone else removal.removal_in_force(case.situation)


@recording(EntryBanned)
def order_ban(case: Case) -> list[Draft]:
    """Order a ban on returning, separate from the removal (law 02-03, article 22)."""
    order = _banned_with(case)
    assert order is not None
    return [case.draft(EntryBanned, order_version=order.version)]


def ban_in_force(case: Case) -> None:
    """Require a ban in force."""
    if removal.ban_in_force(case.situation) is None:
        raise case.not_allowed("no ban is in force")


@recording(EntryBanLifted)
def lift_ban(case: Case) -> list[Draft]:
    """End the ban before its day."""
    ban = removal.ban_in_force(case.situation)
    assert ban is not None
    return [case.draft(EntryBanLifted, ban_version=ban.version)]
