"""Policy texts read at the door: YAML to validated rules, with the line of what is wrong.

A text holds three documents in any order: ``policy``, ``calendar`` and ``offices``. It is data only: no tags,
no code, bounded in size and depth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, time
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from permits_engine.domain.clocks import Calendar, Count, Holiday, Period
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.policy import KINDS, SCOPES, Office, Policy, Silence, Source, Value
from permits_engine.policy_models import MODELS, CalendarPart, Model, OfficesPart, PolicyPart, Row

LARGEST = 2_000_000
"""Bytes: a policy text beyond this is refused."""
PARTS = ("policy", "calendar", "offices")
PACKAGED = ("MA", "FR", "ES")


# --- reading ----------------------------------------------------------------------------------------------

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def packaged(jurisdiction: str) -> str:
    """The text of a packaged policy (MA, FR or ES): its three files as one text."""
    folder = resources.files("permits_engine") / "jurisdictions" / jurisdiction.lower()
    parts = [(folder / f"{part}.yaml").read_text(encoding="utf-8") for part in PARTS]
    return "---\n".join(parts)


def read_file(path: str | Path) -> str:
    """The text of a policy file, or of the three files of a folder; raises ``policy.invalid``."""
    place = Path(path)
    try:
        if place.is_dir():
            found = [place / f"{part}.yaml" for part in PARTS if (place / f"{part}.yaml").exists()]
            if not found:
                raise error(
                    "policy.invalid", f"{place} holds none of policy.yaml, calendar.yaml, offices.yaml"
                )
            return "---\n".join(each.read_text(encoding="utf-8") for each in found)
        if place.stat().st_size > LARGEST:
            raise error("policy.invalid", f"{place} is larger than {LARGEST} bytes")
        return place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "is not UTF-8 text"
        raise error("policy.invalid", f"{place}: {reason}") from None


def digest_of(text: str) -> str:
    """SHA-256 of the text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def documents(text: str) -> dict[str, tuple[Any, Any]]:
    """The parts of a text by kind, each with its node tree for line numbers; raises ``policy.invalid``."""
    if len(text.encode()) > LARGEST:
        raise _invalid([{"line": 1, "path": "", "reason": f"is larger than {LARGEST} bytes"}])
    found: dict[str, tuple[Any, Any]] = {}
    try:
        nodes = list(yaml.compose_all(text, Loader=_LOADER))
        _bounded(nodes)
        loader_class = _LOADER
        for node in nodes:
            loader = loader_class("")
            try:
                plain = loader.construct_document(node)
            finally:
                loader.dispose()
            kind = next((part for part in PARTS if isinstance(plain, dict) and part in plain), None)
            line = node.start_mark.line + 1
            if kind is None:
                raise _invalid(
                    [{"line": line, "path": "", "reason": f"begins with none of {', '.join(PARTS)}"}]
                )
            if kind in found:
                raise _invalid([{"line": line, "path": kind, "reason": "stands twice"}])
            found[kind] = (plain, node)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        line = mark.line + 1 if mark else 1
        raise _invalid([{"line": line, "path": "", "reason": problem.problem or "is not YAML"}]) from None
    except yaml.YAMLError as problem:
        raise _invalid([{"line": 1, "path": "", "reason": str(problem).splitlines()[0]}]) from None
    except (ValueError, RecursionError, TypeError) as problem:
        raise _invalid([{"line": 1, "path": "", "reason": f"cannot be read: {problem}"}]) from None
    return found


def _bounded(nodes: list[Any]) -> None:
    """Refuse texts whose aliases would unfold into something huge, or that are nested very deep."""
    budget = 400_000
    stack = [(node, 0) for node in nodes]
    while stack:
        node, depth = stack.pop()
        budget -= 1
        if budget < 0 or depth > 40:
            raise ValueError("it is nested too deep or unfolds into too much")
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                stack += [(key, depth + 1), (value, depth + 1)]
        elif isinstance(node, yaml.SequenceNode):
            stack += [(each, depth + 1) for each in node.value]


