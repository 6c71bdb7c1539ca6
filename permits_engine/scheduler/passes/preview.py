"""What a pass would do on a day, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NotRequired, TypedDict

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.handlers import families
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.fold import fold
from permits_engine.projections import writing
from permits_engine.scheduler.notices import moved
from permits_engine.scheduler.passes.reconciler import due_ids, settled
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.application import Placed, event_store, folded
from permits_engine.store.events.ids import derived

BATCH = 200
_ALL = 2**31 - 1


class PreviewRow(TypedDict):
    """Something that a pass would do: record a time effect, send a notice (with its fields), or park a file."""

    permit_id: str
    does: str
    on: NotRequired[str]
    reason: NotRequired[str]
    kind: NotRequired[str]
    to: NotRequired[str]
    anchor: NotRequired[int]
    tier: NotRequired[str]
    due_on: NotRequired[str]
    deadline: NotRequired[str]
    expedited: NotRequired[bool]


def preview(context: Context, on: date) -> Iterator[PreviewRow]:
    """Yield each thing that a pass would do, permit by permit, nearest expiry first."""
    with context.database.read() as tx:
        ids = due_ids(tx, on, _ALL)
        for start in range(0, len(ids), BATCH):
            for permit_id, records in event_store(tx).several(ids[start : start + BATCH]).items():
                yield from _of_file(context, tx, permit_id, records, on)


def _of_file(
    context: Context, tx: Transaction, permit_id: str, records: Iterable[Placed], on: date
) -> list[PreviewRow]:
    try:
        permit = folded(permit_id, records)
        policy = context.policies.current(tx, permit.jurisdiction)
        others = context.begin(tx).others_of(permit)
        s, effects = settled(permit, policy, on, context.today(policy), others)
    except PermitsError as problem:
        return [{"permit_id": permit_id, "does": "park", "reason": problem.message}]
    found: list[PreviewRow] = [
        {"permit_id": permit_id, "does": each.kind.NAME, "on": each.effective_on.isoformat()}
        for each in effects
    ]
    for dependent in {each.permit_id: None for each in permit.dependents}:
        below = fold(dependent, context.load(tx, dependent))
        end = families.pending_change(s, below) if below is not None else None
        if end is not None:
            name, day, _ = end
            found.append({"permit_id": dependent, "does": name.NAME, "on": day.isoformat()})
    due = [*notices.due(s), *(each for _, each in moved.moved(tx, [s]))]
    ids = [derived(f"notice/{each.key(permit_id)}") for each in due]
    known_ids = writing.known_notices(tx, ids)
    for notice_id, each in zip(ids, due, strict=True):
        if notice_id not in known_ids:
            row: Any = {k: v for k, v in msgspec.to_builtins(each).items() if v not in (None, False)}
            found.append({"permit_id": permit_id, "does": "notice"} | row)
    return found
