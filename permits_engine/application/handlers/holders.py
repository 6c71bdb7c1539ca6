"""Persons: made known and changed; they belong to no permit and to no country."""

from __future__ import annotations

from copy import copy

from permits_engine.application import idempotency
from permits_engine.application.context import Context, competence
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RegisterHolder, UpdateHolder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import (
    Actor,
    HolderAccessed,
    HolderRegistered,
    HolderUpdated,
)
from permits_engine.projections.holder import grown
from permits_engine.projections.search_entries import entries_of_person
from permits_engine.store.events import history
from permits_engine.store.keys.keyring import NEW_KEY

_ENVELOPE = {"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"}


def register(context: Context, uow: UnitOfWork, command: RegisterHolder, actor: Actor) -> Outcome:
    """Make a person known; everything about them is encrypted under a key of their own."""
    today = competence(context, uow, command, actor)
    if command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    holder_id = command.holder_id or context.new_id()
    if command.holder_id is not None and uow.holder(holder_id) is not None:
        uow.cipher(holder_id)  # whoever was erased does not come back
        raise error(
            "concurrency.conflict",
            f"holder_id {holder_id} is registered already; use update_holder",
            holder_id=holder_id,
        )
    fields = command.model_dump(mode="json", exclude=_ENVELOPE)
    event = context.stamper(actor, command, command.on or today)(HolderRegistered, **fields)
    cipher, row = context.keyring.make(holder_id)
    person = grown(None, holder_id, 1, event)
    uow.new_holder(person, cipher)
    uow.write_row(NEW_KEY, row)
    uow.append(uow.place(holder_id, 0, [event], holder_id))
    outcome = Outcome(None, holder_id, 1, (event.NAME,))
    idempotency.remember(uow, command, outcome, holder_id, 0)
    uow.index(entries_of_person(person))
    return outcome


def change(context: Context, uow: UnitOfWork, command: UpdateHolder, actor: Actor) -> Outcome:
    """Change what is known about a person; raises ``holder.not_found``."""
    today = competence(context, uow, command, actor)
    gate = uow.holder(command.holder_id)
    if gate is None:
        raise error(
            "holder.not_found", f"there is no holder {command.holder_id}", holder_id=command.holder_id
        )
    seen = gate[0]
    if command.expected_version is not None and not _unchanged(uow, command.holder_id, command, seen):
        raise conflict(command.holder_id, seen, command.expected_version)
    fields = command.model_dump(mode="json", exclude=_ENVELOPE, exclude_unset=True)
    if not fields:
        raise invalid("update_holder", "names no field to change")
    for required in ("family_name", "given_names", "birth_date", "sex", "nationality", "language"):
        if required in fields and fields[required] is None:
            raise invalid(required, "cannot be emptied")
    if command.birth_date is not None and command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    uow.cipher(command.holder_id)
    stamp = context.stamper(actor, command, command.on or today)
    event = stamp(HolderUpdated, changed=tuple(fields), **fields)
    records = uow.place(command.holder_id, seen, [event], command.holder_id)
    outcome = Outcome(None, command.holder_id, seen + 1, (event.NAME,))
    entries = []
    if fields.keys() & {"family_name", "given_names", "birth_date"}:
        known = copy(uow.person(command.holder_id))
        entries = entries_of_person(grown(known, command.holder_id, seen + 1, event))
    idempotency.remember(uow, command, outcome, command.holder_id, seen)
    uow.index(entries)
    uow.move_holder(command.holder_id, seen, seen + 1)
    uow.append(records)
    return outcome


def _unchanged(uow: UnitOfWork, holder_id: str, command: UpdateHolder, version: int) -> bool:
    """Whether nothing but looks at the person lies between the version that was expected and the present one."""
    expected = command.expected_version
    if expected is None or expected == version:
        return True
    since = history.stream(uow.tx, holder_id, after=expected)
    looks = [each for each in since if each.name.startswith(f"{HolderAccessed.NAME}@")]
    return expected < version and len(looks) == version - expected
