"""The shape of a scenario file (section 9 of the contract), and what is wrong with one, with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from permits_engine.application.queries.views import PermitView
from permits_engine.commands import PUBLIC, parse
from permits_engine.commands.fields import Country, Day, Line
from permits_engine.commands.validation import reason_of, refusal, suggestion
from permits_engine.documents.letter_templates import KINDS
from permits_engine.domain.errors import CODES, InputError, invalid
from permits_engine.domain.permit.explanations import DeadlineRow
from permits_engine.domain.permit.rights import RIGHTS, Right
from permits_engine.policies.yaml_reader import YamlError, documents, line_of

LARGEST = 1_000_000
"""Bytes of one file."""
MOST_STEPS = 5_000
MOST_FAULTS = 50
"""Faults of one file that are named; the others are counted."""
HOLDER = {
    "family_name": "Holder",
    "given_names": "Example",
    "birth_date": "1990-01-01",
    "sex": "F",
    "nationality": "SEN",
    "language": "fr",
    "email": "holder@example.org",
}
"""The holder, where a scenario does not describe one."""
PASS = "run_scheduler"  # noqa: S105
DEADLINES = frozenset(
    {
        *("title_expiry", "renewal_window_opens", "renewal_window_closes", "receipt_expiry", "documents_due"),
        *("decision_due", "expedited_target", "opinion_due", "implicit_refusal", "appeal_closes"),
        *("appeal_ruling_due", "departure_due", "absence_limit", "removal_appeal_closes"),
        *("removal_ruling_due", "majority_request_due"),
    }
)
NOTICES = KINDS - {"office_digest"}
BESIDE = frozenset({"error", "events", "deadlines", "no_deadlines", "notices", "no_notices", "rights"})
"""What may be expected besides the fields of the view."""
_VIEW = frozenset(PermitView.__struct_fields__)
_OF_DEADLINE = frozenset(DeadlineRow.__annotations__)
_OF_NOTICE = frozenset({"kind", "tier", "to", "language", "expedited"})


def _mapping(value: object) -> object:
    if value is None:
        return {}
    if isinstance(value, dict):
        # YAML 1.1 reads a bare `on` as true.
        named = {("on" if key is True else key): each for key, each in value.items()}
        if all(isinstance(key, str) for key in named):
            return named
    raise ValueError("is not a mapping of names to values")


Named = Annotated[dict[str, Any], BeforeValidator(_mapping)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Step(_Model):
    """One day: a command, a pass of the scheduler, or only a look."""

    day: Day
    do: Line | None = None
    as_: Line | None = Field(default=None, alias="as")
    with_: Named = Field(default_factory=dict, alias="with")
    expect: Named = Field(default_factory=dict)
    permit: Line | None = None
    holder: Line | None = None


class Scenario(_Model):
    """A scenario file."""

    name: Line
    jurisdiction: Country
    about: str | None = None
    holder: Named = Field(default_factory=dict)
    holders: Named = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1, max_length=MOST_STEPS)

    def person(self, name: str | None) -> dict[str, Any]:
        """Return a holder by their name in the file (``None``: the only one), with what it leaves out."""
        return {**HOLDER, **(self.holder if name is None else self.holders.get(name) or {})}


def load(path: str | Path) -> Scenario:
    """Read a scenario file; raises ``input.invalid`` with each bad field, its line and the reason."""
    plain, node = _read(Path(path))
    if not isinstance(plain, dict):
        raise invalid(str(path), "is not a scenario: it needs name, jurisdiction and steps")
    try:
        scenario = Scenario.model_validate(plain)
    except ValidationError as problem:
        faults = [
            (tuple(fault["loc"]), reason_of(dict(fault), "a scenario", Scenario.model_fields))
            for fault in problem.errors(include_input=False)
        ]
        raise _refused(faults, node) from None
    faults = [*_of_holder(scenario), *_of_steps(scenario)]
    if faults:
        raise _refused(faults, node)
    return scenario


Fault = tuple[tuple[Any, ...], str]


def _read(path: Path) -> tuple[Any, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "cannot be opened"
        raise invalid(str(path), f"{reason}; name a scenario file") from None
    if len(content) > LARGEST:
        raise invalid(str(path), f"is larger than {LARGEST:,} bytes")
    try:
        found = list(documents(content.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise invalid(str(path), "is not UTF-8 text; save it as UTF-8") from None
    except YamlError as problem:
        raise invalid(str(path), f"line {problem.line}: {problem.reason}") from None
    if len(found) != 1:
        raise invalid(str(path), f"holds {len(found)} documents, and a scenario is one")
    return found[0]


def _refused(faults: Sequence[Fault], node: Any) -> InputError:
    told = []
    for path, reason in faults[:MOST_FAULTS]:
        # Steps are counted from 1 wherever they are spoken of.
        steps = [str(each + 1 if isinstance(each, int) else each)[:80] for each in path]
        told.append({"path": ".".join(steps), "reason": f"{reason} (line {line_of(node, path)})"})
    if len(faults) > MOST_FAULTS:
        told.append({"path": "steps", "reason": f"and {len(faults) - MOST_FAULTS:,} more"})
    return refusal(told)


def _of_holder(scenario: Scenario) -> list[Fault]:
    found: list[Fault] = []
    for name in (None, *scenario.holders):
        where = ("holder",) if name is None else ("holders", name)
        if name is not None and not isinstance(scenario.holders[name], dict | None):
            found.append((where, "is not a mapping of names to values"))
            continue
        try:
            parse("register_holder", scenario.person(name))
        except InputError as problem:
            found += [((*where, field["path"]), field["reason"]) for field in problem.details["fields"]]
    return found


def _of_steps(scenario: Scenario) -> list[Fault]:
    found: list[Fault] = []
    lodged: set[str] = set()
    for number, step in enumerate(scenario.steps):
        where: tuple[Any, ...] = ("steps", number)
        if step.do is not None and step.do != PASS and step.do not in PUBLIC:
            found.append(
                ((*where, "do"), f"{step.do!r} is not a command{suggestion(step.do, (*PUBLIC, PASS))}")
            )
        if step.holder is not None and step.holder not in scenario.holders:
            reason = f"{step.holder!r} is none of holders{suggestion(step.holder, scenario.holders)}"
            found.append(((*where, "holder"), reason))
        if step.do == "lodge_application" and step.permit is not None:
            lodged.add(step.permit)
        elif step.permit is not None and step.permit not in lodged:
            reason = (
                f"{step.permit!r} names no file that an earlier step lodges{suggestion(step.permit, lodged)}"
            )
            found.append(((*where, "permit"), reason))
        for name, wanted in step.expect.items():
            path = (*where, "expect", name)
            if name not in _VIEW | BESIDE:
                found.append((path, f"is not a field of the permit view{suggestion(name, _VIEW | BESIDE)}"))
            else:
                found += [((*path, *at), reason) for at, reason in _of_expectation(name, wanted)]
    return found


def _of_expectation(name: str, wanted: Any) -> list[Fault]:
    match name:
        case "error" if wanted not in CODES:
            return [((), f"{wanted!r} is not an error of the engine{suggestion(str(wanted), CODES)}")]
        case "no_notices" if wanted is not True:
            return [((), "is true, or left out")]
        case "events" | "no_deadlines" | "deadlines" | "notices" | "rights" if not isinstance(wanted, list):
            return [((), "is not a list")]
        case "no_deadlines":
            return [
                ((at,), _unknown(kind, DEADLINES)) for at, kind in enumerate(wanted) if kind not in DEADLINES
            ]
        case "deadlines" | "notices" | "rights":
            return [fault for at, each in enumerate(wanted) for fault in _of_entry(at, each, *_ENTRIES[name])]
    return []


_ENTRIES = {
    "deadlines": ("kind", DEADLINES, _OF_DEADLINE),
    "notices": ("kind", NOTICES, _OF_NOTICE),
    "rights": ("right", frozenset(RIGHTS), frozenset(Right.__struct_fields__)),
}
"""By what an entry of a list is known, what there is of it, and its fields."""


def _of_entry(at: int, each: Any, by: str, known: frozenset[str], fields: frozenset[str]) -> Iterator[Fault]:
    if not isinstance(each, dict):
        yield (at,), f"is not a mapping such as {{{by}: …}}"
        return
    for name in set(each) - fields:
        yield (at, name), f"is not a field{suggestion(str(name), fields)}"
    if each.get(by) not in known:
        yield (at, by), _unknown(each.get(by), known)


def _unknown(kind: object, known: frozenset[str]) -> str:
    return f"{kind!r} is not a kind that exists{suggestion(str(kind), known)}"
