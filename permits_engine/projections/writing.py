"""Rows written in the transaction of their events; the version that a row had makes a conflict a row count."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, bindparam, tuple_, update

from permits_engine.store.database.schema import notices, parked, permits
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.database.upserts import insert_new, replace

_MOVED = (
    "version",
    "state",
    "attempts",
    "reason",
    "updated_at",
    "channel",
    "refused_by",
    "next_attempt_at",
    "named",
)
_PERMIT = [column.name for column in permits.columns]
_SOUGHT = sorted({column.name for index in permits.indexes for column in index.columns})
"""The indexed columns besides the key."""


def _moved(names: list[str]) -> ClauseElement:
    """Return the update of a row at the version ``seen``."""
    return (
        update(permits)
        .where(permits.c.permit_id == bindparam("of"), permits.c.version == bindparam("seen"))
        .values({name: bindparam(name) for name in names})
    )


def _changed(names: list[str]) -> Statement:
    """Return the update of columns whose values differ, in a row that is locked already."""
    columns = [permits.c[name] for name in names]
    new: list[Any] = [bindparam(name) for name in names]
    return Statement(
        update(permits)
        .where(permits.c.permit_id == bindparam("of"), tuple_(*columns).is_distinct_from(tuple_(*new)))
        .values(dict(zip(names, new, strict=True)))
    )


INSERT_PERMIT = insert_new(permits)
"""Adds the row of a new permit, unless it exists."""
_UPDATE_PERMIT = Statement(
    {
        "sqlite": _moved([name for name in _PERMIT if name not in {"permit_id", *_SOUGHT}]),
        "postgresql": _moved([name for name in _PERMIT if name != "permit_id"]),
    }
)
# SQLite rewrites the indexes of all columns that are set, changed or not; PostgreSQL compares.
_UPDATE_SOUGHT = [_changed(["next_due"]), _changed([name for name in _SOUGHT if name != "next_due"])]
REPLACE_PERMIT = replace(permits)
"""Inserts the row of a permit or replaces the present one, for a rebuild."""
INSERT_NOTICE = insert_new(notices)
"""Adds the row of a new notice, unless it exists."""
UPDATE_NOTICE = Statement(
    update(notices)
    .where(notices.c.notice_id == bindparam("of"), notices.c.version == bindparam("seen"))
    .values({name: bindparam(name) for name in _MOVED})
)
"""Updates the row of a notice (``of``) at the version ``seen``."""
_KNOWN_NOTICES = Statement(among("SELECT notice_id FROM notices WHERE notice_id"))


def insert_rows(tx: Transaction, rows: list[dict[str, Any]]) -> int:
    """Add the rows of new permits; return how many did not exist."""
    return tx.each(INSERT_PERMIT, rows)


def update_rows(tx: Transaction, rows: list[dict[str, Any]]) -> int:
    """Update rows of permits (``of``) at the versions ``seen``; return how many still had them."""
    done = tx.each(_UPDATE_PERMIT, rows)
    if tx.dialect == "sqlite" and rows:
        for statement in _UPDATE_SOUGHT:
            tx.each(statement, rows)
    return done


def known_notices(tx: Transaction, ids: list[str]) -> set[str]:
    """Return those of the notices that exist."""
    return {row[0] for row in tx.all(_KNOWN_NOTICES, {"ids": ids})} if ids else set()


def moved(row: dict[str, Any], seen: int) -> dict[str, Any]:
    """Return the parameters of ``UPDATE_NOTICE`` for a row that was at version ``seen``."""
    fields = {name: row[name] for name in _MOVED}
    return {**fields, "of": row["notice_id"], "seen": seen}


_PARK = insert_new(parked)
_MARK = Statement("UPDATE permits SET parked = :reason, next_due = NULL WHERE permit_id = :of")


def park(tx: Transaction, stream: str, reason: str, now: int) -> None:
    """Park a permit whose stream cannot be folded: passes leave it out until it is repaired."""
    tx.run(_PARK, {"stream": stream, "permit_id": stream, "reason": reason, "since": now})
    tx.run(_MARK, {"of": stream, "reason": reason})
