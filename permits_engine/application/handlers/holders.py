"""Holders: registered, updated, linked; they belong to no permit and to no country.

Two holders that are one person are linked and unlinked by a named officer, never by the engine, and never merged. Each
keeps their own files, key and history; the link is an event in both streams. It changes what the law asks about a
person: a title in force under one record is a title of the same person under the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from datetime import date

from permits_engine.application import idempotency
from permits_engine.application.context import Context, competence
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import Command, LinkHolders, RegisterHolder, UnlinkHolders, UpdateHolder
from permits_engine.commands.fields import is_blank
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import (
    Actor,
    Event,
    HolderAccessed,
    HolderLinked,
    HolderRegistered,
    HolderUnlinked,
    HolderUpdated,
)
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.projections.holder import grown
from permits_engine.projections.search_entries import entries_of_person

_ENVELOPE = {"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"}
_REQUIRED = ("family_name", "birth_date", "sex", "nationality", "language")
_INDEXED = {"family_name", "given_names", "also_known_as", "birth_date"}


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
    _born_by(str(command.birth_date), today)
    holder_id = command.holder_id or context.new_id()
    if command.holder_id is not None and uow.holder(holder_id) is not None:
        uow.cipher(holder_id)
        message = f"holder_id {holder_id} is registered already; use update_holder"
        raise error("concurrency.conflict", message, holder_id=holder_id)
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
    if command.birth_date is not None:
        _born_by(str(command.birth_date), today)
    uow.cipher(holder_id)
    if fields.keys() & {"nationality", "nationality_read"} == {"nationality"}:
        fields |= {"nationality_read": None} if uow.person(holder_id).nationality_read else {}
    before = copy(uow.person(holder_id)) if fields.keys() & _INDEXED else None
    stamp = context.stamper(actor, command, command.on or today)
    event = stamp(HolderUpdated, changed=tuple(fields), **fields)
    outcome = append(uow, command, holder_id, [event])
    if before is not None:
        uow.index(entries_of_person(grown(before, holder_id, outcome.version, event)))
    return outcome


def _born_by(birth_date: str, today: date) -> None:
    if PartialDate.of(birth_date).earliest > today:
        raise invalid("birth_date", f"{birth_date} lies after today ({today})")


def _unchanged(uow: UnitOfWork, holder_id: str, expected: int, version: int) -> bool:
    """Return whether all events after the expected version are looks at the person's data."""
    if expected == version:
        return True
    since = uow.store.stream(holder_id, after=expected)
    looks = [each for each in since if each.name.startswith(f"{HolderAccessed.NAME}@")]
    return expected < version and len(looks) == version - expected


# --- two holders that are one person ---


MOST = 50
"""Records of one person that a decision looks at; more is taken for a mistake."""


def needs_of_link(command: LinkHolders | UnlinkHolders, needs: Needs) -> None:
    """Name what the commands read."""
    needs.holders.update((command.holder_id, command.other_id))
    needs.persons.update((command.holder_id, command.other_id))


def link_holders(
    context: Context, uow: UnitOfWork, command: LinkHolders | UnlinkHolders, actor: Actor
) -> Outcome:
    """Link two holders, or unlink them; raise ``holder.not_found``, ``holder.erased``."""
    today = competence(context, uow, command, actor)
    ids = (command.holder_id, command.other_id)
    if ids[0] == ids[1]:
        raise invalid("other_id", "is the holder's own id; name the other record")
    if is_blank(command.reason):
        raise invalid("reason", "is blank; give the evidence")
    seen = {each: uow.holder_version(each) for each in ids}
    if command.expected_version not in (None, seen[ids[0]]):
        raise conflict(ids[0], seen[ids[0]], command.expected_version or 0)
    wanted = isinstance(command, LinkHolders)
    if (ids[1] in uow.person(ids[0]).linked) == wanted:
        why = "the holders are linked already" if wanted else "the holders are not linked"
        raise error(
            "transition.not_allowed",
            f"{command.name} is not possible: {why}",
            state={"linked": not wanted},
            command=command.name,
            allowed=["unlink_holders" if wanted else "link_holders"],
        )
    if wanted and len(uow.records_of(ids[0])) + len(uow.records_of(ids[1])) > MOST:
        raise invalid("other_id", f"would make more than {MOST} records of one person; check them first")
    stamp = context.stamper(actor, command, command.on or today)
    kind = HolderLinked if wanted else HolderUnlinked
    placed = [
        uow.place(each, seen[each], [stamp(kind, other=other, reason=command.reason)], each)
        for each, other in (ids, ids[::-1])
    ]
    outcome = Outcome(None, ids[0], seen[ids[0]] + 1, (kind.NAME,))
    idempotency.remember(uow, command, outcome, ids[0], seen[ids[0]])
    for each, new in zip(ids, placed, strict=True):
        uow.extend_holder(new)
        uow.bump_holder_version(each)  # a card decided meanwhile took them for two persons
    return outcome


# --- events of a holder's stream ---


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
