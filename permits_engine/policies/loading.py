"""Policy texts: YAML to validated rules, with the line of each fault.

A text has three documents in any order: ``policy``, ``calendar`` and ``offices``. It is data only, without tags or
code, and bounded in size and depth.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from permits_engine.commands.validation import reason_of, suggestion
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.rules.parameters import KINDS
from permits_engine.domain.rules.policy import Office, Policy, Source, Value
from permits_engine.policies import calendars
from permits_engine.policies.schema import MODELS, CalendarPart, Model, OfficesPart, PolicyPart, Row
from permits_engine.policies.values import MisfitError, typed
from permits_engine.policies.yaml_reader import Node, YamlError, line_of
from permits_engine.policies.yaml_reader import documents as read_yaml

LARGEST = 2_000_000
"""Bytes of a policy text."""
PARTS = ("policy", "calendar", "offices")


# --- reading ----------------------------------------------------------------------------------------------


@cache
def packaged_codes() -> tuple[str, ...]:
    """Return the packaged jurisdictions in the order in which a new store adopts them."""
    text = (_data() / "packaged.yaml").read_text(encoding="utf-8")
    [(codes, _)] = read_yaml(text)
    return tuple(codes)


def packaged(jurisdiction: str) -> str:
    """Return the text of a packaged policy: its three files as one text."""
    folder = _data() / jurisdiction.lower()
    parts = [(folder / f"{part}.yaml").read_text(encoding="utf-8") for part in PARTS]
    return "---\n".join(parts)


def _data() -> Traversable:
    return resources.files("permits_engine") / "jurisdictions"


def read_file(path: str | Path) -> str:
    """Return the text of a policy file, or of the three files of a folder; raise ``policy.invalid``."""
    place = Path(path)
    try:
        if place.is_dir():
            found = [place / f"{part}.yaml" for part in PARTS if (place / f"{part}.yaml").exists()]
            if not found:
                raise error("policy.invalid", f"{place} has none of policy.yaml, calendar.yaml, offices.yaml")
            return "---\n".join(_text(each) for each in found)
        return _text(place)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "cannot be opened"
        raise error("policy.invalid", f"{place}: {reason}; name a policy file or its folder") from None


def _text(place: Path) -> str:
    with place.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise error("policy.invalid", f"{place} is larger than {LARGEST:,} bytes")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise _invalid([_problem(line, (), "is not UTF-8 text; save it as UTF-8")]) from None
    return text if text.endswith("\n") else f"{text}\n"


def completed(text: str, base: str) -> str:
    """Return a text with the parts that it lacks taken from another text of the same country."""
    _, missing = country_and_missing(text)
    pieces = re.split(r"^---[ \t]*(?:#.*)?$\n", base, flags=re.MULTILINE)
    extra = [piece if piece.endswith("\n") else f"{piece}\n" for piece in pieces if _kind(piece) in missing]
    return "---\n".join([text if text.endswith("\n") else f"{text}\n", *extra]) if extra else text


def _kind(piece: str) -> str | None:
    found = re.search(rf"^({'|'.join(PARTS)}):", piece, flags=re.MULTILINE)
    return found[1] if found else None


def digest_of(text: str) -> str:
    """Return the SHA-256 of the text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def documents(text: str) -> dict[str, tuple[Any, Node]]:
    """Return the parts of a text by kind, each with its YAML node for line numbers; raise ``policy.invalid``."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise _invalid([_problem(1, (), f"is larger than {LARGEST} bytes")])
    found: dict[str, tuple[Any, Node]] = {}
    try:
        for plain, node in read_yaml(text):
            kind = next((part for part in PARTS if isinstance(plain, dict) and part in plain), None)
            line = line_of(node, ())
            if kind is None:
                raise YamlError(line, f"begins with none of {', '.join(PARTS)}")
            if kind in found:
                raise YamlError(line, f"there are two parts of the kind {kind}")
            found[kind] = (plain, node)
    except YamlError as problem:
        raise _invalid([_problem(problem.line, (), problem.reason)]) from None
    return found


@lru_cache(maxsize=64)
def country_and_missing(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the country of a text, if it names one, and the parts that it lacks; raise ``policy.invalid``."""
    parts = documents(text)
    code = next((plain.get(kind) for kind, (plain, _) in parts.items()), None)
    return code if isinstance(code, str) else "", tuple(part for part in PARTS if part not in parts)


