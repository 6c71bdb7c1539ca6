"""An office at work in a test: an engine whose clock stands where it is put, and the usual people around a file."""

from __future__ import annotations

from datetime import date
from types import TracebackType
from typing import Any, Self

from permits_engine.application.outcome import Outcome
from permits_engine.commands import Command, parse
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.testing.builders import FILED_ON, GRANTED_ON, KNOWN_ON, a_holder, an_application
from permits_engine.testing.clock import FakeClock
from permits_engine.testing.notices import Letters


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
        """An office on a store in memory that knows the packaged policies, on the morning of a day."""
        clock = FakeClock()
        clock.at(day)
        return cls(Engine.open("sqlite://", clock=clock, operator="test"), clock, code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    # --- people ---

    def actor(self, role: str, prefecture: str | None = None) -> Actor:
        """Somebody of this office (or another) in a role."""
        return Actor(id=f"{role}-1", role=role, prefecture=prefecture or self.code)

    def competent(self, command: Command) -> Actor:
        """Whoever the policy expects to give a command, at the office where the file is on that day."""
        permit_id = getattr(command, "permit_id", None)
        office, jurisdiction = self.code, self.code[:2]
        on = command.on or self.engine.queries.today()
        body = getattr(command, "body", None) if command.name == "record_opinion" else None
        if command.name == "lodge_application":
            office = str(getattr(command, "prefecture", office))
            jurisdiction = str(getattr(command, "jurisdiction", jurisdiction))
        elif permit_id is not None:
            view = self.engine.permit(permit_id, as_of=on)
            office, jurisdiction = view.prefecture, view.jurisdiction
            if command.name == "decide_appeal":
                body = self.engine.queries.pending_body(permit_id, on)
        roles = self.engine.queries.roles(jurisdiction, command.name, on, body)
        return self.actor(next(iter(roles), "counter"), office)

    # --- acts ---

    def at(self, day: date | str) -> None:
        """Put the clock to the morning of a day, never back."""
        before = self.clock.instant
        self.clock.instant = max(before, self.clock.at(_day(day)))

    def do(self, name: str, on: date | str, actor: Actor | None = None, **fields: Any) -> Outcome:
        """Carry a command out on a day, by whoever is competent, with the clock there unless it is later."""
        return self.execute(parse(name, {"on": on, **fields}), actor)

    def execute(self, command: Command, actor: Actor | None = None) -> Outcome:
        """Carry a command out on its own day; raises what the engine raises."""
        if command.on is not None:
            self.at(command.on)
        return self.engine.execute(command, actor=actor or self.competent(command))

    def run_scheduler(self, day: date | str) -> list[dict[str, Any]]:
        """One pass on a day; gives the notices that it sent, as scenarios speak of them."""
        self.at(day)
        return self.letters.run_scheduler(_day(day))

    def holder(self, **fields: Any) -> str:
        """A registered person, by default Aminata Diallo; gives the ``holder_id``."""
        self.at(KNOWN_ON)
        outcome = self.engine.execute(a_holder(**fields), actor=self.actor("counter"))
        assert outcome.holder_id is not None
        return outcome.holder_id

    def application(self, holder_id: str | None = None, **fields: Any) -> str:
        """A complete file of the campaign of 2016, under review since 20 December; gives the ``permit_id``."""
        self.at(FILED_ON)
        command = an_application(holder_id or self.holder(), **{"prefecture": self.code, **fields})
        outcome = self.execute(command)
        assert outcome.permit_id is not None
        return outcome.permit_id

    def title(self, holder_id: str | None = None, **fields: Any) -> str:
        """A card of one year from 1 February 2017; gives the ``permit_id``."""
        permit_id = self.application(holder_id, **fields)
        self.do(
            "record_opinion",
            "2017-01-20",
            permit_id=permit_id,
            body="local_commission",
            favourable=True,
            reasons="shown",
        )
        self.do("issue_permit", GRANTED_ON, permit_id=permit_id)
        return permit_id

    def position(self) -> int:
        """The end of the history."""
        return int(self.engine.queries.status()["head"]["position"])


def _day(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)
