"""Removal: its order, the hours to appeal, what protects from it, and the stay that follows its annulment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit.facts import fact_on, is_recorded
from permits_engine.domain.permit.majority import is_adult
from permits_engine.domain.permit.situation import GRANTS, REFUSALS, Situation
from permits_engine.domain.permit.state import EntryBan, Removal, RemovalAppeal
from permits_engine.domain.rules.policy import Rules, Value, count_of

BODY = "administrative_tribunal"


class Protection(msgspec.Struct, frozen=True):
    """What protects from removal: the fact, its article, since and until when."""

    kind: str
    article: str
    since: date | None = None
    until: date | None = None


def removal_in_force(s: Situation) -> Removal | None:
    """The latest removal ordered by the day, and neither annulled nor carried out by then."""
    found = next((r for r in reversed(s.permit.removals) if r.on <= s.day), None)
    if found is None or (found.annulled_on is not None and found.annulled_on <= s.day):
        return None
    return None if found.carried_out_on is not None and found.carried_out_on <= s.day else found


def carried_out(s: Situation) -> Removal | None:
    """The latest removal, where it was carried out by the day."""
    found = next((r for r in reversed(s.permit.removals) if r.on <= s.day), None)
    done = found is not None and found.carried_out_on is not None and found.carried_out_on <= s.day
    return found if done else None


def pending_appeal(s: Situation) -> RemovalAppeal | None:
    """The appeal against the removal in force that is undecided on the day."""
    removal = removal_in_force(s)
    for appeal in reversed(removal.appeals if removal else ()):
        if appeal.on <= s.day and (appeal.decided_on is None or appeal.decided_on > s.day):
            return appeal
    return None


def status(s: Situation) -> str:
    """none, ordered, suspended by an appeal, carried out, or annulled."""
    if removal_in_force(s) is not None:
        return "suspended" if pending_appeal(s) is not None else "ordered"
    if carried_out(s) is not None:
        return "carried_out"
    return "annulled" if any(r.on <= s.day for r in s.permit.removals) else "none"


# --- clocks in hours --------------------------------------------------------------------------------------


def appeal_closes(s: Situation, removal: Removal) -> tuple[datetime, Value] | None:
    """The instant until which the removal may be contested: hours from its notification (article 23)."""
    rule = s.rules.find("removal.appeal", removal.on, s.scope())
    if rule is None or not isinstance(rule.value, Period):
        return None
    hours = timedelta(days=rule.value.days, hours=rule.value.hours)
    return (removal.notified_at.astimezone(UTC) + hours), rule


def ruling_due(s: Situation, appeal: RemovalAppeal, words: list[str] | None = None) -> date | None:
    """The last day for the tribunal to rule on it."""
    limit = s.rules.get("removal.ruling", appeal.on, s.scope())
    return None if limit is None else s.rules.due(appeal.on, count_of(limit), words=words)


def local_day(s: Situation, at: datetime) -> date:
    """The legal day of an instant."""
    return at.astimezone(ZoneInfo(s.rules.calendar.time_zone)).date()


def local_start(s: Situation, day: date) -> datetime:
    """The first instant of a legal day."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(s.rules.calendar.time_zone)).astimezone(UTC)


# --- protection -------------------------------------------------------------------------------------------


def protections(s: Situation, rules: Rules, age: int | None, ground: str | None) -> Iterator[Protection]:
    """What the law protects the holder by on the day, against a removal on that ground."""
    listed = rules.get("removal.protected", s.day, s.scope()) or {}
    for kind, entry in listed.items():
        if ground in entry.get("lifted_by", ()):
            continue
        if any(fact_on(s.facts, other, s.day) is not None for other in entry.get("unless", ())):
            continue
        fact = fact_on(s.facts, kind, s.day)
        if fact is not None:
            after = entry.get("after")
            since = add(fact.since, Period.parse(after)) if after else fact.since
            if since <= s.day:
                yield Protection(kind, entry["article"], since, fact.until)
        elif kind == "minor" and is_adult(s, age) is False:
            yield Protection(kind, entry["article"])


def open_questions(s: Situation, rules: Rules, age: int | None) -> list[str]:
    """The protections into which nobody has looked: unknown is not satisfied, and not refuted either."""
    listed = rules.get("removal.protected", s.day, s.scope()) or {}
    found = []
    for kind, entry in listed.items():
        if is_recorded(s.facts, kind) or (entry.get("sex") and s.permit.sex not in (None, entry["sex"])):
            continue
        grown = is_adult(s, age)
        if (kind == "minor" and grown is not None) or (entry.get("minors") and grown is True):
            continue
        found.append(kind)
    return found


def may_be_minor(s: Situation, age: int | None) -> bool:
    """Whether the holder may be a minor, and nobody has established it."""
    if is_recorded(s.facts, "minor"):
        return False
    known = age if age is not None else s.permit.age
    return known is not None and is_adult(s, age) is None


# --- what does not wait for anybody -----------------------------------------------------------------------


def title_lifted(s: Situation, ground: str) -> bool:
    """Whether a title in force protects no longer: on that ground, or after that sentence (articles 26 and 27)."""
    lifts = s.rules.get("removal.title_lifted", s.day, s.scope()) or ()
    return ground in lifts or any(fact_on(s.facts, kind, s.day) is not None for kind in lifts)


def appeal_period(s: Situation) -> tuple[date, date, Value] | None:
    """The days on which an order may not be carried out yet: its hours to appeal run (articles 23 and 24)."""
    order = removal_in_force(s)
    closes = appeal_closes(s, order) if order is not None else None
    if order is None or closes is None or any(a.on <= s.day for a in order.appeals):
        return None
    last = local_day(s, closes[0])
    return (order.on, last, closes[1]) if s.day <= last else None


def ban_in_force(s: Situation) -> EntryBan | None:
    """The ban on coming back that stands on the day; it falls with the removal that it goes with."""
    for ban in reversed(s.permit.bans):
        if ban.on > s.day or s.day > ban.until or (ban.lifted_on is not None and ban.lifted_on <= s.day):
            continue
        order = next((r for r in s.permit.removals if r.version == ban.order_version), None)
        if order is None or order.annulled_on is None or order.annulled_on > s.day:
            return ban
    return None


# --- after an annulment -----------------------------------------------------------------------------------


def provisional_stay(s: Situation) -> Removal | None:
    """The annulled removal whose provisional stay lasts on the day: until a new decision (article 24)."""
    found = next(
        (r for r in reversed(s.permit.removals) if r.annulled_on is not None and r.annulled_on <= s.day), None
    )
    if found is None or found.annulled_on is None or removal_in_force(s) is not None:
        return None
    for decision in s.standing_decisions():
        if decision.on < found.annulled_on:
            continue
        if decision.kind in GRANTS or (
            decision.kind in REFUSALS | {"revoked"} and decision.notified_on(s.day) is not None
        ):
            return None
    return found
