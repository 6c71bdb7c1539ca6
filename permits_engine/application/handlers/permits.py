"""Commands on one permit: load what the decision looks at, decide, record what follows.

Facts about the person, and their corrections, are recorded in the holder's own stream too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Generic, TypeVar

import msgspec

from permits_engine.application import idempotency
from permits_engine.application.context import Context, events_of
from permits_engine.application.handlers import families, removals
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome, conflict, not_found
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import CorrectRecord, RecordFact
from permits_engine.commands.base import PermitCommand
from permits_engine.domain.decisions import decide, titles
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.events import EVENTS, Actor, Event, FactNoted, FactRecorded
from permits_engine.domain.partial_dates import age_on
from permits_engine.domain.permit.fold import apply, corrected, fold, with_fields
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.search_entries import entries_of_file

C = TypeVar("C", bound=PermitCommand)
Stamp = Callable[..., Event]

GRANTS = frozenset({"issue_permit", "renew_permit"})
"""Commands that give a title: it may not overlap another one, and ends an order to leave on any file."""
ON_OTHER_FILES = GRANTS | titles.PERSON_COMMANDS
"""Commands whose decision depends on the holder's other files."""
_ENCRYPTED = frozenset(name for event in EVENTS.values() for name in event.ENCRYPTED)


class Inputs(msgspec.Struct):
    """Everything that a decision on a permit looks at, and what is changed by it, loaded before the decision."""

    permit: Permit
    policy: Policy
    today: date
    holder: HolderFacts
    records: Sequence[str] = ()
    """Every record of the person, where the decision looks at more than this file."""
    past: Sequence[tuple[int, Event]] = ()
    """The file's events, where one of them is corrected."""
    target: Event | None = None
    principal: Permit | None = None
    """The file of the family member, where the command records a tie to it."""


class PermitHandler(Generic[C]):
    """The commands on one permit; those that change other streams too extend it."""

    def needs(self, command: C, needs: Needs) -> None:
        """Name what the command reads."""
        needs.permits.add(command.permit_id)

    def needs_of(self, command: C, permit: Permit, needs: Needs) -> None:
        """Name what the command reads besides its file, once that is loaded."""
        if _needs_key(command):
            needs.keys.add(permit.holder_id)
        if command.name in ON_OTHER_FILES:
            needs.holders.add(permit.holder_id)
            needs.files_of.add(permit.holder_id)
        needs.permits.update(each.permit_id for each in permit.dependents)

    def handle(self, context: Context, uow: UnitOfWork, command: C, actor: Actor) -> Outcome:
        """Load, decide and record; raise what refuses the command."""
        inputs = self.load(context, uow, command)
        permit, policy, today = inputs.permit, inputs.policy, inputs.today
        drafts = decide.decide(
            command.name, command, permit, inputs.holder, policy, actor, today=today, target=inputs.target
        )
        if not drafts:
            return Outcome(permit.permit_id, permit.holder_id, permit.version, ())
        stamp = context.stamper(actor, command, command.on or today)
        return self.record(uow, command, inputs, events_of(drafts, stamp, policy.digest), stamp)

    # --- load ---

    def load(self, context: Context, uow: UnitOfWork, command: C) -> Inputs:
        """Load the inputs; raise ``permit.not_found`` and ``concurrency.conflict``."""
        permit = uow.file(command.permit_id)
        if permit is None:
            raise not_found(command.permit_id)
        if command.expected_version not in (None, permit.version):
            raise conflict(command.permit_id, permit.version, command.expected_version or 0)
        policy = uow.policy(permit.jurisdiction)
        inputs = Inputs(
            permit, policy, context.today(policy), HolderFacts(permit.holder_id, files=uow.others_of(permit))
        )
        on_files = command.name in ON_OTHER_FILES
        on_person = titles.depends_on_person(policy, permit, command.name)
        if on_files or on_person:
            inputs.records = uow.records_of(permit.holder_id)
            files = uow.other_files(permit, inputs.records) if on_files else inputs.holder.files
            inputs.holder = HolderFacts(permit.holder_id, files=files)
        if on_person:
            inputs.holder = _known_person(uow, inputs, command.on or inputs.today)
        if permit.dependents:
            uow.expect_files(each.permit_id for each in permit.dependents)
        if _needs_key(command):
            uow.key(permit.holder_id)
        return inputs

    # --- record ---

    def record(
        self, uow: UnitOfWork, command: C, inputs: Inputs, new: Sequence[Event], stamp: Stamp
    ) -> Outcome:
        """Record the events and what follows from them; raise ``holder.erased``."""
        permit, seen = inputs.permit, inputs.permit.version
        placed = uow.place(permit.permit_id, seen, new, permit.holder_id)
        of_person = self.events_of_person(command, inputs, stamp)
        placed_of_person = (
            uow.place(permit.holder_id, uow.holder_version(permit.holder_id), of_person, permit.holder_id)
            if of_person
            else []
        )
        outcome = Outcome(permit.permit_id, permit.holder_id, seen + len(new), tuple(x.NAME for x in new))
        idempotency.remember(uow, command, outcome, permit.permit_id, seen)
        uow.broken = True  # from here on nothing may refuse the command: half of it would stay in memory
        permit = self.applied(inputs, new)
        uow.change(permit, inputs.policy, inputs.today, seen, placed)
        uow.index(entries_of_file(permit.holder_id, permit.permit_id, new))
        if placed_of_person:
            uow.extend_holder(placed_of_person)
        for record in inputs.records:
            if command.name in ON_OTHER_FILES:
                uow.bump_holder_version(record)
            if command.name in titles.PERSON_COMMANDS:
                uow.lock_holder(record)
        self.propagate(uow, command, inputs, permit, stamp)
        uow.broken = False
        return outcome

    def events_of_person(self, command: C, inputs: Inputs, stamp: Stamp) -> list[Event]:
        """Return the events of the holder's own stream."""
        return []

    def applied(self, inputs: Inputs, new: Sequence[Event]) -> Permit:
        """Return the permit with its new events."""
        for version, event in enumerate(new, inputs.permit.version + 1):
            apply(inputs.permit, version, event)
        return inputs.permit

    def propagate(self, uow: UnitOfWork, command: C, inputs: Inputs, permit: Permit, stamp: Stamp) -> None:
        """Record on the files of family members what changed for them."""
        if permit.dependents:
            families.propagate(uow, permit, inputs.policy, inputs.today, stamp)
        if command.name in GRANTS:
            removals.annul(uow, permit, inputs.holder.files, inputs.policy, inputs.today, stamp)


