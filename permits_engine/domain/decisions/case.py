"""The input of a decision, and the drafts of the events that it leads to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import msgspec

from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import SCHEDULER, Actor, Event
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit, Request
from permits_engine.domain.rules.policy import Rules, Value


class OtherTitle(msgspec.Struct, frozen=True):
    """Another title of the same holder, with the dates of its last term."""

    permit_id: str
    title_kind: str
    valid_from: date
    valid_until: date


class HolderFacts(msgspec.Struct, frozen=True):
    """What decisions need of a person: coarse attributes, facts, and their other files, or the titles known of these.

    ``age`` is the least on the day, ``age_at_most`` the greatest where that is another.
    ``facts`` none: only those recorded through the file itself count.
    """

    holder_id: str = ""
    nationality: str | None = None
    sex: str | None = None
    age: int | None = None
    titles: tuple[OtherTitle, ...] = ()
    facts: tuple[Fact, ...] | None = None
    files: Iterable[Permit] = ()
    age_at_most: int | None = None


class Draft(msgspec.Struct, frozen=True):
    """An event not yet recorded: its type, legal date and fields, and the ids of the rules that allowed it."""

    kind: type[Event]
    effective_on: date
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    rules: tuple[str, ...] = ()

    def unrecorded(self, actor: Actor = SCHEDULER) -> Event:
        """Return the draft as an event that can be folded but not stored, without the fields to be encrypted."""
        fields = {name: value for name, value in self.fields.items() if name not in self.kind.ENCRYPTED}
        return self.kind(
            event_id="", effective_on=self.effective_on, actor=actor, operator="", correlation_id="", **fields
        )

    def __repr__(self) -> str:
        return f"<Draft of {self.kind.NAME}>"  # free text stays out of logs


@cache
def own_fields(kind: type[Event]) -> tuple[str, ...]:
    """Return the fields of an event beyond those of every event."""
    return tuple(name for name in kind.__struct_fields__ if name not in Event.__struct_fields__)


Later = tuple[str, date]
"""A recorded event that excludes a command dated before it: its name and legal date."""


@dataclass(slots=True)
class Case:
    """One command on one file under the rules; ``rules`` remembers what the decision itself consulted.

    ``command`` is typed ``Any``: commands are above the domain, and each transition reads the fields of its own.
    """

    name: str
    command: Any
    file: Situation | None
    holder: HolderFacts
    rules: Rules
    actor: Actor
    on: date
    today: date
    target: Event | None
    recorded: Permit | None = None

    @property
    def situation(self) -> Situation:
        """The file on the day of the command."""
        assert self.file is not None
        return self.file

    @property
    def file_as_recorded(self) -> Permit:
        """The file as its events tell it, without what the law granted and no pass recorded."""
        assert self.recorded is not None
        return self.recorded

    @property
    def opens_file(self) -> bool:
        """Whether there is no file yet."""
        return self.file is None

    @property
    def request(self) -> Request:
        """The latest request of the file."""
        request = self.situation.request
        assert request is not None
        return request

    def scope(self, **more: str) -> dict[str, str]:
        """Return the circumstances that select among rules."""
        if self.file is None:
            return {"category": self.command.category, "stage": "application", **more}
        return self.file.scope(**more)

    def find(self, name: str, on: date | None = None) -> Value | None:
        """Return the value of a parameter in force on a day (default: that of the command), or none."""
        return self.rules.find(name, on or self.on, self.scope())

    def get(self, name: str, on: date | None = None) -> Any:
        """Return the plain value of a parameter, or none where there is none or the law is silent."""
        return self.rules.get(name, on or self.on, self.scope())

    def need(self, name: str, on: date | None = None) -> Any:
        """Return the plain value of a parameter; raise ``policy.none_in_force`` where there is none."""
        return self.rules.need(name, on or self.on, self.scope())

    def draft(self, kind: type[Event], **fields: Any) -> Draft:
        """Return a draft based on the rules consulted so far; fields not given are the command's of the same name."""
        given = vars(self.command)
        own = {name: given[name] for name in own_fields(kind) if name in given}
        return Draft(kind, self.on, own | fields, tuple(self.rules.used))

    def not_allowed(self, why: str | None = None, later: Later | None = None) -> PermitsError:
        """Return ``transition.not_allowed`` with the state and the excluding event; ``decide`` adds what is allowed."""
        s = self.situation
        state = f"the title is {s.title_status} and the application {s.application_status} on {self.on}"
        details: dict[str, Any] = {
            "state": {"title_status": s.title_status, "application_status": s.application_status},
            "command": self.name,
        }
        if later is not None:
            details["later_event"] = {"name": later[0], "on": later[1].isoformat()}
        return error("transition.not_allowed", f"{self.name} is not possible: {why or state}", **details)


class Effect(NamedTuple):
    """What a command does: the drafts of its events, and the types that these can have."""

    drafts: Callable[[Case], list[Draft]]
    events: tuple[type[Event], ...]


def recording(*events: type[Event]) -> Callable[[Callable[[Case], list[Draft]]], Effect]:
    """Declare the events that an effect can record, the first of them always."""
    return lambda drafts: Effect(drafts, events)


def record(event: type[Event]) -> Effect:
    """Return the effect of a command that is recorded as one event with the command's own fields."""
    return Effect(lambda case: [case.draft(event)], (event,))
