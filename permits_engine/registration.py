"""Persons: made known and changed; they belong to no permit and to no country."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from permits_engine import commands as c
from permits_engine.domain import events as e
from permits_engine.domain.competence import roles_for
from permits_engine.domain.errors import error, invalid
from permits_engine.outcomes import Outcome, conflict
from permits_engine.projections.upserts import insert_new
from permits_engine.store.database import Statement, Unit
from permits_engine.store.schema import holders

if TYPE_CHECKING:
    from permits_engine.execution import Executor

DEFAULT_JURISDICTION = "MA"

_HOLDER_GATE = Statement(
    select(holders.c.version, holders.c.gate).where(holders.c.holder_id == bindparam("holder_id"))
)
_HOLDER_NEXT = Statement(
    update(holders)
    .where(holders.c.holder_id == bindparam("of"), holders.c.version == bindparam("seen"))
    .values(version=bindparam("version"))
)
_NEW_HOLDER = insert_new(holders)


def register(executor: Executor, unit: Unit, command: c.RegisterHolder, actor: e.Actor) -> Outcome:
    """Make a person known; everything about them is sealed under a key of their own."""
    today = _competence(executor, unit, command, actor)
    if command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    holder_id = command.holder_id or executor.new_id()
    if unit.run(_NEW_HOLDER, {"holder_id": holder_id, "version": 1, "gate": 0}) != 1:
        raise error(
            "concurrency.conflict",
            f"holder_id {holder_id} is registered already; use update_holder",
            holder_id=holder_id,
        )
    fields = command.model_dump(
        mode="json",
        exclude={"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"},
    )
    event = executor.stamper(actor, command, command.on or today)(e.HolderRegistered, **fields)
    executor.append(unit, holder_id, 0, [event], holder_id, executor.keyring.mint(unit, holder_id))
    executor.remember(unit, command, holder_id, None, holder_id, 0, 1)
    return Outcome(None, holder_id, 1, (event.NAME,))


def change(executor: Executor, unit: Unit, command: c.UpdateHolder, actor: e.Actor) -> Outcome:
    """Change what is known about a person; raises ``holder.not_found``."""
    today = _competence(executor, unit, command, actor)
    gate = unit.one(_HOLDER_GATE, {"holder_id": command.holder_id})
    if gate is None:
        raise error(
            "holder.not_found", f"there is no holder {command.holder_id}", holder_id=command.holder_id
        )
    seen = int(gate[0])
    if command.expected_version is not None and command.expected_version != seen:
        raise conflict(command.holder_id, seen, command.expected_version)
    envelope = {"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"}
    fields = command.model_dump(mode="json", exclude=envelope, exclude_unset=True)
    if not fields:
        raise invalid("update_holder", "names no field to change")
    for required in ("family_name", "given_names", "birth_date", "sex", "nationality", "language"):
        if required in fields and fields[required] is None:
            raise invalid(required, "cannot be emptied")
    if command.birth_date is not None and command.birth_date > today:
        raise invalid("birth_date", f"{command.birth_date} lies after today ({today})")
    cipher = executor.cipher(unit, command.holder_id)
    stamp = executor.stamper(actor, command, command.on or today)
    event = stamp(e.HolderUpdated, changed=tuple(fields), **fields)
    moved = unit.run(_HOLDER_NEXT, {"of": command.holder_id, "seen": seen, "version": seen + 1})
    if moved != 1:
        raise conflict(command.holder_id, None, seen)
    executor.append(unit, command.holder_id, seen, [event], command.holder_id, cipher)
    executor.remember(unit, command, command.holder_id, None, command.holder_id, seen, seen + 1)
    return Outcome(None, command.holder_id, seen + 1, (event.NAME,))


def _competence(executor: Executor, unit: Unit, command: c.Command, actor: e.Actor) -> date:
    """A person belongs to no country: the actor's own office says whose rules on competence apply."""
    jurisdiction = (actor.prefecture or DEFAULT_JURISDICTION)[:2]
    policy = executor.adopted.current(unit, jurisdiction)
    today = executor.today(policy)
    on = command.on or today
    if on > today:
        raise invalid("on", f"{on} lies after today ({today}); give the day on which it happened")
    roles = roles_for(policy.at(today), max(on, today), command.name)
    if actor.role not in roles:
        who = " or ".join(sorted(roles)) or "nobody"
        raise error(
            "actor.not_competent",
            f"the role {actor.role} may not {command.name}; this is for: {who}",
            role=actor.role,
            command=command.name,
            roles=sorted(roles),
        )
    return today
