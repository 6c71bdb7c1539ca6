"""Inserts that cannot fail inside a host's transaction: a row that is there already is a row count."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from permits_engine.store.database import Statement


def insert_new(table: Table) -> Statement:
    """Add a row, or nothing where its key is there already."""
    values: dict[str, Any] = {name: bindparam(name) for name in table.columns.keys()}  # noqa: SIM118
    return Statement(
        {
            "sqlite": sqlite.insert(table).values(values).on_conflict_do_nothing(),
            "postgresql": postgresql.insert(table).values(values).on_conflict_do_nothing(),
        }
    )


def replace(table: Table) -> Statement:
    """Put a row in place whatever was there under its primary key."""
    values: dict[str, Any] = {name: bindparam(name) for name in table.columns.keys()}  # noqa: SIM118
    key = [column.name for column in table.primary_key]
    rest: dict[str, Any] = {name: bindparam(name) for name in values if name not in key}
    return Statement(
        {
            "sqlite": sqlite.insert(table)
            .values(values)
            .on_conflict_do_update(index_elements=key, set_=rest),
            "postgresql": postgresql.insert(table)
            .values(values)
            .on_conflict_do_update(index_elements=key, set_=rest),
        }
    )
