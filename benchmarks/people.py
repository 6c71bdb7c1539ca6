"""Commands to measure with: people who file in Rabat, and what their office then does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from permits_engine import Actor, LodgeApplication, RecordOpinion, RegisterHolder
from permits_engine.commands import Command
from permits_engine.store.events.ids import derived

COUNTER = Actor(id="counter-1", role="counter", prefecture="MA-RAB")
DECIDER = Actor(id="decider-1", role="decider", prefecture="MA-RAB")
COMMISSION = Actor(id="commission-1", role="local_commission", prefecture="MA-RAB")


def filings(count: int) -> Iterator[tuple[Command, Actor]]:
    """Two commands for each person: registered, then filed."""
    for n in range(count):
        holder_id = derived(f"bench/holder/{n}")
        person = RegisterHolder(
            holder_id=holder_id,
            family_name="Diallo",
            given_names="Aminata",
            birth_date=date(1990, 4, 1),
            sex="F",
            nationality="SEN",
            language="fr",
            email=f"holder-{n}@example.org",
            on=date(2016, 12, 20),
        )
        file = LodgeApplication(
            permit_id=permit_id(n),
            holder_id=holder_id,
            jurisdiction="MA",
            category="regularisation-2016",
            criterion="R5",
            prefecture="MA-RAB",
            on=date(2016, 12, 20),
        )
        yield person, COUNTER
        yield file, COUNTER


def opinion(n: int, times: int = 0) -> Command:
    """An opinion with its encrypted reasons and an idempotency key."""
    return RecordOpinion(
        permit_id=permit_id(n),
        body="local_commission",
        favourable=True,
        reasons="five years in the country are shown by leases and invoices",
        on=date(2017, 1, 20),
        command_id=f"bench/{n}/{times}",
    )


def permit_id(n: int) -> str:
    """The file of a person."""
    return derived(f"bench/permit/{n}")
