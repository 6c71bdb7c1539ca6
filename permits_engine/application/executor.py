"""Commands in transactions: one or many, tried again after a conflict, or only checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from eventsourcing.persistence import Tracking

from permits_engine.application import idempotency
from permits_engine.application.context import Context
from permits_engine.application.handlers.table import HANDLERS, expect
from permits_engine.application.outcome import Outcome, not_found, valid_actor
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import Command
from permits_engine.domain.decisions import lifecycle
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.rules.competence import competence_error
from permits_engine.store.database.host_transactions import HostSession

ATTEMPTS = 3
"""How often a command without ``expected_version`` is decided again after a conflict."""
BATCH = 250
"""Commands in one transaction of ``execute_many``."""
_HOPELESS = frozenset({"store.unavailable", "store.not_initialised"})


class Executor:
    """Decides commands and records what follows. Thread-safe."""

    def __init__(self, context: Context) -> None:
        self.context = context

    # --- whole transactions ---

    def execute(
        self,
        command: Command,
        *,
        actor: Actor,
        session: HostSession | None = None,
        tracking: Tracking | None = None,
    ) -> Outcome:
        """Decide a command and record what follows, in one transaction: see ``Engine.execute``."""
        valid_actor(actor)
        once = session is not None or command.expected_version is not None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.context.database.write(session) as tx:
                    uow = self.context.begin(tx)
                    uow.tracking = tracking
                    outcome = self.run(uow, command, actor)
                    uow.write()
                    return outcome
            except ConflictError as problem:
                if once or attempt == ATTEMPTS or problem.code != "concurrency.conflict":
                    raise
        raise AssertionError("unreachable")

    def execute_many(
        self, commands: Iterable[Command | tuple[Command, Actor]], *, actor: Actor | None = None
    ) -> Iterator[Outcome | PermitsError]:
        """Carry out many commands, several to a transaction: see ``Engine.execute_many``."""
        batch: list[tuple[Command, Actor]] = []
        for item in commands:
            command, who = item if isinstance(item, tuple) else (item, actor)
            batch.append((command, valid_actor(who)))
            if len(batch) == BATCH:
                yield from self._batch(batch)
                batch = []
        yield from self._batch(batch)

    def _batch(self, batch: Sequence[tuple[Command, Actor]]) -> list[Outcome | PermitsError]:
        if not batch:
            return []
        try:
            with self.context.database.write() as tx:
                uow = self.context.begin(tx)
                expect(uow, [command for command, _ in batch])
                answers = [self._one_of(uow, command, who) for command, who in batch]
                uow.write()
                return answers
        except PermitsError as problem:
            if problem.code in _HOPELESS:
                raise
            # Another process was first, or one of them cannot be written: then each by itself.
            return [self._alone(command, who) for command, who in batch]

    def _one_of(self, uow: UnitOfWork, command: Command, actor: Actor) -> Outcome | PermitsError:
        try:
            return self.run(uow, command, actor)
        except PermitsError as problem:
            if uow.broken or problem.code in _HOPELESS:
                raise
            return problem

    def _alone(self, command: Command, actor: Actor) -> Outcome | PermitsError:
        try:
            return self.execute(command, actor=actor)
        except PermitsError as problem:
            if problem.code in _HOPELESS:
                raise
            return problem

    def check(self, command: Command, *, actor: Actor) -> tuple[str, ...]:
        """Return the events that a command would lead to, recording nothing; raise what it would."""
        with self.context.database.read() as tx:
            uow = self.context.begin(tx)
            outcome = self.run(uow, command, actor)
            uow.evaluate_rows()
            return outcome.events

    def allowed(self, permit_id: str, *, actor: Actor, on: date | None = None) -> list[str]:
        """Return the commands that the file's state and the actor's role and office allow on a day."""
        with self.context.database.read() as tx:
            permit = fold(permit_id, self.context.load(tx, permit_id))
            if permit is None:
                raise not_found(permit_id)
            policy = self.context.policies.current(tx, permit.jurisdiction)
        today = self.context.today(policy)
        s = situation_on(permit, on or today, policy.at(today))
        found = []
        for name in lifecycle.allowed_commands(s):
            bodies = [a.body for a in s.answerable] if name == "decide_appeal" and s.answerable else [None]
            problems = (
                competence_error(policy.at(today), s.day, name, actor, s.prefecture, body) for body in bodies
            )
            if any(problem is None for problem in problems):
                found.append(name)
        return found

    # --- one command ---

    def run(self, uow: UnitOfWork, command: Command, actor: Actor) -> Outcome:
        """Decide a command, or give the outcome that it had before under the same id; writes nothing yet."""
        if command.command_id is not None:
            before = idempotency.replayed(uow, command)
            if before is not None:
                return before
        return HANDLERS[type(command)].handle(self.context, uow, command, actor)
