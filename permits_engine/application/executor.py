"""One command on one transaction: load, decide, gate, append, remember; the road that everything takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from permits_engine.application import idempotency, unit_of_work
from permits_engine.application.context import Context, events_of
from permits_engine.application.handlers import families, holder_events, holders, links
from permits_engine.application.outcome import Outcome, conflict, not_found
from permits_engine.application.unit_of_work import Work, taken
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
from permits_engine.domain.decisions import decide, titles
from permits_engine.domain.decisions.case import Holder
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor, Event, FactNoted
from permits_engine.domain.periods import ages
from permits_engine.domain.permit.fold import Permit, apply, corrected, fold, with_fields
from permits_engine.projections.search_entries import entries_of_file

DATA_PROTECTION = (EraseHolder, RecordDataRequest, AnswerDataRequest, PlaceHold, LiftHold)


def data_protection(context: Context, work: Work, command: Command, actor: Actor) -> Outcome:
    """The commands about a person's data; loaded when one is given."""
    from permits_engine.application.handlers.data_requests import change

    return change(context, work, command, actor)


class Executor:
    """Carries out commands inside a transaction that somebody else opens and ends."""

    def __init__(self, context: Context) -> None:
        self.context = context

    # --- the road ---

    def run(self, work: Work, command: Command, actor: Actor) -> Outcome:
        """Decide a command, or give the outcome that it had before under the same id; writes nothing yet."""
        if command.command_id is not None:
            before = idempotency.replayed(work, command)
            if before is not None:
                return before
        if isinstance(command, RegisterHolder):
            return holders.register(self.context, work, command, actor)
        if isinstance(command, UpdateHolder):
            return holders.change(self.context, work, command, actor)
        if isinstance(command, LinkHolders | UnlinkHolders):
            return links.change(self.context, work, command, actor)
        if isinstance(command, DATA_PROTECTION):
            return data_protection(self.context, work, command, actor)
        if isinstance(command, LodgeApplication):
            return self._lodge(work, command, actor)
        return self._on_permit(work, command, actor)

    def expect(self, work: Work, commands: Sequence[Command]) -> None:
        """Read at once what many commands will ask for one after the other."""
        given = [(command, getattr(command, "permit_id", None)) for command in commands]
        work.expect_files(permit_id for _, permit_id in given if permit_id is not None)
        persons = [x for x in commands if isinstance(x, RegisterHolder | UpdateHolder)]
        work.expect_holders(x.holder_id for x in persons if x.holder_id is not None)
        work.expect_commands(x.command_id for x in commands if x.command_id is not None)
        made = {x.holder_id for x in persons}
        filing = [x.holder_id for x in commands if isinstance(x, LodgeApplication)]
        work.expect_persons(each for each in filing if each not in made)
        files = [work.seen(permit_id) for _, permit_id in given if permit_id is not None]
        work.expect_keys(file.holder_id for file in files if file is not None)

    def _on_permit(self, work: Work, command: Any, actor: Actor) -> Outcome:
        permit = work.file(command.permit_id)
        if permit is None:
            raise not_found(command.permit_id)
        seen = permit.version
        if command.expected_version is not None and command.expected_version != seen:
            raise conflict(command.permit_id, seen, command.expected_version)
        policy = work.policy(permit.jurisdiction)
        today = self.context.today(policy)
        holder = Holder(permit.holder_id)
        alone, same_person = command.name == "issue_permit", list[str]()
        if alone:
            same_person = unit_of_work.records_of(work, permit.holder_id)
            holder = Holder(permit.holder_id, titles=work.titles(permit, same_person))
        if titles.personal(policy, permit, command.name):
            holder = _known_person(work, permit, command.on or today, holder)
        past: list[tuple[int, Event]] = []
        if isinstance(command, CorrectRecord):
            past = work.past(permit.permit_id)
        target = dict(corrected(past)).get(command.of_version) if past else None
        above = families.principal(work, command, permit) if isinstance(command, RecordFact) else None
        drafts = decide.decide(
            command.name, command, permit, holder, policy, actor, today=today, target=target
        )
        if not drafts:
            return Outcome(permit.permit_id, permit.holder_id, seen, ())
        stamp = self.context.stamper(actor, command, command.on or today)
        new = events_of(drafts, stamp, policy.digest)
        records = work.sealed(permit.permit_id, seen, new, permit.holder_id)
        if isinstance(command, RecordFact):
            holder_events.note_fact(work, command, permit.holder_id, stamp)
        if isinstance(command, CorrectRecord) and isinstance(target, FactNoted):
            right = with_fields(target, {command.field: command.value})
            assert isinstance(right, FactNoted)
            holder_events.note_fact_corrected(work, target, right, permit.holder_id, stamp)
        outcome = Outcome(permit.permit_id, permit.holder_id, seen + len(new), tuple(x.NAME for x in new))
        idempotency.remember(work, command, outcome, permit.permit_id, seen)
        # From here on nothing refuses the command any more.
        if past:
            numbered = [*past, *enumerate(new, seen + 1)]
            permit = fold(permit.permit_id, numbered) or permit
        else:
            for number, event in enumerate(new, seen + 1):
                apply(permit, number, event)
        work.change(permit, policy, today, seen, records)
        work.found_by(entries_of_file(permit.holder_id, permit.permit_id, new))
        for record in same_person:
            work.pass_gate(record)
        if command.name in titles.PERSONAL:
            for record in unit_of_work.records_of(work, permit.holder_id):
                work.hold(record)
        if isinstance(command, RecordFact) and above is not None:
            families.link(work, command, above, policy, today, stamp)
        elif permit.dependents:
            families.tell(work, permit, policy, today, stamp)
        return outcome

    # --- filing ---

    def _lodge(self, work: Work, command: LodgeApplication, actor: Actor) -> Outcome:
        policy = work.policy(command.jurisdiction)
        today = self.context.today(policy)
        on = command.on or today
        if command.expected_version not in (None, 0):
            raise conflict(command.permit_id or "a new permit", 0, command.expected_version)
        person = work.person(command.holder_id)
        holder = Holder(
            command.holder_id,
            nationality=person.nationality,
            sex=person.sex,
            age=ages(person.birth_date, on) if person.birth_date else None,
        )
        if person.birth_date is not None and person.birth_date > on:
            raise invalid("on", "lies before the holder's birth; correct the day or the birth date")
        drafts = decide.decide("lodge_application", command, None, holder, policy, actor, today=today)
        if command.permit_id is not None and work.file(command.permit_id) is not None:
            raise taken(command.permit_id)
        permit_id = command.permit_id or self.context.new_id()
        new = events_of(drafts, self.context.stamper(actor, command, on), policy.digest)
        work.cipher(command.holder_id)  # nobody files for a person whose data were erased
        records = work.sealed(permit_id, 0, new, command.holder_id)
        permit = fold(permit_id, enumerate(new, 1))
        assert permit is not None
        outcome = Outcome(permit_id, command.holder_id, len(new), tuple(x.NAME for x in new))
        idempotency.remember(work, command, outcome, permit_id, 0)
        work.change(permit, policy, today, 0, records)
        work.found_by(entries_of_file(command.holder_id, permit_id, new))
        return outcome


def _known_person(work: Work, permit: Permit, on: date, holder: Holder) -> Holder:
    """What decisions on a person need: facts recorded through any of their files, and the age on the day."""
    person = work.person(permit.holder_id)
    age = ages(person.birth_date, on) if person.birth_date else None
    # Who was registered twice is one person still, where somebody has said so.
    facts = [
        fact for each in unit_of_work.records_of(work, permit.holder_id) for fact in work.person(each).facts
    ]
    return msgspec.structs.replace(holder, sex=permit.sex, age=age, facts=tuple(facts))
