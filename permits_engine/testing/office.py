"""An office at work in a test: an engine with a fake clock, and the actors and acts that most tests need."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from permits_engine.application.outcome import Outcome
from permits_engine.commands import Command, parse
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.policies.loading import compile_text, packaged
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.builders import FILED_ON, KNOWN_ON, a_holder, a_title, an_application
from permits_engine.testing.clock import FakeClock


class Letters:
    """The letters that passes of one engine have sent, in order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._routes, self._sink = sink_routes()

    def run_scheduler(self, on: date | None = None) -> list[dict[str, Any]]:
        """Run one pass (default: now); return what it sent: kind, tier, to, language, expedited."""
        mark = len(self._sink.letters)
        run_pass(self._engine.context, self._routes, on=on)
        return [self._sink.described(letter) for letter in self._sink.letters[mark:]]

    @property
    def sent(self) -> list[Letter]:
        """Every letter as it would have gone out: address, subject, text."""
        return list(self._sink.letters)

    def about(self, permit_id: str) -> list[dict[str, Any]]:
        """Return what was sent about one permit."""
        return [
            self._sink.described(each)
            for each in self._sink.letters
            if self._sink.permit_of(each) == permit_id
        ]


class Office:
    """An engine with a fake clock, one office's actors, and shortcuts for the acts that most tests begin with.

    ``code`` is the office, whose first letters are the jurisdiction; ``letters`` records what passes send.
    """

    def __init__(self, engine: Engine, clock: FakeClock, code: str = "MA-RAB") -> None:
        self.engine = engine
        self.clock = clock
        self.code = code
        self.letters = Letters(engine)

    @classmethod
    def in_memory(cls, day: date = date(2016, 12, 1), *, code: str = "MA-RAB") -> Self:
        """Open an office on a store in memory with the packaged policies, on the morning of a day."""
        clock = FakeClock(time_zone=compile_text(packaged(code[:2])).calendar.time_zone)
        clock.at(day)
        return cls(Engine.open("sqlite://", clock=clock, operator="test"), clock, code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    # --- people ---

    def actor(self, role: str, prefecture: str | None = None) -> Actor:
        """Return an actor of this office (or another) in a role."""
        return Actor(id=f"{role}-1", role=role, prefecture=prefecture or self.code)

    def competent(self, command: Command) -> Actor:
        """Return the actor whom the policy expects to give a command, at the office where the file is on its day."""
        on = command.on or self.engine.queries.today(self.code[:2])
        permit_id = getattr(command, "permit_id", None)
        role, office = expected_role(self.engine, command, self.code, on=on, permit_id=permit_id)
        return self.actor(role, office)

    # --- acts ---

    def at(self, day: date | str) -> None:
        """Set the clock to the morning of a day, never back."""
        before = self.clock.instant
        self.clock.instant = max(before, self.clock.at(_day(day)))

    def do(self, name: str, on: date | str, actor: Actor | None = None, **fields: Any) -> Outcome:
        """Carry a command out on a day, by the competent actor, with the clock on that day unless it is later."""
        return self.execute(parse(name, {"on": on, **fields}), actor)

    def execute(self, command: Command, actor: Actor | None = None) -> Outcome:
        """Carry a command out on its own day; raises ``PermitsError``."""
        if command.on is not None:
            self.at(command.on)
        return self.engine.execute(command, actor=actor or self.competent(command))

    def run_scheduler(self, day: date | str) -> list[dict[str, Any]]:
        """Run one pass on a day; return the notices that it sent: kind, tier, to, language, expedited."""
        self.at(day)
        return self.letters.run_scheduler(_day(day))

    def holder(self, **fields: Any) -> str:
        """Register a person, by default Aminata Diallo; return the ``holder_id``."""
        self.at(KNOWN_ON)
        outcome = self.engine.execute(a_holder(**fields), actor=self.actor("counter"))
        assert outcome.holder_id is not None
        return outcome.holder_id

    def application(self, holder_id: str | None = None, **fields: Any) -> str:
        """Lodge a complete file of the campaign of 2016 on 20 December; return the ``permit_id``."""
        self.at(FILED_ON)
        command = an_application(holder_id or self.holder(), **{"prefecture": self.code, **fields})
        outcome = self.execute(command)
        assert outcome.permit_id is not None
        return outcome.permit_id

    def title(self, holder_id: str | None = None, **fields: Any) -> str:
        """Grant a card of one year from 1 February 2017; return the ``permit_id``."""
        permit_id = self.application(holder_id, **fields)
        for command in a_title(permit_id=permit_id)[2:]:
            self.execute(command)
        return permit_id

    def position(self) -> int:
        """Return the position at the end of the history."""
        return int(self.engine.queries.status()["head"]["position"])


def expected_role(
    engine: Engine, command: Command, office: str, *, on: date, permit_id: str | None
) -> tuple[str, str]:
    """Return the role that the policy expects to give a command on a day, and the office where the file is then.

    ``office`` is the one where there is no file yet; its first letters are the jurisdiction.
    """
    jurisdiction = office[:2]
    body = getattr(command, "body", None) if command.name == "record_opinion" else None
    if command.name == "lodge_application":
        office = str(getattr(command, "prefecture", office))
        jurisdiction = str(getattr(command, "jurisdiction", jurisdiction))
    elif permit_id is not None:
        view = engine.permit(permit_id, as_of=on)
        office, jurisdiction = view.prefecture, view.jurisdiction
        if command.name == "decide_appeal":
            body = engine.queries.pending_body(permit_id, on)
    return next(iter(engine.queries.roles(jurisdiction, command.name, on, body)), "counter"), office


def _day(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)
