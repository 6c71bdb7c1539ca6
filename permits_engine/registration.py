"""Persons: made known and changed; they belong to no permit and to no country."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import date, timedelta

from permits_engine.application import idempotency
from permits_engine.application.context import Context
from permits_engine.commands import Command, RecordFact, RegisterHolder, UpdateHolder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import (
    Actor,
    Event,
    FactNoted,
    FactRecorded,
    HolderAccessed,
    HolderRegistered,
    HolderUpdated,
)
from permits_engine.domain.rules.competence import refusal
from permits_engine.outcomes import Outcome, conflict
from permits_engine.projections.holder import grown
from permits_engine.projections.search_entries import entries_of_person
from permits_engine.store.events import history
from permits_engine.store.keys.keyring import NEW_KEY
from permits_engine.work import Work

DEFAULT_JURISDICTION = "MA"
_ENVELOPE = {"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"}


def register(context: Context, work: Work, command: RegisterHolder, actor: Actor) -> Outcome:
    """Make a person known; everything about them is sealed under a key of their own."""
    today = competence(context, work, command, actor)
    if command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    holder_id = command.holder_id or context.new_id()
    if command.holder_id is not None and work.holder(holder_id) is not None:
        work.cipher(holder_id)  # whoever was erased does not come back
        raise error(
            "concurrency.conflict",
            f"holder_id {holder_id} is registered already; use update_holder",
            holder_id=holder_id,
        )
    fields = command.model_dump(mode="json", exclude=_ENVELOPE)
    event = context.stamper(actor, command, command.on or today)(HolderRegistered, **fields)
    cipher, row = context.keyring.make(holder_id)
    person = grown(None, holder_id, 1, event)
    work.new_holder(person, cipher)
    work.later(NEW_KEY, row)
    work.append(work.sealed(holder_id, 0, [event], holder_id))
    outcome = Outcome(None, holder_id, 1, (event.NAME,))
    idempotency.remember(work, command, outcome, holder_id, 0)
    work.found_by(entries_of_person(person))
    return outcome


def change(context: Context, work: Work, command: UpdateHolder, actor: Actor) -> Outcome:
    """Change what is known about a person; raises ``holder.not_found``."""
    today = competence(context, work, command, actor)
    gate = work.holder(command.holder_id)
    if gate is None:
        raise error(
            "holder.not_found", f"there is no holder {command.holder_id}", holder_id=command.holder_id
        )
    seen = gate[0]
    if command.expected_version is not None and not _unchanged(work, command.holder_id, command, seen):
        raise conflict(command.holder_id, seen, command.expected_version)
    fields = command.model_dump(mode="json", exclude=_ENVELOPE, exclude_unset=True)
    if not fields:
        raise invalid("update_holder", "names no field to change")
    for required in ("family_name", "given_names", "birth_date", "sex", "nationality", "language"):
        if required in fields and fields[required] is None:
            raise invalid(required, "cannot be emptied")
    if command.birth_date is not None and command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    work.cipher(command.holder_id)
    stamp = context.stamper(actor, command, command.on or today)
    event = stamp(HolderUpdated, changed=tuple(fields), **fields)
    records = work.sealed(command.holder_id, seen, [event], command.holder_id)
    outcome = Outcome(None, command.holder_id, seen + 1, (event.NAME,))
    entries = []
    if fields.keys() & {"family_name", "given_names", "birth_date"}:
        known = copy(work.person(command.holder_id))
        entries = entries_of_person(grown(known, command.holder_id, seen + 1, event))
    idempotency.remember(work, command, outcome, command.holder_id, seen)
    work.found_by(entries)
    work.move_holder(command.holder_id, seen, seen + 1)
    work.append(records)
    return outcome


def _unchanged(work: Work, holder_id: str, command: UpdateHolder, version: int) -> bool:
    """Whether nothing but looks at the person lies between the version that was expected and the present one."""
    expected = command.expected_version
    if expected is None or expected == version:
        return True
    since = history.stream(work.unit, holder_id, after=expected)
    looks = [each for each in since if each.name.startswith(f"{HolderAccessed.NAME}@")]
    return expected < version and len(looks) == version - expected


def note_access(work: Work, holder_id: str, stamp: Callable[..., Event], purpose: str | None) -> None:
    """Somebody has seen a person's data; nothing is noted of one whose data were erased."""
    gate = work.holder(holder_id)
    if gate is None or work.key(holder_id) is None:
        return
    event = stamp(HolderAccessed, purpose=purpose)
    records = work.sealed(holder_id, gate[0], [event], holder_id)
    work.move_holder(holder_id, gate[0], gate[0] + 1)
    work.append(records)


def note_fact(work: Work, command: RecordFact, holder_id: str, stamp: Callable[..., Event]) -> None:
    """A fact recorded through a file, in the holder's own stream, with its evidence sealed."""
    gate = work.holder(holder_id)
    seen = gate[0] if gate is not None else 0
    event = stamp(
        FactRecorded,
        kind=command.kind,
        since=command.since,
        until=command.until,
        of=command.of,
        evidence=command.evidence,
    )
    records = work.sealed(holder_id, seen, [event], holder_id)
    work.move_holder(holder_id, seen, seen + 1)
    work.append(records)


def note_fact_corrected(
    work: Work, before: FactNoted, after: FactNoted, holder_id: str, stamp: Callable[..., Event]
) -> None:
    """A fact was put right through the file that recorded it: the person's own stream says so too.

    A later record of a kind and first day replaces the earlier one; what should begin on another day never held.
    """
    gate = work.holder(holder_id)
    seen = gate[0] if gate is not None else 0
    right = [stamp(FactRecorded, kind=after.kind, since=after.since, until=after.until, of=after.of)]
    if after.since != before.since:
        never = before.since - timedelta(days=1)
        right.insert(0, stamp(FactRecorded, kind=before.kind, since=before.since, until=never, of=before.of))
    records = work.sealed(holder_id, seen, right, holder_id)
    work.move_holder(holder_id, seen, seen + len(right))
    work.append(records)


def competence(context: Context, work: Work, command: Command, actor: Actor) -> date:
    """Today, where the actor may give the command; raises ``actor.not_competent``.

    A person belongs to no country: the actor's own office says whose rules on competence apply.
    """
    jurisdiction = (actor.prefecture or DEFAULT_JURISDICTION)[:2]
    policy = work.policy(jurisdiction)
    today = context.today(policy)
    on = command.on or today
    if on > today:
        raise invalid("on", f"{on} lies after today ({today}); give the day on which it happened")
    problem = refusal(policy.at(today), max(on, today), command.name, actor, None)
    if problem is not None:
        raise problem
    return today
