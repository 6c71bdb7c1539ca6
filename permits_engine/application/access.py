"""Who may read what, and the record that a look at personal data leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from permits_engine.application import context
from permits_engine.application.handlers import holder_events
from permits_engine.domain.errors import ConflictError, PermitsError, error
from permits_engine.domain.events import Actor
from permits_engine.domain.rules import competence
from permits_engine.store.database.transactions import Statement, Transaction

if TYPE_CHECKING:
    from permits_engine.engine import Engine


def holders(tx: Transaction, after: str, limit: int) -> list[str]:
    """The next holders, by their ids."""
    return [row[0] for row in tx.all(_HOLDERS, {"after": after, "limit": limit})]


_HOLDERS = Statement("SELECT holder_id FROM holders WHERE holder_id > :after ORDER BY holder_id LIMIT :limit")


BATCH = 200
"""Holders whose trace is written in one transaction."""
ATTEMPTS = 5
"""How often it is tried, where others write about the same persons."""

_COUNTRIES = Statement("SELECT DISTINCT jurisdiction FROM permits ORDER BY jurisdiction")


def refusal(
    engine: Engine, tx: Transaction, actor: Actor, what: str, *, purpose: str | None, everywhere: bool
) -> PermitsError | None:
    """Why a reader may not see the files (persons) of every office; none where they may in every country."""
    countries = [row[0] for row in tx.all(_COUNTRIES)] or [context.DEFAULT_JURISDICTION]
    for code in countries:
        policy = engine.context.policies.current(tx, code)
        rules, today = policy.at(engine.context.today(policy)), engine.context.today(policy)
        problem = competence.reading_error(rules, today, what, actor, None, purpose)
        if problem is not None:
            return problem
        if competence.reading_reach(rules, today, what, actor) == "own" and not everywhere:
            return error(
                "actor.wrong_prefecture",
                f"the history holds the files of every office, and the role {actor.role} reads those of its own"
                " only; let an auditor do it",
                actor_prefecture=actor.prefecture,
                role=actor.role,
                reading=what,
            )
    return None


def note_everybody(engine: Engine, actor: Actor, purpose: str) -> int:
    """Leave the trace of a look with every holder whose data can be opened; gives how many were looked at."""
    after, count = "", 0
    while True:
        with engine.database.read() as tx:
            found = holders(tx, after, BATCH)
        if not found:
            return count
        _note(engine, actor, found, purpose)
        after, count = found[-1], count + len(found)


def _note(engine: Engine, actor: Actor, holder_ids: Sequence[str], purpose: str) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.database.write() as tx:
                uow = engine.context.begin(tx)
                uow.expect_holders(holder_ids)
                stamp = engine.context.stamper(actor, None, _today(engine, tx, actor))
                for holder_id in holder_ids:
                    holder_events.note_access(uow, holder_id, stamp, purpose)
                uow.write()
                return
        except ConflictError:
            if attempt == ATTEMPTS:
                raise


def _today(engine: Engine, tx: Transaction, actor: Actor) -> date:
    code = (actor.prefecture or context.DEFAULT_JURISDICTION)[:2]
    return engine.context.today(engine.context.policies.current(tx, code))
