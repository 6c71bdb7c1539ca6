"""The rights that a permit opens on a date: open or not, by which rule, and through which document or fact."""

from datetime import date
from typing import TypedDict

import msgspec

from permits_engine.domain.permit import family, intervals, removal
from permits_engine.domain.permit.facts import fact_on, is_recorded
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.standing import standing
from permits_engine.domain.rules.policy import Silence

RIGHTS = (
    "stay",
    "work",
    "work_without_national_preference",
    "schooling",
    "non_formal_education",
    "primary_and_emergency_health",
    "health_cover",
    "social_assistance",
    "social_housing",
    "vocational_training",
    "employment_service",
    "cooperative_membership",
    "population_register",
    "protection_from_removal",
)
"""The rights, in the order shown."""

CARDS = ("registration_card", "residence_card", "minor_document", "exceptional_stay")
UNKNOWN = "unknown"
"""The last of the documents and facts that open a right, where the sources do not tell about all others."""
PAPERS = ("title", "receipt", "provisional_stay", "lawful_stay", "everyone", *CARDS)
"""What can open a right besides facts; a card's kind means a title of that kind."""


class Right(msgspec.Struct, frozen=True):
    """One right on a day.

    ``because`` names the document or fact that opens it (``none`` if closed, ``unknown`` where the sources do not tell,
    ``a+b`` if both are needed), ``basis`` the norm. ``since`` and ``until`` are the first and last day of the unbroken
    run, none where not known.
    ``would_open`` is what would open it, ``asks`` the facts not established.
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


def rights(s: Situation) -> list[Right]:
    """Return every right on the day, each with its first and last day."""
    return [_with_interval(s, right_of(s, name)) for name in RIGHTS]


def right_of(s: Situation, name: str) -> Right:
    """Return one right on the day, without its first and last day."""
    if name == "stay":
        return _stay(s)
    return _removal(s) if name == RIGHTS[-1] else _right(s, name)


class RightRow(TypedDict):
    """One right as shown: the fields of ``Right``."""

    right: str
    open: bool
    basis: str | None
    because: str
    rule: str | None
    since: str | None
    until: str | None
    would_open: list[str]
    asks: list[str]


def explained(s: Situation) -> list[RightRow]:
    """Return the rights as plain values."""
    plain: list[RightRow] = msgspec.json.decode(msgspec.json.encode(rights(s)))
    return plain


def _with_interval(s: Situation, right: Right) -> Right:
    def same(day: date) -> bool:
        return right_of(intervals.on_day(s, day), right.right).open is right.open

    since, until = intervals.interval_around(s, same)
    return msgspec.structs.replace(right, since=since, until=until)


def _stay(s: Situation) -> Right:
    now = standing(s)
    basis = s.rules.policy.by_id[now.basis[0]] if now.basis else None
    asks = [] if now.certain else ["renewal_request" if now.because == "renewal_window" else "application"]
    if family.lost_tie(s) is not None:
        asks.append("own_ground")
    return Right(
        "stay",
        now.lawful,
        str(basis.source) if basis else None,
        now.because if now.lawful else "none",
        rule=basis.id if basis else None,
        would_open=() if now.lawful else ("title", "receipt", "suspensive_appeal", *_stay_facts(s)),
        asks=tuple(asks),
    )


def _stay_facts(s: Situation) -> tuple[str, ...]:
    return tuple(s.rules.get("stay.facts", s.day, s.scope()) or ())


def _right(s: Situation, name: str) -> Right:
    rule = s.rules.find("right", s.day, s.scope(right=name))
    if rule is None or isinstance(rule.value, Silence):
        told = UNKNOWN if rule is not None and rule.value is Silence.UNKNOWN else "none"
        return Right(name, False, str(rule.source) if rule else None, told, rule=rule.id if rule else None)
    for because in rule.value:
        if all(holds(s, part) for part in because.split("+")):
            return Right(name, True, str(rule.source), because.partition("@")[0], rule=rule.id)
    if UNKNOWN in rule.value:  # for others the sources do not tell
        return Right(name, False, str(rule.source), UNKNOWN, rule=rule.id)
    grounds = dict.fromkeys(part for each in rule.value for part in each.split("+") if part not in PAPERS)
    # An unknown fact is neither satisfied nor refuted.
    asks = tuple(kind for kind in grounds if not is_recorded(s.facts, kind))
    return Right(name, False, str(rule.source), "none", rule=rule.id, would_open=tuple(rule.value), asks=asks)


def _removal(s: Situation) -> Right:
    name, questions = RIGHTS[-1], tuple(removal.open_questions(s, s.rules, None))
    for held in removal.protections(s, s.rules, None, None):
        return Right(name, True, held.article, held.kind, asks=questions)
    now = standing(s)
    if now.lawful:
        basis = s.rules.policy.by_id[now.basis[0]] if now.basis else None
        basis = basis or s.rules.find("removal.lawful", s.day, s.scope())
        source, rule = (str(basis.source), basis.id) if basis else (None, None)
        return Right(name, True, source, now.because, rule=rule, asks=questions)
    waiting = removal.appeal_period(s)
    if waiting is not None:
        hours = waiting[2]
        return Right(name, True, str(hours.source), "time_to_appeal", rule=hours.id, asks=questions)
    listed = s.rules.get("removal.protected", s.day, s.scope()) or {}
    return Right(name, False, None, "none", would_open=("title", "receipt", *listed), asks=questions)


def holds(s: Situation, name: str) -> bool:
    """Return whether the document or fact of that name is valid on the day.

    ``right@day`` says that this right was open on that day.
    """
    right, _, day = name.partition("@")
    if day:
        return right_of(intervals.on_day(s, date.fromisoformat(day)), right).open
    match name:
        case "everyone":
            return True
        case "title":
            return s.title_status == "active"
        case "receipt":
            return s.receipt is not None and s.day <= s.receipt.until
        case "provisional_stay":
            return removal.provisional_stay(s) is not None
        case "lawful_stay":
            return standing(s).lawful
    if name in CARDS:
        return s.permit.title_kind == name and s.title_status == "active"
    return fact_on(s.facts, name, s.day) is not None
