"""What a decision is taken on: the case before the decider, and the draft of what it leads to."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import SCHEDULER, Actor, Event
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.rules.policy import Rules


class OtherTitle(msgspec.Struct, frozen=True):
    """Another title of the same holder, by the dates of its last term and its end."""

    permit_id: str
    title_kind: str
    valid_from: date
    valid_until: date


class HolderFacts(msgspec.Struct, frozen=True):
    """The little that decisions need of a person: coarse attributes, facts, other titles.

    ``facts`` none means that only those recorded through the file itself are looked at.
    """

    holder_id: str = ""
    nationality: str | None = None
    sex: str | None = None
    age: int | None = None
    titles: tuple[OtherTitle, ...] = ()
    facts: tuple[Fact, ...] | None = None


class Draft(msgspec.Struct, frozen=True):
    """An event to be: its type, legal date and fields, and the ids of the rules that allowed it."""

    kind: type[Event]
    effective_on: date
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    rules: tuple[str, ...] = ()

    def unrecorded(self, actor: Actor = SCHEDULER) -> Event:
        """Return the draft as an event that can be folded and is not stored; what would be encrypted is left out."""
        fields = {name: value for name, value in self.fields.items() if name not in self.kind.ENCRYPTED}
        return self.kind(
            event_id="", effective_on=self.effective_on, actor=actor, operator="", correlation_id="", **fields
        )

    def __repr__(self) -> str:
        return f"<Draft of {self.kind.NAME}>"  # free text stays out of logs


class Case:
    """One command on one file under the rules; ``rules`` remembers what the decision itself consulted."""

    __slots__ = ("_situation", "actor", "command", "holder", "name", "on", "rules", "target", "today")

    def __init__(
        self,
        name: str,
        command: Any,
        situation: Situation | None,
        holder: HolderFacts,
        rules: Rules,
        actor: Actor,
        on: date,
        today: date,
        target: Event | None,
    ) -> None:
        self.name = name
        self.command = command
        self._situation = situation
        self.holder = holder
        self.rules = rules
        self.actor = actor
        self.on = on
        self.today = today
        self.target = target

    @property
    def situation(self) -> Situation:
        """The file on the day of the command."""
        assert self._situation is not None
        return self._situation

    @property
    def opens_file(self) -> bool:
        """Whether there is no file yet."""
        return self._situation is None

    def scope(self, **more: str) -> dict[str, str]:
        """The circumstances that select among rules."""
        if self._situation is None:
            return {"category": self.command.category, "stage": "application", **more}
        return self._situation.scope(**more)

    def draft(self, kind: type[Event], on: date | None = None, /, **fields: Any) -> Draft:
        """A draft with the rules consulted so far as its basis."""
        return Draft(kind, on or self.on, fields, tuple(self.rules.used))


LaterEvent = tuple[str, date]
"""A recorded event that blocks what is dated before it: its name and legal date."""


def not_allowed(case: Case, why: str | None = None, later: LaterEvent | None = None) -> PermitsError:
    """Return ``transition.not_allowed`` with the state and the blocking event; ``decide`` adds what is allowed."""
    s = case.situation
    state = {"title_status": s.title_status, "application_status": s.application_status}
    reason = why or f"the title is {s.title_status} and the application {s.application_status} on {case.on}"
    blocking = {} if later is None else {"later_event": {"name": later[0], "on": later[1].isoformat()}}
    return error(
        "transition.not_allowed",
        f"{case.name} is not possible: {reason}",
        state=state,
        command=case.name,
        **blocking,
    )
