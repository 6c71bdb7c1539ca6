"""``permits reexamine``: refused applications that another policy text would now accept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from types import SimpleNamespace

import msgspec

from permits_engine.audit.replay.parallel import Run
from permits_engine.audit.replay.sources import Part, Source
from permits_engine.audit.sums import tally
from permits_engine.domain.decisions import decide
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text

COMMAND = "reopen_examination"
CODES = ("category", "criterion", "nationality", "sex", "prefecture")
DAYS = ("filed_from", "filed_to", "refused_from", "refused_to")


class Where(msgspec.Struct, frozen=True):
    """A filter of refused files: one of the values of each attribute, between days that are inclusive."""

    codes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    days: dict[str, date] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, conditions: Mapping[str, str]) -> Where:
        """Parse conditions such as ``{"criterion": "R3,R4"}``; raises ``input.invalid``."""
        codes: dict[str, tuple[str, ...]] = {}
        days: dict[str, date] = {}
        for name, text in conditions.items():
            if name in CODES:
                codes[name] = tuple(each.strip() for each in text.split(",") if each.strip())
            elif name in DAYS:
                try:
                    days[name] = date.fromisoformat(text)
                except ValueError:
                    raise invalid("where", f"{name}: {text!r} is not a day such as 2018-03-27") from None
            else:
                raise invalid("where", f"{name!r} is none of {', '.join((*CODES, *DAYS))}")
        return cls(codes, days)

    def matches(self, permit: Permit, office: str, filed: date, refused: date) -> bool:
        """Whether a file passes the filter."""
        for name, wanted in self.codes.items():
            if (office if name == "prefecture" else getattr(permit, name)) not in wanted:
                return False
        for name, day in self.days.items():
            on = filed if name.startswith("filed") else refused
            if (on < day) if name.endswith("from") else (on > day):
                return False
        return True


class Accepted(msgspec.Struct, frozen=True):
    """A refused file that would now be accepted, and the rules by which it would."""

    permit_id: str
    office: str
    category: str
    criterion: str | None
    nationality: str | None
    sex: str | None
    filed_on: date
    refused_on: date
    decision_version: int
    rules: tuple[str, ...]


class Reexamined(msgspec.Struct):
    """Refused files: how many were looked at, those that would be accepted, and the obstacles of the others."""

    looked_at: int = 0
    accepted: list[Accepted] = msgspec.field(default_factory=list)
    still: dict[str, int] = msgspec.field(default_factory=dict)


def reexamine(source: Source, text: str, where: Where, on: date, run: Run) -> Reexamined:
    """Return the refused files of a whole history that a policy text would accept on a day."""
    what = f"reexamine {compile_text(text).digest} {on} {msgspec.json.encode(where).decode()}"
    task = partial(reexamine_part, text=text, where=where, on=on)
    return run.over(source, what, task, Reexamined())


def reexamine_part(source: Source, part: Part, *, text: str, where: Where, on: date) -> Reexamined:
    """Look at the refused files of a part."""
    policy, found = compile_text(text), Reexamined()
    for file in source.files(part):
        permit = fold(file.permit_id, file.history)
        if permit is not None and permit.jurisdiction == policy.jurisdiction:
            _look_at(permit, policy, where, on, found)
    return found


def _look_at(permit: Permit, policy: Policy, where: Where, on: date, found: Reexamined) -> None:
    s = situation_on(permit, on, policy.at(on))
    request, outcome = s.request, s.outcome
    if request is None or outcome is None or outcome.kind != "refused" or s.title_status != "none":
        return
    if not where.matches(permit, s.prefecture, request.filed_on, outcome.on):
        return
    found.looked_at += 1
    roles = competence.roles_for(s.rules, on, COMMAND, None, s.prefecture)
    actor = Actor("", next(iter(roles), "decider"), s.prefecture)
    command = SimpleNamespace(name=COMMAND, on=on)
    holder = HolderFacts(permit.holder_id)
    try:
        reopened, *_ = decide.decide(COMMAND, command, permit, holder, policy, actor, today=on, known=on)
    except PermitsError as problem:
        tally(found.still, problem.code)
        return
    found.accepted.append(
        Accepted(
            permit_id=permit.permit_id,
            office=s.prefecture,
            category=permit.category,
            criterion=permit.criterion,
            nationality=permit.nationality,
            sex=permit.sex,
            filed_on=request.filed_on,
            refused_on=outcome.on,
            decision_version=outcome.version,
            rules=reopened.rules,
        )
    )
