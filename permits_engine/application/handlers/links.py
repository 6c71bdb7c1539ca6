"""Two holders that are one person: linked and unlinked by a named officer, never by the engine, and never merged.

Each holder keeps their own files, key and history; the link is an event in both streams. It changes what the law
asks about a person: a title in force under one record is a title of the same person under the other.
"""

from __future__ import annotations

from permits_engine.application import idempotency
from permits_engine.application.context import Context, competence
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import LinkHolders, UnlinkHolders
from permits_engine.commands.fields import is_blank
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, HolderLinked, HolderUnlinked

MOST = 50
"""Records of one person that a decision looks at; more is taken for a mistake."""


def needs(command: LinkHolders | UnlinkHolders, needs: Needs) -> None:
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
        raise error(
            "transition.not_allowed",
            f"{command.name} is not possible: the holders are {'linked already' if wanted else 'not linked'}",
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
