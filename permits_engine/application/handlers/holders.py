"""Holders: registered and updated; they belong to no permit and to no country."""

from __future__ import annotations

from copy import copy

from permits_engine.application import idempotency
from permits_engine.application.context import Context, competence
from permits_engine.application.handlers import holder_events
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RegisterHolder, UpdateHolder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, HolderAccessed, HolderRegistered, HolderUpdated
from permits_engine.projections.holder import grown
from permits_engine.projections.search_entries import entries_of_person

_ENVELOPE = {"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"}
_REQUIRED = ("family_name", "given_names", "birth_date", "sex", "nationality", "language")
_INDEXED = {"family_name", "given_names", "birth_date"}


def needs(command: RegisterHolder | UpdateHolder, needs: Needs) -> None:
    """Name what the commands read."""
    if command.holder_id is not None:
        needs.holders.add(command.holder_id)
        if isinstance(command, UpdateHolder):
            needs.keys.add(command.holder_id)


def register_holder(context: Context, uow: UnitOfWork, command: RegisterHolder, actor: Actor) -> Outcome:
    """Register a person, whose data are encrypted under a key of their own.

    Raises ``concurrency.conflict`` for a known ``holder_id`` and ``holder.erased`` for one that was erased.
    """
    today = competence(context, uow, command, actor)
    if command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    holder_id = command.holder_id or context.new_id()
    if command.holder_id is not None and uow.holder(holder_id) is not None:
        uow.cipher(holder_id)
        raise error(
            "concurrency.conflict",
            f"holder_id {holder_id} is registered already; use update_holder",
            holder_id=holder_id,
        )
    fields = command.model_dump(mode="json", exclude=_ENVELOPE)
    event = context.stamper(actor, command, command.on or today)(HolderRegistered, **fields)
    uow.new_holder(holder_id, event)
    outcome = Outcome(None, holder_id, 1, (event.NAME,))
    idempotency.remember(uow, command, outcome, holder_id, 0)
    return outcome


def update_holder(context: Context, uow: UnitOfWork, command: UpdateHolder, actor: Actor) -> Outcome:
    """Change what is known about a person; raise ``holder.not_found``, ``holder.erased``."""
    today = competence(context, uow, command, actor)
    holder_id, expected = command.holder_id, command.expected_version
    seen = uow.holder_version(holder_id)
    if expected is not None and not _unchanged(uow, holder_id, expected, seen):
        raise conflict(holder_id, seen, expected)
    fields = command.model_dump(mode="json", exclude=_ENVELOPE, exclude_unset=True)
    if not fields:
        raise invalid("update_holder", "names no field to change")
    for required in _REQUIRED:
        if required in fields and fields[required] is None:
            raise invalid(required, "cannot be emptied")
    if command.birth_date is not None and command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    uow.cipher(holder_id)
    before = copy(uow.person(holder_id)) if fields.keys() & _INDEXED else None
    stamp = context.stamper(actor, command, command.on or today)
    event = stamp(HolderUpdated, changed=tuple(fields), **fields)
    outcome = holder_events.append(uow, command, holder_id, [event])
    if before is not None:
        uow.index(entries_of_person(grown(before, holder_id, outcome.version, event)))
    return outcome


def _unchanged(uow: UnitOfWork, holder_id: str, expected: int, version: int) -> bool:
    """Return whether all events after the expected version are looks at the person's data."""
    if expected == version:
        return True
    since = uow.store.stream(holder_id, after=expected)
    looks = [each for each in since if each.name.startswith(f"{HolderAccessed.NAME}@")]
    return expected < version and len(looks) == version - expected
