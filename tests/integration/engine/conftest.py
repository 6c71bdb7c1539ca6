"""An engine on each database whose clock stands where the test puts it, and the usual people around a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Actor, Engine, IssuePermit, LodgeApplication, RecordOpinion, RegisterHolder
from permits_engine.commands import Command, parse
from permits_engine.outcomes import Outcome
from permits_engine.testing.clock import FakeClock

COUNTER = Actor(id="officer-17", role="counter", prefecture="MA-RAB")
DECIDER = Actor(id="officer-3", role="decider", prefecture="MA-RAB")
COMMISSION = Actor(id="commission", role="local_commission", prefecture="MA-RAB")
COURT = Actor(id="tribunal", role="court")


class Office:
    """An engine with shortcuts for the acts that most tests begin with."""

    def __init__(self, engine: Engine, clock: FakeClock) -> None:
        self.engine = engine
        self.clock = clock

    def do(self, name: str, on: str, actor: Actor = COUNTER, **fields: Any) -> Outcome:
        """Carry a command out on a day, with the clock standing there unless it is later already."""
        self.at(on)
        command: Command = parse(name, {"on": on, **fields})
        return self.engine.execute(command, actor=actor)

    def at(self, day: str) -> None:
        """Put the clock to the morning of a day, never back."""
        before = self.clock.instant
        self.clock.instant = max(before, self.clock.at(date.fromisoformat(day)))

    def holder(self, **fields: Any) -> str:
        """A registered person."""
        self.at("2016-12-19")
        person: dict[str, Any] = {
            "family_name": "Diallo",
            "given_names": "Aminata",
            "birth_date": "1990-04-01",
            "sex": "F",
            "nationality": "SEN",
            "language": "fr",
            "email": "holder@example.org",
        }
        outcome = self.engine.execute(RegisterHolder(**person | fields), actor=COUNTER)
        assert outcome.holder_id is not None
        return outcome.holder_id

    def application(self, holder_id: str | None = None, **fields: Any) -> str:
        """A file under review since 20 December 2016."""
        self.at("2016-12-20")
        filed: dict[str, Any] = {
            "holder_id": holder_id or self.holder(),
            "jurisdiction": "MA",
            "category": "regularisation-2016",
            "criterion": "R5",
            "prefecture": "MA-RAB",
            "on": "2016-12-20",
        }
        outcome = self.engine.execute(LodgeApplication(**filed | fields), actor=COUNTER)
        assert outcome.permit_id is not None
        return outcome.permit_id

    def title(self, **fields: Any) -> str:
        """A card of one year from 1 February 2017."""
        permit_id = self.application(**fields)
        self.at("2017-02-01")
        opinion = RecordOpinion(
            permit_id=permit_id, body="local_commission", favourable=True, reasons="shown", on="2017-01-20"
        )
        self.engine.execute(opinion, actor=COMMISSION)
        self.engine.execute(IssuePermit(permit_id=permit_id, on="2017-02-01"), actor=DECIDER)
        return permit_id

    def position(self) -> int:
        """The end of the history."""
        return int(self.engine.status()["head"]["position"])


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    """A simulated store, initialised, on each database."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    with Engine.initialise(store_url, keys=tmp_path / "store.keys", clock=clock, simulated=True) as engine:
        yield Office(engine, clock)
