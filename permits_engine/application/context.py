"""What every handler and query needs: the open store, its keys and policies, the clock, and who runs the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import Command
from permits_engine.domain import legal_time
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor, Basis, Event
from permits_engine.domain.rules.competence import competence_error
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.holder import Person
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.events import history
from permits_engine.store.events.application import PermitsApplication, event_store, numbered
from permits_engine.store.events.ids import uuid7
from permits_engine.store.events.timestamps import micros
from permits_engine.store.keys.keyring import Keyring
from permits_engine.store.log.signing_keys import SigningKeys, origin_of


class Context:
    """The parts of an open store that are shared by all that reads and writes it. Thread-safe."""

    def __init__(
        self,
        database: Database,
        application: PermitsApplication,
        keyring: Keyring,
        policies: AdoptedPolicies,
        signing: SigningKeys,
        *,
        clock: Callable[[], datetime],
        operator: str,
        random: Callable[[int], bytes],
    ) -> None:
        self.database = database
        self.application = application
        self.keyring = keyring
        self.policies = policies
        self.signing = signing
        self.clock = clock
        self.operator = operator
        self.random = random
        self._days: dict[str, tuple[datetime, date]] = {}

    @property
    def origin(self) -> str:
        """The name of the store's log, which its checkpoints and tokens begin with."""
        with self.database.read() as tx:
            return origin_of(history.head(tx).store_id)

    # --- time and ids ---

    def now(self) -> int:
        """Return the moment, in microseconds since the epoch."""
        return micros(self.clock())

    def today(self, policy: Policy) -> date:
        """Return the legal day in the policy's time zone."""
        name, instant = policy.calendar.time_zone, self.clock()
        before = self._days.get(name)
        if before is not None and before[0] is instant:  # a fixed clock, as in the demo
            return before[1]
        day = instant.astimezone(legal_time.zone(name)).date()
        self._days[name] = instant, day
        return day

    def home_today(self, tx: Transaction) -> date:
        """Return the legal day in the home country."""
        return self.today(self.policies.home_policy(tx))

    def new_id(self) -> str:
        """Return a time-ordered identity (RFC 9562, version 7)."""
        return uuid7(self.now(), self.random)

    def stamper(self, actor: Actor, command: Command | None, on: date) -> Callable[..., Event]:
        """Return a function that makes the events of one command, each with id, actor, operator and correlation.

        Without a correlation id in the command, the id of its first event is used.
        """
        correlation = command.correlation_id if command else None

        def stamp(kind: type[Event], effective_on: date | None = None, /, **fields: Any) -> Event:
            nonlocal correlation
            event_id = self.new_id()
            correlation = correlation or event_id
            return kind(
                event_id=event_id,
                effective_on=effective_on or on,
                actor=actor,
                operator=self.operator,
                correlation_id=correlation,
                causation_id=command.causation_id if command else None,
                command_id=command.command_id if command else None,
                **fields,
            )

        return stamp

    # --- loading ---

    def begin(self, tx: Transaction) -> UnitOfWork:
        """Return a unit of work on an open transaction; its ``write`` records what was decided in it."""
        return UnitOfWork(tx, self.keyring, self.policies, self.now)

    def load(self, tx: Transaction, stream: str) -> list[tuple[int, Event]]:
        """Return the events of a stream with their versions, personal fields still encrypted."""
        return numbered(event_store(tx).get(stream))

    def jurisdiction_of(self, tx: Transaction, actor: Actor) -> str:
        """Return the jurisdiction of the actor's office; without an office, the store's home country."""
        return actor.prefecture[:2] if actor.prefecture else self.policies.home(tx)

    def person(self, tx: Transaction, holder_id: str) -> Person:
        """Return what is known about a person now; raise ``holder.not_found``."""
        return self.begin(tx).person(holder_id)


def events_of(drafts: Sequence[Draft], stamp: Callable[..., Event], digest: str) -> list[Event]:
    """Return the drafts of a decision as events with their legal basis."""
    return [
        stamp(d.kind, d.effective_on, basis=Basis(digest, d.rules) if d.rules else None, **d.fields)
        for d in drafts
    ]


def competence(context: Context, uow: UnitOfWork, command: Command, actor: Actor) -> date:
    """Today, where the actor may give the command; raises ``actor.not_competent``.

    A person belongs to no country: the actor's own office says whose rules on competence apply.
    """
    policy = uow.policy(context.jurisdiction_of(uow.tx, actor))
    today = context.today(policy)
    on = command.on or today
    if on > today:
        raise invalid("on", f"{on} lies after today ({today}); give the day on which it happened")
    problem = competence_error(policy.at(today), max(on, today), command.name, actor, None)
    if problem is not None:
        raise problem
    return today
