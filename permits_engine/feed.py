"""The feed: every event in the store's one order, from any position on, for those who build something else of it.

Positions are given at commit, gapless and never reused: whoever goes on after the last position they have
dealt with misses nothing and gets nothing twice, however they were stopped.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from math import inf
from typing import Any

from permits_engine.domain.errors import error, invalid
from permits_engine.reading import shown
from permits_engine.store import history
from permits_engine.store.database import Database
from permits_engine.store.waking import Waker

BATCH = 500


def events(
    database: Database, after: int, *, timeout: float | None, names: Collection[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The events after a position; ends when nothing new came for ``timeout`` seconds (none: never).

    No transaction is open while the caller works on an event. A position beyond the head is
    ``position.beyond_head``: it belongs to another store, or to one that was restored to an earlier state.
    """
    if after < 0:
        raise invalid("after", f"{after} is no position; give 0 for the beginning")
    with database.read() as unit:
        head = history.head(unit).position
    if after > head:
        raise error(
            "position.beyond_head",
            f"after {after} lies beyond the head, {head}: another store, or one restored from a backup?",
            after=after,
            head=head,
        )
    return _following(database, after, timeout, names)


def _following(
    database: Database, position: int, timeout: float | None, names: Collection[str] | None
) -> Iterator[dict[str, Any]]:
    waker: Waker | None = None
    idle_since = time.monotonic()
    try:
        while True:
            with database.read() as unit:
                found = history.after(unit, position, BATCH)
            for record in found:
                position = record.position
                if names is None or record.name.partition("@")[0] in names:
                    yield {"stream": record.stream, **shown(record)}
            if found:
                idle_since = time.monotonic()
                if waker is not None:
                    waker.rest()
                continue
            left = inf if timeout is None else timeout - (time.monotonic() - idle_since)
            if left <= 0:
                return
            if waker is None:
                waker = Waker(database)
            waker.wait(left)
    finally:
        if waker is not None:
            waker.close()