class FactHandler(PermitHandler[RecordFact]):
    """``record_fact``, family ties included."""

    def needs_of(self, command: RecordFact, permit: Permit, needs: Needs) -> None:
        """Name what the command reads besides its file."""
        super().needs_of(command, permit, needs)
        needs.holders.add(permit.holder_id)
        if command.of is not None:
            needs.permits.add(command.of)

    def load(self, context: Context, uow: UnitOfWork, command: RecordFact) -> Inputs:
        """Load the inputs, the holder's version and the principal's file with its dependents."""
        inputs = super().load(context, uow, command)
        uow.holder(inputs.permit.holder_id)
        inputs.principal = families.principal(uow, command, inputs.permit)
        return inputs

    def events_of_person(self, command: RecordFact, inputs: Inputs, stamp: Stamp) -> list[Event]:
        """Return the fact with its evidence."""
        fields = ("kind", "since", "until", "of", "evidence")
        return [stamp(FactRecorded, **{name: getattr(command, name) for name in fields})]

    def propagate(
        self, uow: UnitOfWork, command: RecordFact, inputs: Inputs, permit: Permit, stamp: Stamp
    ) -> None:
        """Note a tie on the principal's file."""
        if inputs.principal is not None:
            families.link(uow, command, inputs.principal, inputs.policy, inputs.today, stamp)
        else:
            super().propagate(uow, command, inputs, permit, stamp)


class CorrectionHandler(PermitHandler[CorrectRecord]):
    """``correct_record``."""

    def needs_of(self, command: CorrectRecord, permit: Permit, needs: Needs) -> None:
        """Name what the command reads besides its file."""
        super().needs_of(command, permit, needs)
        needs.holders.add(permit.holder_id)

    def load(self, context: Context, uow: UnitOfWork, command: CorrectRecord) -> Inputs:
        """Load the inputs, with the file's events and the one that is corrected."""
        inputs = super().load(context, uow, command)
        inputs.past = uow.past(command.permit_id)
        inputs.target = dict(corrected(inputs.past)).get(command.of_version)
        if isinstance(inputs.target, FactNoted):
            uow.holder(inputs.permit.holder_id)
        return inputs

    def events_of_person(self, command: CorrectRecord, inputs: Inputs, stamp: Stamp) -> list[Event]:
        """Return the corrected fact: a later record of a kind and first day replaces the earlier one.

        A fact that begins on another day never held from the first one.
        """
        before = inputs.target
        if not isinstance(before, FactNoted):
            return []
        after = with_fields(before, {command.field: command.value})
        assert isinstance(after, FactNoted)
        right = stamp(FactRecorded, kind=after.kind, since=after.since, until=after.until, of=after.of)
        if after.since == before.since:
            return [right]
        never = before.since - timedelta(days=1)
        return [stamp(FactRecorded, kind=before.kind, since=before.since, until=never, of=before.of), right]

    def applied(self, inputs: Inputs, new: Sequence[Event]) -> Permit:
        """Return the permit as its corrected history tells it."""
        numbered = [*inputs.past, *enumerate(new, inputs.permit.version + 1)]
        return fold(inputs.permit.permit_id, numbered) or inputs.permit


def _needs_key(command: PermitCommand) -> bool:
    """Whether the command carries what is encrypted under the holder's key, or compared with it."""
    return command.command_id is not None or not _ENCRYPTED.isdisjoint(command.model_fields_set)


def _known_person(uow: UnitOfWork, inputs: Inputs, on: date) -> HolderFacts:
    """Return the holder with the age on the day and the facts recorded through any of their files."""
    person = uow.person(inputs.permit.holder_id)
    age, at_most = age_on(person.born, on) if person.born else (None, None)
    facts = tuple(fact for each in inputs.records for fact in uow.person(each).facts)
    return msgspec.structs.replace(
        inputs.holder, sex=inputs.permit.sex, age=age, age_at_most=at_most, facts=facts
    )
