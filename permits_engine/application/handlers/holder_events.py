"""Events appended to a holder's stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from permits_engine.application import idempotency
from permits_engine.application.outcome import Outcome
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import Command
from permits_engine.domain.events import Event, HolderAccessed


def append(uow: UnitOfWork, command: Command, holder_id: str, new: Sequence[Event]) -> Outcome:
    """Append a command's events; raise ``holder.not_found`` and ``holder.erased``."""
    seen = uow.holder_version(holder_id)
    uow.cipher(holder_id)
    placed = uow.place(holder_id, seen, new, holder_id)
    outcome = Outcome(None, holder_id, seen + len(new), tuple(each.NAME for each in new))
    idempotency.remember(uow, command, outcome, holder_id, seen)
    uow.extend_holder(placed)
    return outcome


def note_access(uow: UnitOfWork, holder_id: str, stamp: Callable[..., Event], purpose: str | None) -> None:
    """Append that a person's data were read; do nothing where they were erased."""
    row = uow.holder(holder_id)
    if row is not None and uow.key(holder_id) is not None:
        event = stamp(HolderAccessed, purpose=purpose)
        uow.extend_holder(uow.place(holder_id, row.version, [event], holder_id))
