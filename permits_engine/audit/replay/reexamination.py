"""Refused files that a widened criterion would now accept: found under another policy, and opened again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import msgspec

from permits_engine.audit.replay.parallel import Hands, Run
from permits_engine.audit.replay.sources import Part, Source
from permits_engine.audit.replay.what_if import compiled
from permits_engine.domain.decisions import decide
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import Policy

COMMAND = "reopen_examination"
CODES = ("category", "criterion", "nationality", "sex", "prefecture")
DAYS = ("filed_from", "filed_to", "refused_from", "refused_to")


class Where(msgspec.Struct, frozen=True):
    """Which refused files are meant: one of the values of each attribute, between days that are inclusive."""

    codes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    days: dict[str, date] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, conditions: Mapping[str, str]) -> Where:
        """Conditions as typed, such as ``{"criterion": "R3,R4"}``; raises ``input.invalid``."""
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

    def holds(self, permit: Permit, office: str, filed: date, refused: date) -> bool:
        """Whether a file is meant."""
        values = {
            "category": permit.category,
            "criterion": permit.criterion,
            "nationality": permit.nationality,
            "sex": permit.sex,
            "prefecture": office,
        }
        if any(values[name] not in wanted for name, wanted in self.codes.items()):
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
    """How many refused files were looked at, those that would be accepted, and what still stands against others."""

    looked_at: int = 0
    accepted: list[Accepted] = msgspec.field(default_factory=list)
    still: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, more: Reexamined) -> None:
        """Count another part."""
        self.looked_at += more.looked_at
        self.accepted += more.accepted
        for code, count in more.still.items():
            self.still[code] = self.still.get(code, 0) + count


def part_reexamined(source: Source, part: Part, *, text: str, where: Where, on: date) -> Reexamined:
    """Look at the refused files of a part."""
    policy, found = compiled(text), Reexamined()
    for file in source.files(part):
        permit = fold(file.permit_id, file.history)
        if permit is not None and permit.jurisdiction == policy.jurisdiction:
            _look(permit, policy, where, on, found)
    return found


def _look(permit: Permit, policy: Policy, where: Where, on: date, found: Reexamined) -> None:
    s = Situation(permit, on, policy.at(on))
    request, outcome = s.request, s.outcome
    if request is None or outcome is None or outcome.kind != "refused" or s.title_status != "none":
        return
    if not where.holds(permit, s.prefecture, request.filed_on, outcome.on):
        return
    found.looked_at += 1
    roles = competence.roles_for(s.rules, on, COMMAND, None, s.prefecture)
    actor = Actor("", next(iter(roles), "decider"), s.prefecture)
    command = SimpleNamespace(name=COMMAND, on=on)
    try:
        opened, *_ = decide.decide(
            COMMAND, command, permit, HolderFacts(permit.holder_id), policy, actor, today=on, known=on
        )
    except PermitsError as problem:
        found.still[problem.code] = found.still.get(problem.code, 0) + 1
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
            rules=opened.rules,
        )
    )


def reexamine(
    source: Source,
    name: str,
    text: str,
    where: Where,
    on: date,
    *,
    hands: Hands | None = None,
    state: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Reexamined:
    """The refused files of a whole history that a policy text would accept on a day."""
    run = Run(
        f"reexamine {compiled(text).digest} {on} {msgspec.json.encode(where).decode()}",
        name, source, Reexamined(), Reexamined.add, hands=hands, state=state, progress=progress,
    )  # fmt: skip
    work = partial(part_reexamined, text=text, where=where, on=on)
    return run.resumed(Reexamined).over(work)