def _problem(line: int, path: tuple[Any, ...], reason: str) -> dict[str, Any]:
    return {"line": line, "path": ".".join(map(str, path)), "reason": reason}


def _invalid(problems: list[dict[str, Any]]) -> PermitsError:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    where = f"line {first['line']}, {first['path']}: " if first["path"] else f"line {first['line']}: "
    return error("policy.invalid", f"{where}{first['reason']}{more}", problems=problems)


# --- compiling --------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def compile_text(text: str) -> Policy:
    """Return the rules of a whole text; raise ``policy.invalid`` with line, path and reason."""
    found = documents(text)
    missing = [part for part in PARTS if part not in found]
    if missing:
        raise _invalid([_problem(1, (), f"the text lacks: {', '.join(missing)}")])
    parts = {kind: _validated(kind, plain, node) for kind, (plain, node) in found.items()}
    policy, calendar, offices = parts["policy"], parts["calendar"], parts["offices"]
    assert isinstance(policy, PolicyPart)
    assert isinstance(calendar, CalendarPart)
    assert isinstance(offices, OfficesPart)
    for kind, code in (("calendar", calendar.calendar), ("offices", offices.offices)):
        if code != policy.policy:
            line = line_of(found[kind][1], (kind,))
            raise _invalid([_problem(line, (kind,), f"is of {code}, the policy of {policy.policy}")])
    wrong = list(calendars.faults(calendar))
    if wrong:
        raise _invalid([_problem(line_of(found["calendar"][1], path), path, said) for path, said in wrong])
    return Policy(
        policy.policy,
        policy.title,
        digest_of(text),
        _parameters(policy, found["policy"][1]),
        calendars.calendar_of(calendar),
        {row.code: Office(row.code, row.name) for row in offices.list_},
    )


def _validated(kind: str, plain: Any, node: Node) -> Model:
    try:
        return MODELS[kind].model_validate(plain)
    except ValidationError as problem:
        faults = problem.errors(include_input=False)
        raise _invalid([_shape_problem(dict(fault), node, kind) for fault in faults]) from None


def _shape_problem(fault: dict[str, Any], node: Node, kind: str) -> dict[str, Any]:
    path = fault["loc"]
    reason = reason_of(fault, f"a {kind} text")
    if fault["type"] == "missing" and path[-1] == "source":
        reason = "is missing: a value without a legal basis does not load"
    return _problem(line_of(node, path), path, reason)


def _parameters(part: PolicyPart, node: Node) -> dict[str, tuple[Value, ...]]:
    values: list[Value] = []
    faults: list[dict[str, Any]] = []
    taken: set[str] = set()
    for number, row in enumerate(part.parameters):
        try:
            value = _value(part.policy, row, taken)
            clash = next((v for v in values if _clash(v, value)), None)
            if clash is not None:
                said = f"two values of {row.name} apply at once from {row.since}: see {clash.id}"
                raise MisfitError("value", said)
        except MisfitError as problem:
            path = ("parameters", number, problem.field)
            faults.append(_problem(line_of(node, path), path, str(problem)))
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
        raise MisfitError("name", f"{row.name!r} is not a parameter that the engine knows{_near(row.name)}")
    if row.until is not None and row.until < row.since:
        raise MisfitError("until", f"{row.until} lies before from, {row.since}")
    name = row.id or f"{jurisdiction.lower()}.{row.name}@{row.since}"
    base, number = name, 1
    while name in taken:
        if row.id:
            raise MisfitError("id", f"{row.id!r} occurs twice")
        number += 1
        name = f"{base}/{number}"
    return Value(
        id=name,
        name=row.name,
        value=typed(row, name),
        since=row.since,
        until=row.until,
        known=row.known,
        rank=row.rank,
        source=Source(row.source.text, row.source.article),
        confidence=row.confidence,
        applies=tuple(sorted((key, frozenset(allowed)) for key, allowed in row.applies.items())),
        note=row.note,
    )


def _near(name: str) -> str:
    said = suggestion(name, KINDS)
    return said if said.endswith("?") else ""


def _clash(one: Value, two: Value) -> bool:
    """Return whether two values of one rank would apply at once."""
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
