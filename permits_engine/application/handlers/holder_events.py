"""Events that other commands append to a holder's stream: facts and looks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RecordFact
from permits_engine.domain.events import Event, FactNoted, FactRecorded, HolderAccessed


def note_access(uow: UnitOfWork, holder_id: str, stamp: Callable[..., Event], purpose: str | None) -> None:
    """Somebody has seen a person's data; nothing is noted of one whose data were erased."""
    gate = uow.holder(holder_id)
    if gate is None or uow.key(holder_id) is None:
        return
    event = stamp(HolderAccessed, purpose=purpose)
    records = uow.place(holder_id, gate[0], [event], holder_id)
    uow.move_holder(holder_id, gate[0], gate[0] + 1)
    uow.append(records)


def note_fact(uow: UnitOfWork, command: RecordFact, holder_id: str, stamp: Callable[..., Event]) -> None:
    """A fact recorded through a file, in the holder's own stream, with its evidence encrypted."""
    gate = uow.holder(holder_id)
    seen = gate[0] if gate is not None else 0
    event = stamp(
        FactRecorded,
        kind=command.kind,
        since=command.since,
        until=command.until,
        of=command.of,
        evidence=command.evidence,
    )
    records = uow.place(holder_id, seen, [event], holder_id)
    uow.move_holder(holder_id, seen, seen + 1)
    uow.append(records)


def note_fact_corrected(
    uow: UnitOfWork, before: FactNoted, after: FactNoted, holder_id: str, stamp: Callable[..., Event]
) -> None:
    """A fact was put right through the file that recorded it: the person's own stream says so too.

    A later record of a kind and first day replaces the earlier one; what should begin on another day never held.
    """
    gate = uow.holder(holder_id)
    seen = gate[0] if gate is not None else 0
    right = [stamp(FactRecorded, kind=after.kind, since=after.since, until=after.until, of=after.of)]
    if after.since != before.since:
        never = before.since - timedelta(days=1)
        right.insert(0, stamp(FactRecorded, kind=before.kind, since=before.since, until=never, of=before.of))
    records = uow.place(holder_id, seen, right, holder_id)
    uow.move_holder(holder_id, seen, seen + len(right))
    uow.append(records)
