"""Commands in transactions: load, decide, append, remember."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import msgspec

from permits_engine.application import idempotency, unit_of_work
from permits_engine.application.context import Context, events_of
from permits_engine.application.handlers import families, holder_events, holders, links
from permits_engine.application.outcome import Outcome, conflict, not_found, valid_actor
from permits_engine.application.unit_of_work import UnitOfWork, taken
from permits_engine.commands import (
    AnswerDataRequest,
    Command,
    CorrectRecord,
    EraseHolder,
    LiftHold,
    LinkHolders,
    LodgeApplication,
    PlaceHold,
    RecordDataRequest,
    RecordFact,
    RegisterHolder,
    UnlinkHolders,
    UpdateHolder,
)
from permits_engine.domain.decisions import decide, lifecycle, titles
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.errors import ConflictError, PermitsError, invalid
from permits_engine.domain.events import Actor, Event, FactNoted
from permits_engine.domain.periods import ages
from permits_engine.domain.permit.fold import apply, corrected, fold, with_fields
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.competence import competence_error
from permits_engine.projections.search_entries import entries_of_file
from permits_engine.store.database.host_transactions import HostSession

DATA_PROTECTION = (EraseHolder, RecordDataRequest, AnswerDataRequest, PlaceHold, LiftHold)


def data_protection(context: Context, uow: UnitOfWork, command: Command, actor: Actor) -> Outcome:
    """The commands about a person's data; loaded when one is given."""
    from permits_engine.application.handlers.data_requests import change

    return change(context, uow, command, actor)


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

    def execute(self, command: Command, *, actor: Actor, session: HostSession | None = None) -> Outcome:
        """Decide a command and record what follows, in one transaction.

        With the host's ``session`` the events commit or roll back with the host's own rows, and nothing is
        tried again. Raises ``PermitsError``; a refused command leaves no trace.
        """
        valid_actor(actor)
        once = session is not None or command.expected_version is not None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.context.database.write(session) as tx:
                    uow = self.context.begin(tx)
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
        """Carry out many commands, several to a transaction; yield the outcome or the error of each, in order.

        An item may bring its own actor. A refused command stops nothing. Outcomes are given only after
        their transaction has been committed.
        """
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
                self.expect(uow, [command for command, _ in batch])
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
            uow.rows()
            return outcome.events

    def allowed(self, permit_id: str, *, actor: Actor, on: date | None = None) -> list[str]:
        """Return the commands that the file's state and the actor's role and office allow on a day."""
        with self.context.database.read() as tx:
            permit = fold(permit_id, self.context.load(tx, permit_id))
            if permit is None:
                raise not_found(permit_id)
            policy = self.context.policies.current(tx, permit.jurisdiction)
        today = self.context.today(policy)
        s = Situation(permit, on or today, policy.at(today))
        found = []
        for name in lifecycle.allowed_commands(s):
            body = s.pending_appeal.body if name == "decide_appeal" and s.pending_appeal else None
            if competence_error(policy.at(today), s.day, name, actor, s.prefecture, body) is None:
                found.append(name)
        return found

    # --- one command ---

    def run(self, uow: UnitOfWork, command: Command, actor: Actor) -> Outcome:
        """Decide a command, or give the outcome that it had before under the same id; writes nothing yet."""
        if command.command_id is not None:
            before = idempotency.replayed(uow, command)
            if before is not None:
                return before
        if isinstance(command, RegisterHolder):
            return holders.register(self.context, uow, command, actor)
        if isinstance(command, UpdateHolder):
            return holders.change(self.context, uow, command, actor)
        if isinstance(command, LinkHolders | UnlinkHolders):
            return links.change(self.context, uow, command, actor)
        if isinstance(command, DATA_PROTECTION):
            return data_protection(self.context, uow, command, actor)
        if isinstance(command, LodgeApplication):
            return self._lodge(uow, command, actor)
        return self._on_permit(uow, command, actor)

    def expect(self, uow: UnitOfWork, commands: Sequence[Command]) -> None:
        """Read at once what many commands will ask for one after the other."""
        given = [(command, getattr(command, "permit_id", None)) for command in commands]
        uow.expect_files(permit_id for _, permit_id in given if permit_id is not None)
        persons = [x for x in commands if isinstance(x, RegisterHolder | UpdateHolder)]
        uow.expect_holders(x.holder_id for x in persons if x.holder_id is not None)
        uow.expect_commands(x.command_id for x in commands if x.command_id is not None)
        made = {x.holder_id for x in persons}
        filing = [x.holder_id for x in commands if isinstance(x, LodgeApplication)]
        uow.expect_persons(each for each in filing if each not in made)
        files = [uow.loaded_permit(permit_id) for _, permit_id in given if permit_id is not None]
        uow.expect_keys(file.holder_id for file in files if file is not None)

    def _on_permit(self, uow: UnitOfWork, command: Any, actor: Actor) -> Outcome:
        permit = uow.file(command.permit_id)
        if permit is None:
            raise not_found(command.permit_id)
        seen = permit.version
        if command.expected_version is not None and command.expected_version != seen:
            raise conflict(command.permit_id, seen, command.expected_version)
        policy = uow.policy(permit.jurisdiction)
        today = self.context.today(policy)
        holder = HolderFacts(permit.holder_id)
        alone, same_person = command.name == "issue_permit", list[str]()
        if alone:
            same_person = unit_of_work.records_of(uow, permit.holder_id)
            holder = HolderFacts(permit.holder_id, titles=uow.titles(permit, same_person))
        if titles.depends_on_person(policy, permit, command.name):
            holder = _known_person(uow, permit, command.on or today, holder)
        past: list[tuple[int, Event]] = []
        if isinstance(command, CorrectRecord):
            past = uow.past(permit.permit_id)
        target = dict(corrected(past)).get(command.of_version) if past else None
        above = families.principal(uow, command, permit) if isinstance(command, RecordFact) else None
        drafts = decide.decide(
            command.name, command, permit, holder, policy, actor, today=today, target=target
        )
        if not drafts:
            return Outcome(permit.permit_id, permit.holder_id, seen, ())
        stamp = self.context.stamper(actor, command, command.on or today)
        new = events_of(drafts, stamp, policy.digest)
        records = uow.place(permit.permit_id, seen, new, permit.holder_id)
        if isinstance(command, RecordFact):
            holder_events.note_fact(uow, command, permit.holder_id, stamp)
        if isinstance(command, CorrectRecord) and isinstance(target, FactNoted):
            right = with_fields(target, {command.field: command.value})
            assert isinstance(right, FactNoted)
            holder_events.note_fact_corrected(uow, target, right, permit.holder_id, stamp)
        outcome = Outcome(permit.permit_id, permit.holder_id, seen + len(new), tuple(x.NAME for x in new))
        idempotency.remember(uow, command, outcome, permit.permit_id, seen)
        # From here on nothing refuses the command any more.
        if past:
            numbered = [*past, *enumerate(new, seen + 1)]
            permit = fold(permit.permit_id, numbered) or permit
        else:
            for number, event in enumerate(new, seen + 1):
                apply(permit, number, event)
        uow.change(permit, policy, today, seen, records)
        uow.index(entries_of_file(permit.holder_id, permit.permit_id, new))
        for record in same_person:
            uow.bump_holder_version(record)
        if command.name in titles.PERSON_COMMANDS:
            for record in unit_of_work.records_of(uow, permit.holder_id):
                uow.lock_holder(record)
        if isinstance(command, RecordFact) and above is not None:
            families.link(uow, command, above, policy, today, stamp)
        elif permit.dependents:
            families.propagate(uow, permit, policy, today, stamp)
        return outcome

    # --- filing ---

    def _lodge(self, uow: UnitOfWork, command: LodgeApplication, actor: Actor) -> Outcome:
        policy = uow.policy(command.jurisdiction)
        today = self.context.today(policy)
        on = command.on or today
        if command.expected_version not in (None, 0):
            raise conflict(command.permit_id or "a new permit", 0, command.expected_version)
        person = uow.person(command.holder_id)
        holder = HolderFacts(
            command.holder_id,
            nationality=person.nationality,
            sex=person.sex,
            age=ages(person.birth_date, on) if person.birth_date else None,
        )
        if person.birth_date is not None and person.birth_date > on:
            raise invalid("on", "lies before the holder's birth; correct the day or the birth date")
        drafts = decide.decide("lodge_application", command, None, holder, policy, actor, today=today)
        if command.permit_id is not None and uow.file(command.permit_id) is not None:
            raise taken(command.permit_id)
        permit_id = command.permit_id or self.context.new_id()
        new = events_of(drafts, self.context.stamper(actor, command, on), policy.digest)
        uow.cipher(command.holder_id)  # nobody files for a person whose data were erased
        records = uow.place(permit_id, 0, new, command.holder_id)
        permit = fold(permit_id, enumerate(new, 1))
        assert permit is not None
        outcome = Outcome(permit_id, command.holder_id, len(new), tuple(x.NAME for x in new))
        idempotency.remember(uow, command, outcome, permit_id, 0)
        uow.change(permit, policy, today, 0, records)
        uow.index(entries_of_file(command.holder_id, permit_id, new))
        return outcome


def _known_person(uow: UnitOfWork, permit: Permit, on: date, holder: HolderFacts) -> HolderFacts:
    """What decisions on a person need: facts recorded through any of their files, and the age on the day."""
    person = uow.person(permit.holder_id)
    age = ages(person.birth_date, on) if person.birth_date else None
    # Who was registered twice is one person still, where somebody has said so.
    facts = [
        fact for each in unit_of_work.records_of(uow, permit.holder_id) for fact in uow.person(each).facts
    ]
    return msgspec.structs.replace(holder, sex=permit.sex, age=age, facts=tuple(facts))
