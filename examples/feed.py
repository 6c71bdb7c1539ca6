"""Another table fed from the engine's events, exactly once.

The host counts decisions by day in a database of its own. The count and the position of the last event in it
change in one transaction, so that a process that is killed anywhere goes on where the table is.

    python -m examples.feed sqlite:///permits.db sqlite:///statistics.db
"""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, text

from permits_engine import Engine

DECISIONS = ("permit.issued", "permit.refused", "permit.renewed", "permit.renewal_refused", "permit.revoked")
TABLES = (
    "CREATE TABLE IF NOT EXISTS decisions (day TEXT, name TEXT, count INTEGER, PRIMARY KEY (day, name))",
    "CREATE TABLE IF NOT EXISTS fed (one INTEGER PRIMARY KEY, position BIGINT NOT NULL)",
    "INSERT INTO fed VALUES (1, 0) ON CONFLICT DO NOTHING",
)
COUNT = text(
    "INSERT INTO decisions VALUES (:day, :name, 1)"
    " ON CONFLICT (day, name) DO UPDATE SET count = decisions.count + 1"
)
MOVE = text("UPDATE fed SET position = :position WHERE position = :before")


def prepare(host: SqlEngine) -> None:
    """Make the host's tables."""
    with host.begin() as connection:
        for statement in TABLES:
            connection.execute(text(statement))


def fed(host: SqlEngine) -> int:
    """The position up to which the table holds everything."""
    with host.connect() as connection:
        return int(connection.execute(text("SELECT position FROM fed")).scalar_one())


def put(host: SqlEngine, event: dict[str, Any], before: int) -> None:
    """One event into the table, and the position with it: both or neither."""
    with host.begin() as connection:
        moved = connection.execute(MOVE, {"position": event["position"], "before": before})
        if moved.rowcount != 1:  # a second process feeds the same table: it has been here
            raise RuntimeError("another reader feeds this table")
        if event["name"] in DECISIONS:
            connection.execute(COUNT, {"day": event["effective_on"], "name": event["name"]})


def feed(engine: Engine, host: SqlEngine, timeout: float | None = 1.0) -> None:
    """Put in what is new, until nothing new came for ``timeout`` seconds (none: for ever)."""
    position = fed(host)
    for event in engine.subscribe(after=position, timeout=timeout):
        put(host, event, position)
        position = event["position"]


def main(store: str, statistics: str, keys: str | None = None) -> None:
    """Feed until stopped."""
    host = create_engine(statistics)
    prepare(host)
    with Engine.open(store, keys=keys) as engine:
        feed(engine, host, timeout=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
