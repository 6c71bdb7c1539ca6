"""A history of any length: a few hundred real files, and as many copies of their events as are asked for.

A copy is the same file under another id. Its events are appended by the engine's own store, so that what is read,
folded and verified is stored as any other history is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from eventsourcing.persistence import StoredEvent as Record

from benchmarks.people import COMMISSION, DECIDER, filings, opinion, permit_id
from permits_engine import Engine, IssuePermit
from permits_engine.commands import Command
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import Actor
from permits_engine.projections import writing
from permits_engine.store.events import history
from permits_engine.store.events.ids import derived
from permits_engine.store.events.recorder import TransactionRecorder

REAL = 500
BATCH = 1000
"""Files written in one transaction."""


def acts(count: int) -> Iterator[tuple[Command, Actor]]:
    """The whole of a first card for so many people: registered, filed, heard, issued."""
    yield from filings(count)
    yield from ((opinion(n), COMMISSION) for n in range(count))
    for n in range(count):
        yield IssuePermit(permit_id=permit_id(n), on=date(2017, 2, 1)), DECIDER


def grown(engine: Engine, events: int) -> int:
    """Make a history of about so many events; gives how many permits it is about."""
    real = max(1, min(REAL, events // 5))
    for outcome in engine.execute_many(list(acts(real))):
        assert not isinstance(outcome, PermitsError), outcome
    with engine.database.read() as tx:
        files = TransactionRecorder(tx).select_streams([permit_id(n) for n in range(real)])
        rows = _rows(tx)
        position = history.head(tx).position
    each = sum(len(records) for records in files.values())
    copies = max(0, -(-(events - position) // each))
    for copy in range(copies):
        _copy(engine, copy, files, rows)
    return real * (copies + 1)


def _rows(tx: Any) -> dict[str, dict[str, Any]]:
    from sqlalchemy import select

    from permits_engine.store.database.schema import permits
    from permits_engine.store.database.transactions import Statement

    names = [column.name for column in permits.columns]
    found = tx.all(Statement(select(*permits.columns)), {})
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def _copy(engine: Engine, copy: int, files: dict[str, Any], rows: dict[str, dict[str, Any]]) -> None:
    with engine.database.write() as tx:
        records: list[Record] = []
        new = []
        for permit, past in files.items():
            stream = derived(f"bench/copy/{copy}/{permit}")
            records += [Record(stream, r.version, r.name, r.payload) for r in past]
            new.append({**rows[permit], "permit_id": stream})
        writing.insert_rows(tx, new)
        TransactionRecorder(tx).insert_events(records, now=engine.context.now())
