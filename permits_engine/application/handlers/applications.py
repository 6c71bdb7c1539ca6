"""Applications: a file is opened for a person who is known."""

from __future__ import annotations

from permits_engine.application import idempotency
from permits_engine.application.context import Context, events_of
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.unit_of_work import UnitOfWork, taken
from permits_engine.commands import LodgeApplication
from permits_engine.domain.decisions import decide
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.partial_dates import age_on
from permits_engine.domain.permit.fold import fold
from permits_engine.projections.search_entries import entries_of_file


def needs(command: LodgeApplication, needs: Needs) -> None:
    """Name what the command reads."""
    needs.persons.add(command.holder_id)
    if command.permit_id is not None:
        needs.permits.add(command.permit_id)


def lodge(context: Context, uow: UnitOfWork, command: LodgeApplication, actor: Actor) -> Outcome:
    """Open a file; raise ``holder.not_found``, ``holder.erased`` and what refuses the application."""
    policy = uow.policy(command.jurisdiction)
    today = context.today(policy)
    on = command.on or today
    if command.expected_version not in (None, 0):
        raise conflict(command.permit_id or "a new permit", 0, command.expected_version)
    person = uow.person(command.holder_id)
    age, at_most = age_on(person.born, on) if person.born else (None, None)
    holder = HolderFacts(command.holder_id, person.nationality, person.sex, age=age, age_at_most=at_most)
    exists = command.permit_id is not None and uow.file(command.permit_id) is not None
    if person.born is not None and person.born.earliest > on:
        raise invalid("on", "lies before the holder's birth; correct the day or the birth date")
    drafts = decide.decide("lodge_application", command, None, holder, policy, actor, today=today)
    if exists:
        raise taken(command.permit_id or "")
    uow.cipher(command.holder_id)
    permit_id = command.permit_id or context.new_id()
    new = events_of(drafts, context.stamper(actor, command, on), policy.digest)
    permit = fold(permit_id, enumerate(new, 1))
    assert permit is not None
    outcome = Outcome(permit_id, command.holder_id, len(new), tuple(x.NAME for x in new))
    placed = uow.place(permit_id, 0, new, command.holder_id)
    idempotency.remember(uow, command, outcome, permit_id, 0)
    uow.change(permit, policy, today, 0, placed)
    uow.index(entries_of_file(command.holder_id, permit_id, new))
    return outcome
