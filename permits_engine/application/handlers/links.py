"""Two records of one person: linked and unlinked by a named human, never by the machine, and never merged.

Each holder keeps their own files, key and history; the link stands in the streams of both. What it changes is what
the law asks about a person: a title in force under one record is a title of the same person under the other.
"""

from __future__ import annotations

from permits_engine.application import context as context_room
from permits_engine.application import idempotency
from permits_engine.application.context import Context
from permits_engine.application.outcome import Outcome, conflict
from permits_engine.application.unit_of_work import UnitOfWork, records_of
from permits_engine.commands import LinkHolders, UnlinkHolders
from permits_engine.commands.fields import is_blank
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, HolderLinked, HolderUnlinked

MOST = 50
"""Records of one person that a decision looks at; more is a mistake that somebody should look at first."""


def change(context: Context, uow: UnitOfWork, command: LinkHolders | UnlinkHolders, actor: Actor) -> Outcome:
    """Link two holders, or unlink them; raises ``holder.not_found``, ``holder.erased``."""
    today = context_room.competence(context, uow, command, actor)
    ids = (command.holder_id, command.other_id)
    if ids[0] == ids[1]:
        raise invalid("other_id", "is the holder's own id; name the other record")
    if is_blank(command.reason):
        raise invalid("reason", "is blank; say what shows it")
    seen = {each: _version(uow, each) for each in ids}
    if command.expected_version is not None and command.expected_version != seen[ids[0]]:
        raise conflict(ids[0], seen[ids[0]], command.expected_version)
    wanted = isinstance(command, LinkHolders)
    if (ids[1] in uow.person(ids[0]).linked) == wanted:
        raise error(
            "transition.not_allowed",
            f"{command.name} is not possible: the holders are {'linked already' if wanted else 'not linked'}",
            state={"linked": not wanted},
            command=command.name,
            allowed=["unlink_holders" if wanted else "link_holders"],
        )
    if wanted and len(records_of(uow, ids[0])) + len(records_of(uow, ids[1])) > MOST:
        raise invalid("other_id", f"would make more than {MOST} records of one person; look at them first")
    stamp = context.stamper(actor, command, command.on or today)
    kind = HolderLinked if wanted else HolderUnlinked
    records = [
        (each, uow.place(each, seen[each], [stamp(kind, other=other, reason=command.reason)], each))
        for each, other in (ids, ids[::-1])
    ]
    outcome = Outcome(None, ids[0], seen[ids[0]] + 1, (kind.NAME,))
    idempotency.remember(uow, command, outcome, ids[0], seen[ids[0]])
    for each, new in records:
        uow.move_holder(each, seen[each], seen[each] + 1)
        uow.bump_holder_version(each)  # a card decided meanwhile did not know that they are one person
        uow.append(new)
    return outcome


def _version(uow: UnitOfWork, holder_id: str) -> int:
    gate = uow.holder(holder_id)
    if gate is None:
        raise error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
    return gate[0]
