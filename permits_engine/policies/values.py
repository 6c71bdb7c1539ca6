"""The value of a policy's row, read as its parameter's kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from typing import Any

from permits_engine.domain.calendars import Count
from permits_engine.domain.periods import Period
from permits_engine.domain.rules.parameters import KINDS
from permits_engine.domain.rules.policy import Silence
from permits_engine.policies.schema import Row

ROLES = frozenset(
    {
        *("counter", "decider", "local_commission", "national_commission", "court"),
        *("hierarchy", "scheduler", "auditor", "administrator"),
    }
)
CODES = {
    "decision.anchor": ("filing", "complete"),
    "decision.silence": ("refusal", "acceptance"),
    "receipt.given": ("always", "complete_and_timely"),
    "filing.effect": ("receipt_protects", "validity_extended"),
    "term.shorter": ("exclusion", "departure"),
    "decision.ends_with": ("decision", "notification"),
    "appeal.silence": ("rejection",),
    "title.kind": (
        *("registration_card", "residence_card", "minor_document"),
        *("exceptional_stay", "provisional_stay"),
    ),
}
"""The values of parameters that take one word."""
LONGEST = 100 * 366
"""Days: a longer period is a typing error."""
_SILENT = frozenset(each.value for each in Silence)
WANTED = {
    "period": "an ISO 8601 period such as P3M, or unset, unlimited or unknown",
    "count": "an ISO 8601 period such as P15D, or unset, unlimited or unknown",
    "code": "one word",
    "codes": "a list of words",
    "flag": "true or false",
    "number": "a whole number from 0 on",
    "texts": "a mapping of codes to texts",
    "reading": "what each role may read, and its reach: {file: {counter: own}, person: {auditor: purpose}}",
    "reference": "the reference of the act that gave it, as text",
    "documents": "a mapping of document codes to the codes of their originals",
    "window": "a mapping {opens: DATE, closes: DATE}, which opens before it closes",
    "tiers": "a list of periods such as P30D or P1D-after",
    "quiet": "a mapping {from: '20:00', to: '08:00', holidays: true}, with the hours in quotes",
    "extension": "a mapping {from: DATE, to: DATE, until: DATE}",
    "protections": "facts, each with its article and perhaps after, sex, minors, lifted_by, unless, as_of_right",
    "effects": "a mapping of how a title ended to keep, renewal or moves",
    "relaxations": "names, each with by (decision or reexamination) and whom it covers: sex, minors, criteria, fact",
    "competence": "a mapping of commands to roles, each with its reach: {issue_permit: {decider: own}}",
}


class MisfitError(ValueError):
    """A field of a row that does not fit: its name and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def typed(row: Row, rule: str) -> Any:
    """Return the row's value as its parameter's kind; raise ``MisfitError``."""
    value, kind = row.value, KINDS[row.name]
    delay = kind == "count"
    if not delay and row.counting != "calendar":
        raise MisfitError("counting", f"belongs to delays, and {row.name} is none")
    if not delay and row.roll != "none":
        raise MisfitError("roll", f"belongs to delays, and {row.name} is none")
    if isinstance(value, str) and value in _SILENT:
        return Silence(value)
    if kind in {"period", "count"}:
        period = _period(row.name, value)
        return Count(period, row.counting, row.roll == "next_working_day", rule) if delay else period
    if not _READERS[kind](value):
        raise MisfitError("value", f"{row.name} takes {WANTED[kind]}")
    if kind == "code" and value not in CODES.get(row.name, (value,)):
        raise MisfitError("value", f"{row.name} is one of {', '.join(CODES[row.name])}")
    if kind == "window":
        return (value["opens"], value["closes"])
    if kind == "extension":
        return (value["from"], value["to"], value["until"])
    return tuple(value) if isinstance(value, list) else value


def _period(name: str, value: Any) -> Period:
    period = _parsed(value)
    if period is None:
        raise MisfitError("value", f"{name} takes {WANTED['period']}")
    if period.years * 366 + period.months * 31 + period.days > LONGEST:
        raise MisfitError("value", f"{value} is longer than a century")
    if name.startswith("term.") and (period.hours or period == Period()):
        raise MisfitError("value", f"{value} is no term: a term has whole days, one at least")
    return period


def _parsed(value: Any) -> Period | None:
    try:
        return Period.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_codes(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(v, str) and v for v in value)
        and len(set(value)) == len(value)
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )


def _is_window(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"opens", "closes"}:
        return False
    return all(type(v) is date for v in value.values()) and bool(value["opens"] <= value["closes"])


def _is_extension(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"from", "to", "until"}:
        return False
    return all(type(v) is date for v in value.values()) and bool(value["from"] <= value["to"])


def _is_tiers(value: Any) -> bool:
    return _is_codes(value) and all(_parsed(tier.removesuffix("-after")) for tier in value)


def _is_quiet(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"from", "to", "holidays"}:
        return False
    return isinstance(value["holidays"], bool) and _is_hour(value["from"]) and _is_hour(value["to"])


def _is_hour(value: Any) -> bool:
    try:
        return isinstance(value, str) and time.fromisoformat(value).tzinfo is None
    except ValueError:
        return False


def _is_competence(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(command, str)
        and isinstance(roles, dict)
        and all(role in ROLES and reach in {"own", "any"} for role, reach in roles.items())
        for command, roles in value.items()
    )


def _is_reading(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"file", "person"}
        and all(
            isinstance(roles, dict)
            and all(role in ROLES and reach in {"own", "any", "purpose"} for role, reach in roles.items())
            for roles in value.values()
        )
    )


def _is_protections(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_protection, value.values()))


def _is_protection(entry: object) -> bool:
    known = {"article", "after", "sex", "minors", "lifted_by", "unless", "as_of_right"}
    if not isinstance(entry, dict) or not set(entry) <= known:
        return False
    if entry.get("minors", True) is not True:
        return False
    if not isinstance(entry.get("as_of_right", False), bool) or not _is_codes(entry.get("unless", ["-"])):
        return False
    if not isinstance(entry.get("article"), str) or entry.get("sex") not in {None, "F", "M"}:
        return False
    if "after" in entry and not _parsed(entry["after"]):
        return False
    return "lifted_by" not in entry or _is_codes(entry["lifted_by"])


def _is_effects(value: Any) -> bool:
    return _is_texts(value) and bool(value) and set(value.values()) <= {"keep", "renewal", "moves"}


def _is_relaxations(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_relaxation, value.values()))


def _is_relaxation(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("by") not in {"decision", "reexamination"}:
        return False
    whom = set(entry) - {"by"}
    if not whom or not whom <= {"sex", "minors", "criteria", "fact"}:
        return False
    if entry.get("sex", "F") not in {"F", "M"} or entry.get("minors", True) is not True:
        return False
    fact = entry.get("fact", "-")
    return isinstance(fact, str) and bool(fact) and _is_codes(entry.get("criteria", ["-"]))


_READERS: dict[str, Callable[[Any], bool]] = {
    "code": lambda v: isinstance(v, str) and bool(v),
    "codes": _is_codes,
    "flag": lambda v: isinstance(v, bool),
    "reference": lambda v: isinstance(v, str) and bool(v.strip()),
    "number": lambda v: type(v) is int and 0 <= v < 1_000_000,
    "texts": _is_texts,
    "documents": _is_texts,
    "window": _is_window,
    "tiers": _is_tiers,
    "quiet": _is_quiet,
    "competence": _is_competence,
    "reading": _is_reading,
    "extension": _is_extension,
    "protections": _is_protections,
    "effects": _is_effects,
    "relaxations": _is_relaxations,
}