def _invalid(problems: list[dict[str, Any]]) -> PermitsError:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    where = f"line {first['line']}, {first['path']}: " if first["path"] else f"line {first['line']}: "
    return error("policy.invalid", f"{where}{first['reason']}{more}", problems=problems)


def _line(node: Any, path: tuple[Any, ...]) -> int:
    """The line (from 1) of the deepest node that a path leads to."""
    line: int = node.start_mark.line + 1
    for step in path:
        following = None
        if isinstance(node, yaml.MappingNode):
            following = next((v for k, v in node.value if getattr(k, "value", None) == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            following = node.value[step]
        if following is None:
            return line
        node = following
        line = node.start_mark.line + 1
    return line


# --- compiling --------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def compile_text(text: str) -> Policy:
    """The rules that a whole text holds; raises ``policy.invalid`` with line, path and reason."""
    found = documents(text)
    missing = [part for part in PARTS if part not in found]
    if missing:
        problem = {"line": 1, "path": "", "reason": f"the text lacks: {', '.join(missing)}"}
        raise _invalid([problem])
    parts = {kind: _validated(kind, plain, node) for kind, (plain, node) in found.items()}
    policy, calendar, offices = parts["policy"], parts["calendar"], parts["offices"]
    assert isinstance(policy, PolicyPart)
    assert isinstance(calendar, CalendarPart)
    assert isinstance(offices, OfficesPart)
    for kind, code in (("calendar", calendar.calendar), ("offices", offices.offices)):
        if code != policy.policy:
            line = _line(found[kind][1], (kind,))
            raise _invalid(
                [{"line": line, "path": kind, "reason": f"is of {code}, the policy of {policy.policy}"}]
            )
    return Policy(
        policy.policy,
        policy.title,
        digest_of(text),
        _parameters(policy, found["policy"][1]),
        Calendar(calendar.weekend, list(_holidays(calendar)), calendar.time_zone),
        {row.code: Office(row.code, row.name) for row in offices.list_},
    )


def _validated(kind: str, plain: Any, node: Any) -> Model:
    try:
        return MODELS[kind].model_validate(plain)
    except ValidationError as problem:
        faults = []
        for fault in problem.errors(include_url=False, include_input=False):
            path = fault["loc"]
            reason = (
                "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
            )
            if fault["type"] == "missing" and path and path[-1] == "source":
                reason = "is missing: a value without a legal basis does not load"
            faults.append({"line": _line(node, path), "path": ".".join(map(str, path)), "reason": reason})
        raise _invalid(faults) from None


def _parameters(part: PolicyPart, node: Any) -> dict[str, tuple[Value, ...]]:
    values: list[Value] = []
    faults: list[dict[str, Any]] = []
    taken: set[str] = set()
    for number, row in enumerate(part.parameters):
        where = ("parameters", number)
        try:
            value = _value(part.policy, row, taken)
            clash = next((v for v in values if _clash(v, value)), None)
            if clash is not None:
                raise ValueError(f"two values of {row.name} apply at once from {row.since}: see {clash.id}")
        except ValueError as problem:
            faults.append(
                {"line": _line(node, where), "path": f"parameters.{number}", "reason": str(problem)}
            )
            continue
        values.append(value)
        taken.add(value.id)
    if faults:
        raise _invalid(faults)
    by_name: dict[str, list[Value]] = {}
    for value in values:
        by_name.setdefault(value.name, []).append(value)
    return {name: tuple(sorted(each, key=lambda v: v.weight)) for name, each in by_name.items()}


def _value(jurisdiction: str, row: Row, taken: set[str]) -> Value:
    if row.name not in KINDS:
        raise ValueError(f"{row.name!r} is not a parameter that the engine knows")
    unknown = set(row.applies) - SCOPES
    if unknown:
        raise ValueError(f"applies: {', '.join(sorted(unknown))} is none of {', '.join(sorted(SCOPES))}")
    if row.until is not None and row.until < row.since:
        raise ValueError(f"until {row.until} lies before from {row.since}")
    name = row.id or f"{jurisdiction.lower()}.{row.name}@{row.since}"
    base, number = name, 1
    while name in taken:
        if row.id:
            raise ValueError(f"the id {row.id!r} stands twice")
        number += 1
        name = f"{base}/{number}"
    return Value(
        id=name,
        name=row.name,
        value=_typed(row, name),
        since=row.since,
        until=row.until,
        known=row.known,
        rank=row.rank,
        source=Source(row.source.text, row.source.article),
        confidence=row.confidence,
        applies=tuple(sorted((key, frozenset(allowed)) for key, allowed in row.applies.items())),
        note=row.note,
    )


def _typed(row: Row, name: str) -> Any:
    value, kind = row.value, KINDS[row.name]
    if isinstance(value, str) and value in {s.value for s in Silence}:
        return Silence(value)
    if kind in {"period", "count"}:
        if not isinstance(value, str):
            raise ValueError(f"value: {value!r} is not an ISO 8601 period, unset, unlimited or unknown")
        period = Period.parse(value)
        if kind == "period":
            return period
        return Count(period, row.counting, row.roll == "next_working_day", name)
    if row.counting != "calendar" or row.roll != "none":
        raise ValueError(f"counting and roll belong to delays, and {row.name} is a {kind}")
    reader = _READERS.get(kind)
    if reader is None or not reader(value):
        raise ValueError(f"value: {value!r} is not a {kind}")
    if kind == "window":
        return (value["opens"], value["closes"])
    return tuple(value) if isinstance(value, list) else value


def _is_codes(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and v for v in value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )


def _is_window(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"opens", "closes"}:
        return False
    return all(isinstance(v, date) for v in value.values()) and bool(value["opens"] <= value["closes"])


def _is_tiers(value: Any) -> bool:
    if not _is_codes(value):
        return False
    for tier in value:
        Period.parse(tier.removesuffix("-after"))
    return True


def _is_quiet(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"from", "to", "holidays"}:
        return False
    for key in ("from", "to"):
        time.fromisoformat(value[key])
    return isinstance(value["holidays"], bool)


def _is_competence(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(roles, dict) and all(reach in {"own", "any"} for reach in roles.values())
        for roles in value.values()
    )


_READERS = {
    "code": lambda v: isinstance(v, str) and bool(v),
    "codes": _is_codes,
    "flag": lambda v: isinstance(v, bool),
    "number": lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0,
    "texts": _is_texts,
    "documents": _is_texts,
    "window": _is_window,
    "tiers": _is_tiers,
    "quiet": _is_quiet,
    "competence": _is_competence,
}


def _clash(one: Value, two: Value) -> bool:
    """Whether two values of one rank would apply at once, so that neither follows the other."""
    if one.name != two.name or one.rank != two.rank:
        return False
    mine, theirs = dict(one.applies), dict(two.applies)
    if any(not (mine[key] & theirs[key]) for key in mine.keys() & theirs.keys()):
        return False
    first, second = sorted((one, two), key=lambda v: v.since)
    if first.until is not None and first.until < second.since:
        return False
    if first.until is not None:
        return True
    if mine != theirs:
        return True
    return first.since == second.since and first.known == second.known


def _holidays(part: CalendarPart) -> Iterator[Holiday]:
    for fixed in part.fixed:
        month, day = (int(each) for each in fixed.day.split("-"))
        for year in range(max(fixed.since.year, 2000), 2061):
            try:
                on = date(year, month, day)
            except ValueError:
                continue
            if on >= fixed.since and (fixed.until is None or on <= fixed.until):
                yield Holiday(on, fixed.name, fixed.known)
    for moving in part.moving:
        official = moving.official
        if moving.estimated is not None:
            believed = official.known if official is not None else None
            for on in moving.estimated.on:
                yield Holiday(on, moving.name, moving.estimated.known, believed, estimated=True)
        for on in official.on if official is not None else ():
            assert official is not None
            yield Holiday(on, moving.name, official.known)
    for exceptional in part.exceptional:
        for on in exceptional.on:
            yield Holiday(on, exceptional.name, exceptional.known)
