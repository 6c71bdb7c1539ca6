"""Removal from the territory: the order, the hours to appeal, protections, and the stay after an annulment."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from permits_engine.domain import legal_time
from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.facts import any_on, fact_on, is_recorded
from permits_engine.domain.permit.majority import is_adult
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import GRANTS, REFUSALS, Appeal, EntryBan, Removal
from permits_engine.domain.rules.policy import Rules, Silence, Value, count_of

BODY = "administrative_tribunal"
EXPULSION = "expulsion"
RECONDUITE = "reconduite"


class Protection(msgspec.Struct, frozen=True):
    """A protection from removal: the fact, its article, its first and last day."""

    kind: str
    article: str
    since: date | None = None
    until: date | None = None


def latest(s: Situation) -> Removal | None:
    """Return the latest removal ordered by the day."""
    return next((r for r in reversed(s.permit.removals) if r.on <= s.day), None)


def _by(s: Situation, day: date | None) -> bool:
    return day is not None and day <= s.day


def removal_in_force(s: Situation) -> Removal | None:
    """Return the latest removal ordered by the day, unless annulled, carried out or ended by a card by then."""
    found = latest(s)
    if found is None or _by(s, found.annulled_on) or _by(s, found.carried_out_on):
        return None
    return found if ended_by_title(s, found) is None else None


def ended_by_title(s: Situation, order: Removal) -> tuple[str, date] | None:
    """Return the file and first day of a card that was given after an order and has begun (law 02-03, article 10)."""
    if order.title is not None and order.annulled_on is not None:
        return (order.title, order.annulled_on) if order.annulled_on <= s.day else None
    for file in (s.permit, *s.others):
        on = s if file is s.permit else situation_on(file, s.day, s.rules.policy.at(s.rules.known))
        for term in on.terms:
            begins = max(term.valid_from, term.granted_on)
            if order.on < begins <= s.day:
                return file.permit_id, begins
    return None


def measure(s: Situation, ground: str) -> str:
    """Return the measure that a ground belongs to: reconduite or expulsion (law 02-03, articles 21 and 25)."""
    expels = s.rules.get("removal.expulsion", s.day, s.scope()) or ()
    return EXPULSION if ground in expels else RECONDUITE


def pending_appeal(s: Situation) -> Appeal | None:
    """Return the appeal against the removal in force that is pending on the day."""
    removal = removal_in_force(s)
    for appeal in reversed(removal.appeals if removal else ()):
        if appeal.on <= s.day and (appeal.decided_on is None or appeal.decided_on > s.day):
            return appeal
    return None


def is_suspensive(s: Situation, order: Removal) -> bool:
    """Return whether an appeal suspends the order: that against a reconduite (law 02-03, articles 24 and 28)."""
    return measure(s, order.ground) == RECONDUITE


def status_by_appeal(s: Situation) -> str:
    """Return none, ordered, suspended (by an appeal), carried_out or annulled."""
    order = removal_in_force(s)
    if order is not None:
        return "suspended" if pending_appeal(s) is not None and is_suspensive(s, order) else "ordered"
    found = latest(s)
    if found is None:
        return "none"
    return "carried_out" if _by(s, found.carried_out_on) else "annulled"


def appeal_closes(s: Situation, removal: Removal) -> tuple[datetime, Value] | None:
    """Return the instant until which the removal may be contested, hours from its notification (article 23)."""
    rule = s.rules.find("removal.appeal", removal.on, s.scope(kind=measure(s, removal.ground)))
    if rule is None or not isinstance(rule.value, Period):
        return None
    hours = timedelta(days=rule.value.days, hours=rule.value.hours)
    return (removal.notified_at.astimezone(UTC) + hours), rule


def days_to_appeal(s: Situation, order: Removal, words: list[str] | None = None) -> tuple[date, Value] | None:
    """Return the last day to contest an order whose appeal is counted in days (law 41-90, article 23)."""
    scope = s.scope(body=BODY, against="removal", kind=measure(s, order.ground))
    rule = s.rules.find("appeal.limit", order.on, scope)
    if rule is None or isinstance(rule.value, Silence):
        return None
    return s.rules.due(local_day(s, order.notified_at), count_of(rule.value), words=words), rule


def last_day_to_appeal(s: Situation, order: Removal) -> date | None:
    """Return the last day to contest an order whose appeal is counted in days."""
    found = days_to_appeal(s, order)
    return found[0] if found is not None else None


def ruling_due(s: Situation, appeal: Appeal, words: list[str] | None = None) -> date | None:
    """Return the last day for the tribunal to rule on the appeal."""
    return s.last_day("removal.ruling", appeal.on, words)


def local_day(s: Situation, at: datetime) -> date:
    """Return the legal day of an instant."""
    return at.astimezone(legal_time.zone(s.rules.calendar.time_zone)).date()


def local_start(s: Situation, day: date) -> datetime:
    """Return the first instant of a legal day."""
    return datetime(
        day.year, day.month, day.day, tzinfo=legal_time.zone(s.rules.calendar.time_zone)
    ).astimezone(UTC)


def lifts(s: Situation, ground: str | None) -> bool:
    """Return whether a ground may lift protections: some do only with the conviction on record (article 26)."""
    needed = (s.rules.get("removal.needs", s.day, s.scope()) or {}).get(ground)
    return needed is None or fact_on(s.facts, needed, s.day) is not None


def protections(
    s: Situation, rules: Rules, age: int | None, ground: str | None, at_most: int | None = None
) -> Iterator[Protection]:
    """Yield the protections of the holder on the day against a removal on that ground."""
    listed = rules.get("removal.protected", s.day, s.scope()) or {}
    may_lift = lifts(s, ground)
    for kind, entry in listed.items():
        if may_lift and ground in entry.get("lifted_by", ()):
            continue
        if any_on(s.facts, entry.get("unless", ()), s.day):
            continue
        fact = fact_on(s.facts, kind, s.day)
        if fact is not None:
            after = entry.get("after")
            since = add(fact.since, Period.parse(after)) if after else fact.since
            if since <= s.day:
                yield Protection(kind, entry["article"], since, fact.until)
        elif kind == "minor" and is_adult(s, age, at_most) is False:
            yield Protection(kind, entry["article"])


def open_questions(s: Situation, rules: Rules, age: int | None, at_most: int | None = None) -> list[str]:
    """Return the protections not yet examined: an unknown fact is neither satisfied nor refuted."""
    listed = rules.get("removal.protected", s.day, s.scope()) or {}
    found = []
    for kind, entry in listed.items():
        if is_recorded(s.facts, kind) or (entry.get("sex") and s.permit.sex not in (None, entry["sex"])):
            continue
        grown = is_adult(s, age, at_most)
        if (kind == "minor" and grown is not None) or (entry.get("minors") and grown is True):
            continue
        found.append(kind)
    return found


def may_be_minor(s: Situation, age: int | None, at_most: int | None = None) -> bool:
    """Return whether the holder may be a minor and no fact settles it."""
    if is_recorded(s.facts, "minor"):
        return False
    known = age if age is not None else s.permit.age
    return known is not None and is_adult(s, age, at_most) is None


def title_lifted(s: Situation, ground: str) -> bool:
    """Return whether a title no longer protects: on that ground, or after that sentence (articles 26 and 27)."""
    lifted = s.rules.get("removal.title_lifted", s.day, s.scope()) or ()
    return (ground in lifted and lifts(s, ground)) or any_on(s.facts, lifted, s.day)


def appeal_period(s: Situation) -> tuple[date, date, Value] | None:
    """Return the days on which an order cannot be carried out yet, and the rule: the hours to appeal run (23, 24)."""
    order = removal_in_force(s)
    closes = appeal_closes(s, order) if order is not None else None
    if order is None or closes is None or any(a.on <= s.day for a in order.appeals):
        return None
    last = local_day(s, closes[0])
    return (order.on, last, closes[1]) if s.day <= last else None


def ban_in_force(s: Situation) -> EntryBan | None:
    """Return the entry ban in force on the day; it falls with the removal that it belongs to."""
    for ban in reversed(s.permit.bans):
        order = next((r for r in s.permit.removals if r.version == ban.order_version), None)
        annulled = order is not None and (_by(s, order.annulled_on) or ended_by_title(s, order) is not None)
        if ban.on <= s.day <= ban.until and not _by(s, ban.lifted_on) and not annulled:
            return ban
    return None


def provisional_stay(s: Situation) -> Removal | None:
    """Return the annulled removal whose provisional stay lasts on the day: until a new decision (article 24)."""
    found = next((r for r in reversed(s.permit.removals) if _by(s, r.annulled_on) and r.title is None), None)
    if found is None or found.annulled_on is None or removal_in_force(s) is not None:
        return None
    for decision in s.valid_decisions():
        if decision.on < found.annulled_on:
            continue
        if decision.kind in GRANTS or (
            decision.kind in REFUSALS | {"revoked"} and decision.notified_on(s.day) is not None
        ):
            return None
    return found
